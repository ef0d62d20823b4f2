"""`make bench-azure`: our commands and the SDK's plain calls, in turns, at the same servers."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.azure.measured import Cost, cost_of, middle
from comal_scorer.contract import fetch_arguments
from comal_trainer.artifact import Blob, blob_of
from comal_trainer.contract import (
    ARTIFACT_TYPE,
    CONFIG_MEDIA_TYPE,
    FILE_MEDIA_TYPE,
    MANIFEST_MEDIA_TYPE,
    TERMINATION_LOG_ENV,
    TITLE_ANNOTATION,
)
from comal_trainer.contract.azure import (
    DIGEST_TAG,
    OWNER_TAG,
    AzureAnswer,
    Entry,
    Origin,
    Workspace,
    import_arguments,
    record_arguments,
)
from comal_trainer.files import open_plain
from comal_trainer.registry import Repository, bytes_content
from fake_azure import entra
from fake_azure.bed import CLIENT_ID, CLIENT_SECRET, SUBSCRIPTION, Bed, azure_bed
from fake_azure.upstream import docker_registry

_PLAIN = Path(__file__).with_name("plain.py")
_IMPORTS = {
    "Comal's commands": "import comal_trainer.azure_ml.record",
    "plain SDK": "import azure.ai.ml, azure.identity",
    "Python alone": "pass",
}
Pair = tuple[Cost, Cost]


@dataclass(frozen=True)
class Bench:
    """The servers, and a folder for what is sent and fetched."""

    bed: Bed
    registry: str
    folder: Path

    def environment(self) -> dict[str, str]:
        """Return what both sides run with; our command reads its login from files alone."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            TERMINATION_LOG_ENV: str(self.folder / "answer"),
            "AZURE_TENANT_ID": entra.TENANT,
            "AZURE_CLIENT_ID": CLIENT_ID,
            "AZURE_CLIENT_SECRET": CLIENT_SECRET,
            "SUBSCRIPTION": SUBSCRIPTION,
            "GROUP": self.bed.workspace.group,
            "WORKSPACE": self.bed.workspace.name,
            **self.bed.environment(),
        }

    def imports(self) -> dict[str, Cost]:
        """Return what it costs to have the code at hand."""
        return {
            name: cost_of([sys.executable, "-c", code], self.environment())
            for name, code in _IMPORTS.items()
        }

    def register(self, megabytes: int, number: int) -> Pair:
        """Put two models of fresh bytes into the workspace, one each way: bytes are sent once."""
        ours, theirs = (self._model(megabytes, f"{way}-{number}") for way in ("ours", "theirs"))
        return self._recorded(ours), self._plain("register", theirs.name, theirs)

    def fetch(self, megabytes: int, number: int) -> Pair:
        """Fetch one model from the namespace's registry by digest, one from the workspace."""
        model = self._model(megabytes, f"fetched-{number}")
        self._plain("register", model.name, model)
        repository = Repository(self.registry, f"models/{model.name}")
        arguments = fetch_arguments(
            url=self.registry,
            repository=repository.name,
            digest=_pushed(repository, model),
            target=str(self._empty("ours")),
        )
        ours = cost_of([sys.executable, "-m", "comal_scorer", *arguments], self.environment())
        return ours, self._plain("fetch", model.name, self._empty("theirs"))

    def bring(self, megabytes: int, number: int) -> Pair:
        """Bring one model out of the workspace: by the import of a ModelDeployment, and plainly."""
        model = self._model(megabytes, f"brought-{number}")
        self._plain("register", model.name, model)
        arguments = import_arguments(self._workspace, Origin(model=model.name, version="1"))
        ours = self._asked(*arguments, f"--workspace={self._empty('ours')}")
        return ours, self._plain("fetch", model.name, self._empty("theirs"))

    def _model(self, megabytes: int, name: str) -> Path:
        folder = self._empty(f"model-{megabytes}-{name}")
        (folder / "model.yaml").write_text("format: onnx\n")
        with (folder / "model.onnx").open("wb") as file:
            for _ in range(megabytes):
                file.write(os.urandom(1_000_000))
        return folder

    def _empty(self, name: str) -> Path:
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def _recorded(self, model: Path) -> Cost:
        tags = {OWNER_TAG: f"bench/{model.name}", DIGEST_TAG: "sha256:" + "a" * 64}
        entry = Entry(model=model.name, version="1", tags=tags)
        arguments = record_arguments(self._workspace, entry)
        return self._asked(*arguments, f"--folder={model}")

    @property
    def _workspace(self) -> Workspace:
        return Workspace(
            subscription=SUBSCRIPTION,
            group=self.bed.workspace.group,
            name=self.bed.workspace.name,
            subject="bench",
            secret="bench",  # noqa: S106 - the name of one
        )

    def _asked(self, *arguments: str) -> Cost:
        login = self._empty("login")
        for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
            (login / name).write_text(self.environment()[name])
        command = [sys.executable, "-m", "comal_trainer", *arguments]
        cost = cost_of([*command, f"--login={login}"], self.environment())
        answer = AzureAnswer.decode((self.folder / "answer").read_text())
        if answer.error is not None:
            raise RuntimeError(str(answer.error))
        return cost

    def _plain(self, what: str, name: str, folder: Path) -> Cost:
        return cost_of([sys.executable, str(_PLAIN), what, name, str(folder)], self.environment())


def _pushed(repository: Repository, model: Path) -> str:
    """Push the folder as what a register Job pushes; return its digest."""
    layers = []
    for path in sorted(model.iterdir()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        blob = Blob(f"sha256:{digest}", path.stat().st_size)
        repository.push_blob(blob, partial(open_plain, path))
        layers.append(
            {**_descriptor(FILE_MEDIA_TYPE, blob), "annotations": {TITLE_ANNOTATION: path.name}}
        )
    config = b"{}"
    repository.push_blob(blob_of(config), bytes_content(config))
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_MEDIA_TYPE,
            "artifactType": ARTIFACT_TYPE,
            "config": _descriptor(CONFIG_MEDIA_TYPE, blob_of(config)),
            "layers": layers,
        }
    ).encode()
    repository.push_manifest(manifest, "bench")
    return blob_of(manifest).digest


def _descriptor(media_type: str, blob: Blob) -> dict[str, object]:
    return {"mediaType": media_type, "digest": blob.digest, "size": blob.size}


def _compared(bench: Bench, sizes: Sequence[int], rounds: int) -> list[tuple[str, int, Cost, Cost]]:
    ways: dict[str, Callable[[int, int], Pair]] = {
        "register": bench.register,
        "fetch": bench.fetch,
        "import": bench.bring,
    }
    found = []
    for megabytes in sizes:
        for name, way in ways.items():
            pairs = [way(megabytes, number) for number in range(rounds)]
            ours, theirs = (middle([pair[side] for pair in pairs]) for side in (0, 1))
            print(f"{name} {megabytes} MB: {ours}, {theirs}", flush=True)
            found.append((name, megabytes, ours, theirs))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench-azure")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 20], help="in MB")
    parser.add_argument("--rounds", type=int, default=1, help="medians are shown")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="comal-bench-azure-") as folder,
        docker_registry(Path(folder)) as registry,
        azure_bed() as bed,
    ):
        bench = Bench(bed, registry, Path(folder))
        imports = bench.imports()
        rows = _compared(bench, given.sizes, given.rounds)
    _show(imports, rows)


def _show(imports: dict[str, Cost], rows: Sequence[tuple[str, int, Cost, Cost]]) -> None:
    table = Table("import", "s", "CPU s", "MiB", title="What the code costs")
    for name, cost in imports.items():
        table.add_row(name, f"{cost.seconds:.2f}", f"{cost.cpu:.2f}", f"{cost.mebibytes:.0f}")
    console = Console(width=100)
    console.print(table)
    heads = [f"{side} {unit}" for unit in ("s", "CPU s", "MiB") for side in ("Comal", "SDK")]
    table = Table(
        "", "MB", *heads, title="A process from its start to its end, and the most that it held"
    )
    for name, megabytes, ours, theirs in rows:
        table.add_row(
            name,
            str(megabytes),
            f"{ours.seconds:.1f}",
            f"{theirs.seconds:.1f}",
            f"{ours.cpu:.1f}",
            f"{theirs.cpu:.1f}",
            f"{ours.mebibytes:.0f}",
            f"{theirs.mebibytes:.0f}",
        )
    console.print(table)


if __name__ == "__main__":
    main()
