"""The one image the node itself needs (pause, DNS, volumes), packed without any image builder."""

import hashlib
import io
import json
import platform
import tarfile
from pathlib import Path

from cluster.commands import say
from cluster.paths import Places

_SHELL_LINKS = ("sh", "mkdir", "rm", "chmod", "cat", "ls", "sleep", "wget", "nslookup")
_MODE = 0o755


def system_image(places: Places, programs: dict[str, Path]) -> tuple[str, Path]:
    """Return the image's name and archive; ``programs`` maps a path in it to a file here."""
    digest = hashlib.sha256(" ".join(_SHELL_LINKS).encode())
    for target, source in sorted(programs.items()):
        digest.update(target.encode() + source.read_bytes())
    key = digest.hexdigest()[:12]
    name = f"localhost/comal/node-system:{key}"
    archive = places.cache / "system-image" / f"{key}.tar"
    if not archive.exists():
        say("packing the node's own image")
        archive.parent.mkdir(parents=True, exist_ok=True)
        unfinished = archive.with_suffix(".unfinished")
        _write_archive(unfinished, name, _layer(programs))
        unfinished.rename(archive)
    return name, archive


def _layer(programs: dict[str, Path]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for target, source in sorted(programs.items()):
            _add(tar, target, source.read_bytes(), _MODE)
        for link in _SHELL_LINKS:
            entry = tarfile.TarInfo(f"bin/{link}")
            entry.type = tarfile.SYMTYPE
            entry.linkname = "/bin/busybox"
            tar.addfile(entry)
        for folder, mode in (("tmp", 0o1777), ("etc", _MODE)):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
    return packed.getvalue()


def _write_archive(path: Path, name: str, layer: bytes) -> None:
    """Write an archive in the format of `docker save`, which containerd and kind both import."""
    config = json.dumps(
        {
            "architecture": _architecture(),
            "os": "linux",
            "config": {"Entrypoint": ["/catatonit", "-P"], "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_sha256(layer)}"]},
        }
    ).encode()
    config_file = f"{_sha256(config)}.json"
    manifest = [{"Config": config_file, "RepoTags": [name], "Layers": ["layer.tar"]}]
    with tarfile.open(path, "w") as tar:
        _add(tar, "layer.tar", layer)
        _add(tar, config_file, config)
        _add(tar, "manifest.json", json.dumps(manifest).encode())


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
