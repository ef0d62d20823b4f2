"""Archives of images hold only what the other side lacks."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from cluster.commands import ClusterError
from cluster.layout import Layout, reference
from images.cli import held

SHARED, OWN, OLD = b"shared layer", b"own layer", b"old layer"


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def blob(folder: Path, content: bytes) -> dict[str, object]:
    path = folder / "blobs" / digest(content).replace(":", "/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return {"digest": digest(content), "size": len(content)}


def image(folder: Path, name: str, *layers: bytes) -> dict[str, object]:
    manifest = {
        "config": blob(folder, f"config of {name}".encode()),
        "layers": [blob(folder, layer) for layer in layers],
    }
    descriptor = blob(folder, json.dumps(manifest).encode())
    return descriptor | {"annotations": {"org.opencontainers.image.ref.name": reference(name)}}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    manifests = [
        image(tmp_path, "localhost/comal/a:1", SHARED, OLD),
        image(tmp_path, "localhost/comal/a:2", SHARED, OWN),
    ]
    (tmp_path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": manifests}))
    return Layout(tmp_path)


def archived(layout: Layout, name: str, *known: bytes) -> dict[str, bytes]:
    stream = io.BytesIO()
    layout.write(name, frozenset(digest(content) for content in known), stream)
    stream.seek(0)
    with tarfile.open(fileobj=stream) as tar:
        return {entry.name: (tar.extractfile(entry) or io.BytesIO()).read() for entry in tar}


def test_an_archive_leaves_out_known_layers(layout: Layout) -> None:
    everything = archived(layout, "localhost/comal/a:2")
    thin = archived(layout, "localhost/comal/a:2", SHARED)

    assert {SHARED, OWN} <= set(everything.values())
    assert OWN in thin.values()
    assert SHARED not in thin.values()


def test_an_archive_names_its_image_in_full(layout: Layout) -> None:
    index = json.loads(archived(layout, "localhost/comal/a:2")["index.json"])

    assert [entry["annotations"] for entry in index["manifests"]] == [
        {"io.containerd.image.name": "localhost/comal/a:2"}
    ]


def test_an_image_that_was_not_built_is_refused_with_the_remedy(layout: Layout) -> None:
    with pytest.raises(ClusterError, match="make images"):
        archived(layout, "localhost/comal/b:1")


def test_what_another_checkout_removed_is_no_longer_known(layout: Layout) -> None:
    there, gone = "localhost/comal/a:2", "localhost/comal/operator:0123"
    assert held({"a": there, "operator": gone}, layout) == {"a": there}


def test_keeping_images_removes_only_what_no_kept_one_needs(layout: Layout, tmp_path: Path) -> None:
    layout.keep(("localhost/comal/a:2",))

    assert layout.holds("localhost/comal/a:2")
    assert not layout.holds("localhost/comal/a:1")
    left = {path.read_bytes() for path in (tmp_path / "blobs" / "sha256").iterdir()}
    assert {SHARED, OWN} <= left
    assert OLD not in left
