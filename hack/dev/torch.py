"""Debian's torch in a folder of its own: nothing of its 180 packages is installed."""

import shlex
import shutil
from pathlib import Path

from cluster.commands import ClusterError, attempt, run, say
from cluster.paths import places

_PACKAGE = "python3-torch"
_PYTHON = "/usr/bin/python3"
# The last two are where Debian's alternatives would link to.
_LIBRARIES = (
    "usr/lib",
    "lib/*-gnu*",
    "usr/lib/*-gnu*",
    "usr/lib/*-gnu*/blas",
    "usr/lib/*-gnu*/lapack",
)


def torch_python() -> Path:
    """Return a program that is the machine's Python, with torch. Raises ClusterError."""
    root = places().packages / f"{_PACKAGE}-and-all"
    program = root / "python3-with-torch"
    if not program.exists():
        shutil.rmtree(root, ignore_errors=True)
        _unpack(root)
        _write(root, program)
    return program


def _unpack(root: Path) -> None:
    names = _needed()
    say(f"fetching {len(names)} of Debian's packages for {_PACKAGE}")
    fetched = root / ".fetch"
    fetched.mkdir(parents=True)
    run(["apt-get", "download", "-q", *names], cwd=fetched)
    for archive in sorted(fetched.glob("*.deb")):
        run(["dpkg-deb", "-x", archive, root])
    shutil.rmtree(fetched)


def _needed() -> list[str]:
    """Return what an installation would bring to this machine: what is there already is not."""
    asked = ["apt-get", "install", "-s", "-q", "--no-install-recommends", _PACKAGE]
    if attempt(asked).returncode:
        # The package lists may be absent or old: refresh them once, then say what is wrong.
        run(["apt-get", "update", "-q"])
    lines = run(asked).splitlines()
    names = [line.split()[1] for line in lines if line.startswith("Inst ")]
    if not names:
        raise ClusterError(f"{_PACKAGE} is installed here: run pytest with {_PYTHON} as it is")
    return names


def _write(root: Path, program: Path) -> None:
    there = ":".join(str(folder) for one in _LIBRARIES for folder in sorted(root.glob(one)))
    modules = root / "usr" / "lib" / "python3" / "dist-packages"
    program.write_text(
        "#!/bin/sh\n"
        f"export LD_LIBRARY_PATH={shlex.quote(there)}\n"
        f"export PYTHONPATH={shlex.quote(str(modules))}\n"
        f'exec {_PYTHON} "$@"\n'
    )
    program.chmod(0o755)
