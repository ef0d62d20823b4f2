"""The same network, the same bytes.

tf2onnx merges equal constants and keeps the name of whichever its sets gave it first, which
changes from process to process; names made of the content do not.
"""

from __future__ import annotations

import hashlib
from typing import Any


def name_constants_by_content(graph: Any) -> None:
    """Rename the constants of an ONNX graph after their bytes, each kept once, sorted by name."""
    names: dict[str, str] = {}
    kept: dict[str, Any] = {}
    for constant in graph.initializer:
        old, constant.name = constant.name, ""
        digest = hashlib.sha256(constant.SerializeToString(deterministic=True)).hexdigest()
        constant.name = names[old] = f"constant_{digest[:32]}"
        kept[constant.name] = constant
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = names.get(name, name)
    ordered = [kept[name] for name in sorted(kept)]
    del graph.initializer[:]
    graph.initializer.extend(ordered)
