"""A Job that calls Azure, as its Pod gives it to the command, at the bed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from comal_trainer.command_line import run
from comal_trainer.contract.azure import (
    DIGEST_TAG,
    IMPORT_COMMAND,
    OWNER_TAG,
    RECORD_COMMAND,
    AzureAnswer,
    DataAsset,
    Entry,
    Origin,
    Workspace,
    check_arguments,
    import_arguments,
    record_arguments,
)
from make import DIGEST

SUBJECT = "system:serviceaccount:team:comal-registry-default-azure"
TAGS = {OWNER_TAG: "team/diabetes-v2", DIGEST_TAG: DIGEST, "alpha": "0.4"}
TRAIN = DataAsset(
    name="diabetes-train",
    version="c" * 16,
    path="https://example.org/train.csv",
    tags={DIGEST_TAG: "sha256:" + "c" * 64, "comal.rows": "442"},
)
ENTRY = Entry(model="diabetes", version="2", description="of the clinic", tags=TAGS, data=(TRAIN,))


@dataclass
class Caller:
    """What a Job gives the command: its environment, the Secret's folder and the model's."""

    folder: Path
    environment: dict[str, str]
    workspace: Workspace

    def start(self, arguments: tuple[str, ...]) -> subprocess.Popen[str]:
        """Return the command as it runs in a Job."""
        return subprocess.Popen(
            [sys.executable, "-m", "comal_trainer", *self._given(arguments)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _given(self, arguments: tuple[str, ...]) -> list[str]:
        # As the kubelet passes them on.
        given = [one.replace("$$(", "$(") for one in arguments]
        given.append(f"--login={self.folder / 'login'}")
        given.append(f"--authorities={self.folder / 'ca.crt'}")
        if given[0] == RECORD_COMMAND:
            given.append(f"--folder={self.folder / 'model'}")
        if given[0] == IMPORT_COMMAND:
            given.append(f"--workspace={self.folder}/brought")
        return given

    def ask(self, arguments: tuple[str, ...]) -> AzureAnswer:
        """Return what the command answers in this process: a start takes seconds."""
        run(self._given(arguments), self.environment)
        return self.answer()

    def answer(self) -> AzureAnswer:
        """Return what the command left for the operator."""
        return AzureAnswer.decode((self.folder / "answer").read_text())

    def check(self) -> AzureAnswer:
        """Ask for the workspace."""
        return self.ask(check_arguments(self.workspace))

    def record(self, entry: Entry = ENTRY) -> AzureAnswer:
        """Ask for the record."""
        return self.ask(record_arguments(self.workspace, entry))

    @property
    def brought(self) -> Path:
        """Where an imported model lies."""
        return self.folder / "brought" / "model"

    def bring(self, origin: Origin) -> AzureAnswer:
        """Ask for the files of a model."""
        return self.ask(import_arguments(self.workspace, origin))


def write_secret(folder: Path, **keys: str) -> None:
    """Write the Secret as the kubelet mounts it."""
    (folder / "login").mkdir(exist_ok=True)
    for old in (folder / "login").iterdir():
        old.unlink()
    for name, text in keys.items():
        (folder / "login" / name).write_text(text)


def reason_of(answer: AzureAnswer) -> str:
    assert answer.error is not None, answer
    return answer.error.reason


def message_of(answer: AzureAnswer) -> str:
    assert answer.error is not None, answer
    return answer.error.message
