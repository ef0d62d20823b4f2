"""kopf only hears: anything else of it writes annotations or finalizers on users' objects."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[3] / "operator"

# What hears, and what says who we are; neither writes.
_ALLOWED = {"event", "login"}


def _names(tree: ast.AST) -> dict[str, str]:
    """Return what each local name of kopf's means, as a dotted path."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                if one.name.partition(".")[0] == "kopf":
                    names[one.asname or "kopf"] = one.name if one.asname else "kopf"
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "kopf":
            names |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    return names


def _path(node: ast.AST, names: dict[str, str]) -> str:
    """Return the dotted path in kopf that an expression means; empty if it is not of kopf's."""
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Attribute) and (before := _path(node.value, names)):
        return f"{before}.{node.attr}"
    return ""


def wrongs(source: str) -> Iterator[str]:
    """Yield every use of kopf's decorators other than on an async `event` or `login` handler."""
    tree = ast.parse(source)
    names = _names(tree)
    decorators = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            path = _path(called, names)
            if path.startswith("kopf."):
                decorators.add(called)
                if isinstance(node, ast.FunctionDef):
                    yield f"line {node.lineno}: {node.name} is not async"
                if path not in {f"kopf.on.{one}" for one in _ALLOWED}:
                    yield f"line {node.lineno}: @{path}"
    for node in ast.walk(tree):
        path = _path(node, names)
        known = path in {f"kopf.{one}" for one in ("on", "daemon", "timer", "index")}
        if node in decorators or not (known or path.startswith("kopf.on.")):
            continue
        if not any(node is part for one in decorators for part in ast.walk(one)):
            yield f"line {getattr(node, 'lineno', 0)}: {path} beside a decorator"


@pytest.mark.parametrize("file", sorted(SOURCE.rglob("*.py")), ids=lambda file: file.stem)
def test_only_async_event_handlers(file: Path) -> None:
    assert list(wrongs(file.read_text())) == []


def test_there_is_a_handler_to_judge() -> None:
    found = [file.name for file in SOURCE.rglob("*.py") if "@kopf.on.event(" in file.read_text()]
    assert found == ["watches.py"]


@pytest.mark.parametrize(
    ("head", "body"),
    [
        *(
            ("import kopf", f"@kopf.on.{one}('things')\nasync def f(**_): ...")
            for one in ("create", "update", "delete", "resume", "field", "validate", "mutate")
        ),
        *(
            ("import kopf", f"@kopf.on.{one}('things')\nasync def f(**_): ...")
            for one in ("timer", "daemon", "startup", "cleanup")
        ),
        ("import kopf", "@kopf.timer('things', interval=1)\nasync def f(**_): ..."),
        ("import kopf", "@kopf.daemon('things')\nasync def f(**_): ..."),
        ("import kopf", "@kopf.index('things')\nasync def f(**_): ..."),
        ("import kopf", "@kopf.on.event('things')\ndef f(**_): ..."),
        ("import kopf as k", "@k.on.create('things')\nasync def f(**_): ..."),
        ("from kopf import on", "@on.create('things')\nasync def f(**_): ..."),
        ("from kopf import timer as t", "@t('things')\nasync def f(**_): ..."),
        ("import kopf", "kopf.on.create('things')(print)"),
        ("import kopf", "hear = kopf.on.event\n@hear('things')\ndef f(**_): ..."),
    ],
)
def test_sees_what_is_forbidden(head: str, body: str) -> None:
    assert list(wrongs(f"{head}\n{body}"))


def test_lets_the_allowed_pass() -> None:
    fine = "import kopf\n@kopf.on.event('things', id='x')\nasync def f(event, **_): ..."
    assert not list(wrongs(fine))
