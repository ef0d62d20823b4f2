"""Bringing locally built images into the cluster."""

import json
from functools import partial

from cluster import kind
from cluster.commands import ClusterError, run, say
from cluster.layout import Layout
from cluster.node.images import import_stream, stored, stored_blobs
from cluster.paths import REPOSITORY, Places
from cluster.provider import Provider

IMAGES_FILE = REPOSITORY / ".build" / "images.json"


def load(places: Places, provider: Provider, engine: str, images: tuple[str, ...]) -> None:
    """Load the images (all of .build/images.json by default) that are not there yet."""
    wanted = images or built_images()
    match provider:
        case Provider.CONTEXT:
            raise ClusterError(
                "images cannot be loaded into a cluster of your own: push them to a registry it "
                "can pull from, and name them in .build/images.env"
            )
        case Provider.KIND:
            archives = places.cache / "kind"
            archives.mkdir(parents=True, exist_ok=True)
            for command in kind.load_commands(engine, wanted, archives):
                run(command)
        case Provider.NODE:
            _load_into_node(places, wanted)
    say(f"loaded: {', '.join(wanted)}")


def _load_into_node(places: Places, wanted: tuple[str, ...]) -> None:
    layout = Layout(places.layout)
    there = stored(places)
    for image in wanted:
        if image not in there:
            # Asked again for each image: layers that one brought need not come with the next.
            blobs = stored_blobs(places)
            import_stream(places, image, partial(layout.write, image, blobs))


def built_images() -> tuple[str, ...]:
    """Return the images that `hack/images build` made last."""
    if not IMAGES_FILE.exists():
        raise ClusterError("no image was built yet: run `make images` first")
    return tuple(json.loads(IMAGES_FILE.read_text()).values())
