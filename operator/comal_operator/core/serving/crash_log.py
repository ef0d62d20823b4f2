"""The end of a crashed container's log, as the kubelet kept it with how the container ended.

`terminationMessagePolicy: FallbackToLogsOnError` keeps up to 2048 bytes of it in the Pod's status,
so that nobody need ask for a log, and a Pod that restarts does not lose it.
"""

from __future__ import annotations

from typing import Final

LINES: Final = 20
_LIMIT: Final = 2000
_CUT: Final = "…"
_LOGGED: Final = "; the log ended:"


def last_lines(text: str) -> str:
    """Return the last 20 lines of `text`, cut at their start: why it ended stands at the end."""
    lines = [line.rstrip() for line in text.strip().splitlines()]
    kept = "\n".join(lines[-LINES:])
    return kept if len(kept) <= _LIMIT else _CUT + kept[1 - _LIMIT :]


def crash_message(exit_code: int, text: str) -> str:
    """Return one sentence, and below it the end of the log if there is one."""
    log = last_lines(text)
    head = f"exit code {exit_code}"
    return f"{head}{_LOGGED}\n{log}" if log else head


def first_line(message: str) -> str:
    """Return `message` without the log below it."""
    return message.partition("\n")[0].removesuffix(_LOGGED)


def with_log_last(before: str, message: str, after: str) -> str:
    """Return `before`, `message` and `after` as one sentence, and the log below all of it."""
    _, newline, log = message.partition("\n")
    below = f"{_LOGGED}\n{log}" if newline else ""
    return f"{before}{first_line(message)}{after}{below}"
