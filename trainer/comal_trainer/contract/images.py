"""Which bytes a tag names: asked once, before the first container runs under it.

Standard library only: the operator imports this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

from comal_trainer.contract import _DIGEST, ContractError, _count, _Message, _text

RESOLVE_COMMAND: Final = "resolve-images"
# Where the command finds pull secrets: a folder for each.
PULL_SECRETS_DIR: Final = "/comal/pull-secrets"
HUB: Final = "docker.io"
# Registries at Azure, whose logins are Azure's.
AZURE_HOSTS: Final = (".azurecr.io", ".azurecr.cn", ".azurecr.us")
# All problems of one message share this many characters.
_ALL_WORDS: Final = 1200
_FEWEST_WORDS: Final = 24


class ImageReason(StrEnum):
    """Why a tag's digest is not known."""

    NOT_FOUND = "ImageNotFound"
    DENIED = "ImagePullDenied"
    UNDECIDED = "Undecided"
    """Nobody said no: the node may have the image, or another way to its registry."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An image as it is named, taken apart."""

    host: str
    """The registry, docker.io where the name has none."""
    repository: str
    tag: str
    """Empty where a digest stands there."""

    @property
    def full_name(self) -> str:
        """Return host and repository."""
        return f"{self.host}/{self.repository}"

    @property
    def is_local(self) -> bool:
        """Return whether the registry is the machine's own: each node has another."""
        name = self.host.partition(":")[0]
        return name == "localhost" or name.startswith("127.")

    @property
    def is_at_azure(self) -> bool:
        """Return whether it is an Azure Container Registry."""
        return self.host.endswith(AZURE_HOSTS)


@dataclass(frozen=True, slots=True)
class Unresolved:
    """One tag whose digest is not known, and why."""

    index: int
    """Its place among the images that were asked for."""
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ResolvedImages(_Message):
    """The answer of `resolve-images`; images are told by their place, since names are long."""

    digests: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Unresolved, ...] = ()

    @classmethod
    def _read(cls, value: Any) -> Self:
        digests = {str(int(at)): _text(digest) for at, digest in value["digests"].items()}
        for digest in digests.values():
            if not _DIGEST.fullmatch(digest):
                raise ContractError(f"digest {digest[:80]!r} is not sha256:<64 hex digits>")
        problems = tuple(
            Unresolved(_count(one["index"]), _text(one["reason"]), _text(one["message"]))
            for one in value["problems"]
        )
        return cls(digests, problems)

    def fitting(self) -> Self:
        """Return the answer with words that surely fit: printable ASCII, fewer for each of many."""
        most = max(_FEWEST_WORDS, _ALL_WORDS // max(1, len(self.problems)))
        return type(self)(
            self.digests,
            tuple(Unresolved(p.index, p.reason, _plain(p.message)[:most]) for p in self.problems),
        )


def reference(image: str) -> Reference:
    """Return the parts of an image's name, by the rules that container runtimes have."""
    name, _, digest = image.partition("@")
    first, slash, rest = name.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    host, path = (first, rest) if is_host else (HUB, name)
    head, cut, last = path.rpartition("/")
    last, _, tag = last.partition(":")
    host = HUB if host == f"index.{HUB}" else host
    repository = f"{head}{cut}{last}"
    if host == HUB and "/" not in repository:
        repository = f"library/{repository}"
    return Reference(host, repository, "" if digest else tag or "latest")


def without_tag(image: str) -> str:
    """Return the image's name as it was written, without tag and digest."""
    head, slash, last = image.partition("@")[0].rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def resolve_arguments(images: Sequence[str], node_identity: str = "") -> tuple[str, ...]:
    """Return the container arguments of the job that asks registries what the tags name.

    `node_identity` is the client id of the nodes' own identity at Azure, where they have several.
    """
    node = (f"--node-identity={node_identity}",) if node_identity else ()
    return (RESOLVE_COMMAND, *(f"--image={image}" for image in images), *node)


def _plain(text: str) -> str:
    return re.sub(r"[^\x20-\x7e]", "?", text)
