"""A Debian with Python to build on where no image can be pulled, made from Debian's packages."""

import hashlib

from cluster.commands import attempt, run, say
from cluster.paths import Places
from cluster.tools import install_commands

SUITE = "bookworm"
# TensorFlow and scikit-learn want the two libraries; python3-venv brings the pip of the build.
PACKAGES = ("ca-certificates", "libgomp1", "libstdc++6", "python3", "python3-venv")
# Documentation and translations are a third of the whole, and nobody reads them in an image.
_EXCLUDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")


def base_image(places: Places) -> str:
    """Return the name of the image in buildah's store; bootstrap it once."""
    recipe = "\n".join((SUITE, *PACKAGES, *_EXCLUDED))
    key = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    name = f"localhost/comal/base:{key}"
    if attempt(["buildah", "inspect", "--type", "image", name]).returncode == 0:
        return name
    install_commands({"mmdebstrap": "mmdebstrap"})
    archive = places.cache / "base" / f"{key}.tar"
    if not archive.exists():
        say("bootstrapping a Debian with Python (nothing can be pulled here)")
        archive.parent.mkdir(parents=True, exist_ok=True)
        unfinished = archive.with_suffix(".unfinished.tar")
        run(
            [
                "mmdebstrap", "--variant=apt", f"--include={','.join(PACKAGES)}",
                *(f"--dpkgopt=path-exclude={pattern}" for pattern in _EXCLUDED),
                SUITE, unfinished,
            ]
        )  # fmt: skip
        unfinished.rename(archive)
    container = run(["buildah", "from", "scratch"]).strip()
    try:
        run(["buildah", "add", "-q", container, archive, "/"])
        run(["buildah", "commit", "-q", container, name])
    finally:
        run(["buildah", "rm", container])
    return name
