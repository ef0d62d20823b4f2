"""A real OCI distribution registry on loopback, with ways to push to it and to damage it."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from comal_scorer import contract
from unit.scorer.model_folders import Package, digest_of
from unit.scorer.scorer_process import free_port

_PROGRAM = next(filter(None, map(shutil.which, ("docker-registry", "registry"))), None)


class RegistryProcess:
    """CNCF distribution with a folder as its store."""

    def __init__(self, folder: Path) -> None:
        if _PROGRAM is None:
            raise RuntimeError("no registry program; install it: apt-get install docker-registry")
        self.url = f"http://127.0.0.1:{free_port()}"
        self._store = folder / "store"
        settings = {
            "version": 0.1,
            "log": {"level": "error"},
            "storage": {"filesystem": {"rootdirectory": str(self._store)}},
            "http": {"addr": self.url.removeprefix("http://")},
        }
        # JSON is YAML.
        (folder / "config.yml").write_text(json.dumps(settings))
        self._log = (folder / "log").open("wb")
        command = [_PROGRAM, "serve", str(folder / "config.yml")]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        self._wait()

    def _wait(self) -> None:
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            try:
                self._send("GET", f"{self.url}/v2/", None)
            except urllib.error.URLError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("the registry did not start")

    def push(self, package: Package, repository: str) -> str:
        """Upload the artifact; return the digest of its manifest."""
        for content in (package.config, *package.files.values()):
            self._upload(repository, content)
        self.push_manifest(repository, package.manifest)
        return package.digest

    def push_manifest(self, repository: str, manifest: bytes) -> str:
        """Upload manifest bytes as they are."""
        digest = digest_of(manifest)
        url = f"{self.url}/v2/{repository}/manifests/{digest}"
        self._send("PUT", url, manifest, contract.MANIFEST_MEDIA_TYPE)
        return digest

    def _upload(self, repository: str, content: bytes) -> None:
        place = self._send("POST", f"{self.url}/v2/{repository}/blobs/uploads/", b"")
        joint = "&" if "?" in place else "?"
        self._send("PUT", f"{place}{joint}digest={digest_of(content)}", content)

    @staticmethod
    def _send(
        method: str, url: str, body: bytes | None, content_type: str = "application/octet-stream"
    ) -> str:
        headers = {"content-type": content_type}
        request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - loopback
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
            return answer.headers["location"] or ""

    def stored(self, digest: str) -> Path:
        """Return the file in the store that holds a blob's bytes."""
        name = digest.removeprefix("sha256:")
        return self._store / "docker/registry/v2/blobs/sha256" / name[:2] / name / "data"

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._log.close()
