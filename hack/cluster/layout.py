"""An OCI image layout: a folder of blobs that images share, and archives of what someone lacks."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from cluster.commands import ClusterError

# OCI's own name for an image in a layout, and the one that containerd takes as it is.
_REFERENCE = "org.opencontainers.image.ref.name"
_CONTAINERD_NAME = "io.containerd.image.name"


class Layout:
    """One folder; an image's reference in it is its tag, which must not repeat between images."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def receiving(self, image: str) -> Iterator[str]:
        """Yield the place to push ``image`` to, arranged so that only new layers are packed.

        buildah's store has layers unpacked, under the digest of their unpacked form, and buildah
        would pack each of them again to learn that it is here. It skips a layer whose blob exists,
        so an empty stand-in of that name saves minutes, and the manifest is set right afterwards.
        """
        packed = self._packed_layers()
        stand_ins = [self._blob(digest) for digest in packed if not self._blob(digest).exists()]
        for stand_in in stand_ins:
            stand_in.touch()
        try:
            yield f"oci:{self._folder}:{reference(image)}"
            self._name_packed_layers(image, packed)
        finally:
            for stand_in in stand_ins:
                stand_in.unlink()

    def holds(self, image: str) -> bool:
        """Whether a push of the image has finished."""
        return any(_named(entry, image) for entry in self._index()["manifests"])

    def write(self, image: str, known: frozenset[str], to: IO[bytes]) -> None:
        """Write an archive of the image, without the layers whose digests are ``known``."""
        found = [entry for entry in self._index()["manifests"] if _named(entry, image)]
        if not found:
            raise ClusterError(f"the image {image} was not built here: run `make images`")
        manifest = {**found[-1], "annotations": {_CONTAINERD_NAME: image}}
        index = {"schemaVersion": 2, "manifests": [manifest]}
        with tarfile.open(fileobj=to, mode="w|") as tar:
            _add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
            _add(tar, "index.json", json.dumps(index).encode())
            for digest in self._blobs(manifest["digest"]):
                # containerd reads these two from the archive even when it has them.
                if digest not in known or digest == manifest["digest"]:
                    tar.add(self._blob(digest), f"blobs/{digest.replace(':', '/')}")

    def keep(self, images: tuple[str, ...]) -> None:
        """Remove every other image, and the blobs that only those needed."""
        index = self._index()
        kept = [
            entry for entry in index["manifests"] if any(_named(entry, image) for image in images)
        ]
        (self._folder / "index.json").write_text(json.dumps({**index, "manifests": kept}))
        wanted = {digest for entry in kept for digest in self._blobs(entry["digest"])}
        for blob in (self._folder / "blobs" / "sha256").glob("*"):
            if f"sha256:{blob.name}" not in wanted:
                blob.unlink()

    def _packed_layers(self) -> dict[str, dict[str, Any]]:
        """Return the digest of each layer's unpacked form with the packed blob that is here."""
        found: dict[str, dict[str, Any]] = {}
        for entry in self._index()["manifests"]:
            manifest = self._read(entry["digest"])
            unpacked = self._read(manifest["config"]["digest"])["rootfs"]["diff_ids"]
            found |= dict(zip(unpacked, manifest["layers"], strict=True))
        return found

    def _name_packed_layers(self, image: str, packed: dict[str, dict[str, Any]]) -> None:
        """Let the image's manifest name real blobs where the builder saw stand-ins."""
        index = self._index()
        for entry in index["manifests"]:
            if not _named(entry, image):
                continue
            manifest = self._read(entry["digest"])
            layers = [packed.get(layer["digest"], layer) for layer in manifest["layers"]]
            content = json.dumps({**manifest, "layers": layers}).encode()
            entry["digest"] = f"sha256:{hashlib.sha256(content).hexdigest()}"
            entry["size"] = len(content)
            self._blob(entry["digest"]).write_bytes(content)
        (self._folder / "index.json").write_text(json.dumps(index))

    def _index(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self._folder / "index.json").read_text()))
        except FileNotFoundError:
            return {"schemaVersion": 2, "manifests": []}

    def _blobs(self, digest: str) -> Iterator[str]:
        """Yield the manifest's own digest, its configuration's and its layers'."""
        manifest = self._read(digest)
        yield digest
        yield manifest["config"]["digest"]
        yield from (layer["digest"] for layer in manifest["layers"])

    def _read(self, digest: str) -> dict[str, Any]:
        return dict(json.loads(self._blob(digest).read_bytes()))

    def _blob(self, digest: str) -> Path:
        return self._folder / "blobs" / digest.replace(":", "/")


def reference(image: str) -> str:
    """``localhost/comal/trainer:0123`` → ``trainer-0123``."""
    return image.rpartition("/")[2].replace(":", "-")


def _named(entry: dict[str, Any], image: str) -> bool:
    return bool(entry.get("annotations", {}).get(_REFERENCE) == reference(image))


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
