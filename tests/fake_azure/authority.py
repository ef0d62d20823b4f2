"""The bed's own certificate authority, and a certificate for the hosts' names."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import certifi
import trustme


@dataclass(frozen=True)
class Authority:
    """Files that servers and clients need."""

    bundle: Path
    """What clients trust: the bed's authority beside the public ones."""
    alone: Path
    """The bed's authority only, as a company hands out its own."""
    certificate: Path
    key: Path

    def server(self) -> ssl.SSLContext:
        """Return what a server of the bed speaks https with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def make_authority(folder: Path, names: Sequence[str]) -> Authority:
    """Make an authority in `folder` with one certificate for all `names`."""
    authority = trustme.CA(organization_name="Comal's tests")
    issued = authority.issue_cert(*names)
    names_of_files = ("bundle.pem", "authority.pem", "server.pem", "server.key")
    made = Authority(*(folder / name for name in names_of_files))
    made.alone.write_bytes(authority.cert_pem.bytes())
    made.bundle.write_bytes(Path(certifi.where()).read_bytes() + authority.cert_pem.bytes())
    made.certificate.write_bytes(b"".join(one.bytes() for one in issued.cert_chain_pems))
    made.key.touch(mode=0o600)
    made.key.write_bytes(issued.private_key_pem.bytes())
    return made
