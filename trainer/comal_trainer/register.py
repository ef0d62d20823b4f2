"""`register`: push the package by digest. Bytes are copied and hashed; no model is loaded."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from comal_trainer.artifact import Artifact, artifact_of, blob_of
from comal_trainer.contract import PASSWORD_FILE, USERNAME_FILE, ExitCode, Reason, Registered
from comal_trainer.failure import JobFailure, UserError
from comal_trainer.files import open_plain
from comal_trainer.progress import progress
from comal_trainer.registry import Repository, bytes_content

_PART = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


def register(package: Path, repository: Repository, tag: str) -> Registered:
    """Return what was pushed, or why it was refused; raise UnavailableError to be tried again."""
    try:
        artifact = artifact_of(package)
        _push(package, artifact, repository, tag)
    except JobFailure as failure:
        return Registered(error=failure.error)
    return Registered(digest=artifact.digest, size=artifact.size, files=len(artifact.files))


def repository_at(url: str, name: str, credentials: Path) -> Repository:
    """Return the repository with the account in a folder of credentials, if there is one.

    Raises UserError for an address or a name that is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        shown = parts._replace(netloc=parts.hostname or "").geturl()
        message = f"--url: {shown!r} is no registry address; write http://host:port"
        raise UserError(message, ExitCode.USAGE)
    if not _REPOSITORY.fullmatch(name):
        raise UserError(f"--repository: {name!r} is no repository name", ExitCode.USAGE)
    return Repository(url, name, _account(credentials))


def check_tag(tag: str) -> str:
    """Return the tag; raise UserError when it is none."""
    if not _TAG.fullmatch(tag):
        raise UserError(f"--tag: {tag!r} is no tag", ExitCode.USAGE)
    return tag


def _account(folder: Path) -> tuple[str, str] | None:
    # Secret volumes are made of links, so no check for plain files here.
    username, password = folder / USERNAME_FILE, folder / PASSWORD_FILE
    if not username.exists() and not password.exists():
        return None
    return username.read_text().strip(), password.read_text().strip()


def _push(package: Path, artifact: Artifact, repository: Repository, tag: str) -> None:
    sent = 0
    for path, blob in artifact.files:
        pushed = repository.push_blob(blob, lambda path=path: open_plain(package / path))  # type: ignore[misc]
        sent += blob.size
        note = "" if pushed else " (already there)"
        progress(90 * sent / max(1, artifact.size), f"{path}: {blob.size} bytes{note}")
    repository.push_blob(blob_of(artifact.config), bytes_content(artifact.config))
    repository.push_manifest(artifact.manifest, tag)
    # By digest and by tag: the first is what will be served, the second what keeps it.
    for reference in (artifact.digest, tag):
        found = repository.manifest_digest(reference)
        if found != artifact.digest:
            message = f"{reference} came back from the registry with digest {found}"
            raise JobFailure(Reason.REGISTRY_REFUSED, message)
    progress(100, f"registered {artifact.digest}")
