"""What a .keras file would build, judged from its text before any of it is built.

`safe_mode` has been got around four times (CVE-2025-1550, -8747, -9906, CVE-2026-1462), so it is
the second lock, not the first: only Keras's own layers may be named at all.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from comal_trainer.card_values import invalid

MAX_CONFIG_BYTES: Final = 32 * 1024 * 1024
_REFUSED: Final = frozenset({"Lambda", "TFSMLayer", "__lambda__", "function"})
_MODULES: Final = re.compile(
    r"keras\.(layers|models|initializers|regularizers|constraints|activations|dtype_policies"
    r"|quantizers|src\.models\.(functional|sequential|model))"
)
_OF_KERAS: Final = frozenset(
    {"DTypePolicy", "FloatDTypePolicy", "Functional", "Sequential", "Model"}
)


def check_archive(path: Path) -> None:
    """Raise JobFailure (ModelInvalid) unless the file is a .keras archive of plain layers."""
    if not zipfile.is_zipfile(path):
        invalid(f"{path.name} is not a .keras archive; .h5 is refused, save as model.keras")
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(set(names)) != len(names) or any(".." in n or n.startswith("/") for n in names):
                invalid(f"{path.name}: the archive's file names are not those of a Keras model")
            if archive.getinfo("config.json").file_size > MAX_CONFIG_BYTES:
                invalid(f"{path.name}: config.json is larger than {MAX_CONFIG_BYTES} bytes")
            config = json.loads(archive.read("config.json"))
    except (KeyError, ValueError, RecursionError, zipfile.BadZipFile, OSError) as error:
        invalid(f"{path.name} is not a .keras archive: {error!s:.200}")
    check_config(path.name, config)


def check_config(file_name: str, config: Any) -> None:
    """Raise JobFailure (ModelInvalid) for a part that is not one of Keras's own layers."""
    if not isinstance(config, dict):
        invalid(f"{file_name}: config.json is no model")
    # How it was trained is never loaded (compile=False), so a loss of one's own is no harm.
    built = {name: value for name, value in config.items() if name != "compile_config"}
    for part in _parts(built):
        name, module = part.get("class_name"), part.get("module")
        if name in _REFUSED:
            invalid(
                f"{file_name}: {name!r} is refused: it can run any code; use Keras's own layers"
            )
        if module is not None and not _is_plain(str(module), name):
            invalid(f"{file_name}: {module!s:.80}.{name!s:.80} is not one of Keras's own layers")
        registered = part.get("registered_name")
        if module is None and registered is not None and registered != name:
            invalid(f"{file_name}: {registered!s:.80} is not one of Keras's own layers")


def _is_plain(module: str, name: object) -> bool:
    return bool(_MODULES.fullmatch(module)) or (module == "keras" and name in _OF_KERAS)


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    pending = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, dict):
            if "class_name" in current or "module" in current:
                yield current
            pending.extend(current.values())
        elif isinstance(current, list):
            pending.extend(current)
