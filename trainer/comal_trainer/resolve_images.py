"""`resolve-images`: from the tags of a run or an endpoint to digests, all at once.

A no counts only from a registry that was asked as the node would ask it. Where the node may have a
login of its own, or the image already, the answer is that nothing was decided.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from comal_trainer.contract.images import (
    HUB,
    ImageReason,
    Reference,
    ResolvedImages,
    Unresolved,
    reference,
)
from comal_trainer.distribution import NotResolved, digest_at
from comal_trainer.pull_secrets import Login, logins_in

# Whose kubelets log in by credential providers that no Pod can ask.
_OF_CLOUDS: Final = (".amazonaws.com", ".amazonaws.com.cn", ".pkg.dev", ".gcr.io")
_AT_ONCE: Final = 8


def resolve_images(
    images: Sequence[str], secrets: Path, environment: Mapping[str, str], node: str = ""
) -> ResolvedImages:
    """Return the digest of each image, or why there is none."""
    logins = logins_in(secrets)

    def one(image: str) -> str | NotResolved:
        try:
            return _digest(image, logins, environment, node)
        except NotResolved as problem:
            return problem

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(one, images))
    return ResolvedImages(
        {str(at): found for at, found in enumerate(answers) if isinstance(found, str)},
        tuple(
            Unresolved(at, str(found.reason), str(found))
            for at, found in enumerate(answers)
            if isinstance(found, NotResolved)
        ),
    ).fitting()


def _digest(image: str, logins: Sequence[Login], environment: Mapping[str, str], node: str) -> str:
    """Return the digest by the first way that leads to one; raise the first one's problem."""
    asked = reference(image)
    first: NotResolved | None = None
    for login in (one for one in logins if one.is_for(asked)):
        try:
            return digest_at(asked, login)
        except NotResolved as problem:
            first = first or problem
    if first is not None:
        raise first
    if asked.is_at_azure:
        return _as_itself(asked, environment, node)
    try:
        return digest_at(asked, None)
    except NotResolved as problem:
        raise _weighed(problem, image, asked) from None


def _as_itself(image: Reference, environment: Mapping[str, str], node: str) -> str:
    """Return the digest as the registry tells it to somebody whom Azure knows, or to anybody."""
    if importlib.util.find_spec("azure") is None:
        text = f"this installation has no COMAL_AZURE_IMAGE to log in at {image.host} with"
        raise NotResolved(ImageReason.UNDECIDED, text)
    from comal_trainer.container_registry import digest_as, identities  # noqa: PLC0415 - see above

    problems = []
    for identity in identities(environment, node):
        try:
            return digest_as(image, identity)
        except NotResolved as problem:
            problems.append(problem)
    with contextlib.suppress(NotResolved):
        return digest_at(image, None)
    # Whoever may read knows that there is none. Otherwise the node's own identity is what pulls.
    missing = (one for one in problems if one.reason is ImageReason.NOT_FOUND)
    raise next(missing, problems[-1])


def _weighed(problem: NotResolved, image: str, asked: Reference) -> NotResolved:
    """Return what a no to nobody in particular means."""
    if problem.reason is not ImageReason.DENIED:
        return problem
    unnamed = asked.host == HUB and not image.startswith((f"{HUB}/", f"index.{HUB}/"))
    if unnamed or asked.host.endswith(_OF_CLOUDS) or asked.host == "gcr.io":
        why = "has its own login or the image" if unnamed else "logs in by itself"
        return NotResolved(ImageReason.UNDECIDED, f"{problem}; the node perhaps {why}")
    return problem
