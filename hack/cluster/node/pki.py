"""The node's certificates: one authority, one certificate per program, made anew with each node."""

from dataclasses import dataclass
from pathlib import Path

from cluster.commands import run
from cluster.node.network import ADDRESSES

_DAYS = "3650"
_AUTHORITY = (
    "basicConstraints=critical,CA:TRUE",
    "keyUsage=critical,keyCertSign,cRLSign,digitalSignature",
)


@dataclass(frozen=True)
class Certificate:
    """A leaf certificate; ``organization`` is the Kubernetes group, ``name`` the user."""

    file: str
    name: str
    organization: str = ""
    alternative_names: str = ""

    @property
    def usage(self) -> str:
        """Servers are known by their names; the others are users."""
        return "serverAuth" if self.alternative_names else "clientAuth"

    @property
    def subject(self) -> str:
        """The subject as openssl reads it."""
        group = f"/O={self.organization}" if self.organization else ""
        return f"{group}/CN={self.name}"


NODE_NAME = "comal"
CERTIFICATES = (
    Certificate("admin", "comal-admin", "system:masters"),
    Certificate("controller-manager", "system:kube-controller-manager"),
    Certificate("scheduler", "system:kube-scheduler"),
    Certificate("kube-proxy", "system:kube-proxy"),
    Certificate("kubelet", f"system:node:{NODE_NAME}", "system:nodes"),
    Certificate("metrics-server", "system:metrics-server"),
    Certificate(
        "metrics-server-serving",
        "metrics-server",
        alternative_names="DNS:metrics-server.kube-system.svc",
    ),
    Certificate("apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
    Certificate(
        "kubelet-serving",
        f"system:node:{NODE_NAME}",
        "system:nodes",
        alternative_names=f"DNS:{NODE_NAME},IP:{ADDRESSES.node},IP:127.0.0.1",
    ),
    Certificate(
        "apiserver",
        "kube-apiserver",
        alternative_names=",".join(
            (
                "DNS:localhost",
                "DNS:kubernetes",
                "DNS:kubernetes.default",
                "DNS:kubernetes.default.svc",
                "DNS:kubernetes.default.svc.cluster.local",
                f"IP:{ADDRESSES.node}",
                f"IP:{ADDRESSES.api_service}",
                "IP:127.0.0.1",
            )
        ),
    ),
)


def write_certificates(folder: Path) -> None:
    """Write ca, each of CERTIFICATES (.crt, .key) and the service account key into ``folder``."""
    folder.mkdir(parents=True, mode=0o700)
    authority = folder / "ca.crt", folder / "ca.key"
    _openssl(folder / "ca", "/CN=comal-node", _AUTHORITY, None)
    for certificate in CERTIFICATES:
        extensions = ["basicConstraints=CA:FALSE", f"extendedKeyUsage={certificate.usage}"]
        if certificate.alternative_names:
            extensions.append(f"subjectAltName={certificate.alternative_names}")
        _openssl(folder / certificate.file, certificate.subject, tuple(extensions), authority)
    _write_front_proxy(folder)
    key = folder / "service-accounts.key"
    run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key])
    run(["openssl", "ec", "-in", key, "-pubout", "-out", folder / "service-accounts.pub"])


def _write_front_proxy(folder: Path) -> None:
    """Write the API server's own name before further APIs, from an authority of its own: whoever
    has a certificate of it may speak for anybody.
    """
    authority = folder / "front-proxy-ca.crt", folder / "front-proxy-ca.key"
    _openssl(folder / "front-proxy-ca", "/CN=comal-front-proxy", _AUTHORITY, None)
    client = ("basicConstraints=CA:FALSE", "extendedKeyUsage=clientAuth")
    _openssl(folder / "front-proxy", "/CN=front-proxy", client, authority)


def _openssl(
    stem: Path, subject: str, extensions: tuple[str, ...], signer: tuple[Path, Path] | None
) -> None:
    signed_by: list[str | Path] = ["-CA", signer[0], "-CAkey", signer[1]] if signer else []
    run(
        [
            "openssl", "req", "-x509", "-nodes", "-days", _DAYS,
            "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-subj", subject, "-keyout", stem.with_suffix(".key"), "-out", stem.with_suffix(".crt"),
            *signed_by,
            *(part for extension in extensions for part in ("-addext", extension)),
        ]
    )  # fmt: skip
