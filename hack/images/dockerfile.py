"""Reading our Dockerfile: which stages and files an image is made of.

Only what our own file uses is understood: FROM … AS, COPY, mounts from other stages, ARG.
"""

import re
from dataclasses import dataclass

_FROM = re.compile(r"FROM\s+(?P<base>\S+)\s+AS\s+(?P<name>\S+)$")
_OTHER_STAGE = re.compile(r"(?:--from=|,from=)([\w.-]+)")
_ARGUMENT = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Stage:
    """One FROM with its instructions, as written (continued lines joined)."""

    name: str
    base: str
    instructions: tuple[str, ...]

    @property
    def stages(self) -> frozenset[str]:
        """The stages (or images) it takes files from, its base not among them."""
        return frozenset(name for line in self.instructions for name in _OTHER_STAGE.findall(line))

    @property
    def sources(self) -> tuple[str, ...]:
        """The files and folders of the repository that it copies."""
        copies = [line.split()[1:] for line in self.instructions if line.startswith("COPY ")]
        return tuple(
            source
            for words in copies
            if not words[0].startswith("--from=")
            for source in words[:-1]
        )


def stages(text: str, arguments: dict[str, str]) -> dict[str, Stage]:
    """All stages by name; ``arguments`` fills the ARGs that stand in FROM lines."""
    found: dict[str, Stage] = {}
    name, base = "", ""
    lines: list[str] = []
    for line in _instructions(text):
        if match := _FROM.match(line):
            found[name] = Stage(name, base, tuple(lines))
            name, base, lines = match["name"], _filled(match["base"], arguments), []
        else:
            lines.append(line)
    found[name] = Stage(name, base, tuple(lines))
    del found[""]
    return found


def needed(target: str, all_stages: dict[str, Stage]) -> tuple[Stage, ...]:
    """Return the target's stage and every stage it is made from, in a fixed order."""
    wanted, seen = [target], dict[str, Stage]()
    while wanted:
        name = wanted.pop()
        if name in all_stages and name not in seen:
            stage = all_stages[name]
            seen[name] = stage
            wanted += [stage.base, *stage.stages]
    return tuple(seen[name] for name in sorted(seen))


def defaults(text: str) -> dict[str, str]:
    """Return the ARGs of the file with their default values."""
    lines = (line.removeprefix("ARG ") for line in _instructions(text) if line.startswith("ARG "))
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _instructions(text: str) -> list[str]:
    without_comments = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", without_comments)
    return [line.strip() for line in joined.splitlines() if line.strip()]


def _filled(text: str, arguments: dict[str, str]) -> str:
    return _ARGUMENT.sub(lambda match: arguments[match[1]], text)
