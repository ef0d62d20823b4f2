"""A script with init() and run(): read, never run here."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

from comal_trainer.card_values import invalid

_MOST_BYTES: Final = 4 << 20


def check_script(path: Path) -> None:
    """Raise JobFailure (ModelInvalid) unless the file is Python with both functions."""
    content = path.read_bytes()
    if len(content) > _MOST_BYTES:
        invalid(f"{path.name} is larger than {_MOST_BYTES} bytes")
    try:
        tree = ast.parse(content, path.name)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        invalid(f"{path.name} is not Python: {error!s:.200}")
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    names |= {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for wanted in ("init", "run"):
        if wanted not in names:
            invalid(f"{path.name} has no function {wanted}(); a scoring script has init and run")
