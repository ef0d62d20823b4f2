"""`compliance train`: fit the network, and write all that a stranger needs to ask it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from comal_trainer.classification import measured, probabilities_of, short_names
from comal_trainer.data_record import DataRecord
from comal_trainer.keras_training.loop import Indices, Plan
from comal_trainer.keras_training.scoring import answers_of
from comal_trainer.keras_training.training import Recipe, Trained
from comal_trainer.keras_training.training import train as train_keras
from comal_trainer.model_writer import data_list, write_model_folder
from comal_trainer.pipelines.compliance.dataset import data_folder, read_split
from comal_trainer.pipelines.compliance.network import (
    LENGTH,
    RANDOM,
    Vectors,
    network,
    random_vectors,
    vectors_of,
)
from comal_trainer.plots import learning_curve
from comal_trainer.progress import progress
from comal_trainer.settings import Settings
from comal_trainer.vocabulary import Vocabulary

MODEL: Final = "model.keras"
VOCABULARY: Final = "vocabulary.txt"
LABELS: Final = ("Compliant", "Not Compliant")
DESCRIPTION: Final = (
    "Deep learning model to classify the descriptions of car components as compliant or"
    " non-compliant."
)
_SAMPLES: Final = 20
_BATCH: Final = 256


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """How to train; the defaults of the command line are the seed's."""

    epochs: int
    batch: int
    learning_rate: float
    words: int
    vectors: str
    seed: int


@dataclass(frozen=True, slots=True)
class _Rows:
    rows: Any
    labels: Any

    def __len__(self) -> int:
        return len(self.rows)

    def load(self, indices: Indices) -> tuple[Any, Any]:
        return self.rows[indices], self.labels[indices]


def train(settings: Settings, chosen: Hyperparameters) -> None:
    """Train and write the model folder; raises UserError."""
    record = DataRecord.read(data_folder(settings), "compliance prepare")
    texts, held_out = read_split(settings, "train"), read_split(settings, "validation")
    vocabulary = Vocabulary.fitted(texts.texts, chosen.words)
    vectors = _vectors(settings, chosen, vocabulary)
    told = "; the data is generated" if record.generated else ""
    progress(0, f"{len(texts)} texts, {len(vocabulary.words)} words{told}")
    rows, validation = (
        _Rows(vocabulary.encode(t.texts, LENGTH), t.labels) for t in (texts, held_out)
    )
    recipe = Recipe(
        network=lambda keras: network(keras, vectors),
        optimizer=lambda keras: keras.optimizers.RMSprop(chosen.learning_rate),
        plan=Plan(chosen.epochs, chosen.batch, chosen.seed),
        facts={**asdict(chosen), "data": record.sha256},
    )

    def validate(model: Any) -> dict[str, float]:
        answers = answers_of(model, len(validation), lambda i: validation.rows[i], _BATCH)
        return short_names(measured(probabilities_of(answers), validation.labels))

    trained = train_keras(settings, recipe, rows, validate)
    if trained is not None:
        _write(settings, trained, vocabulary, record, validation)


def _write(
    settings: Settings,
    trained: Trained,
    vocabulary: Vocabulary,
    record: DataRecord,
    validation: _Rows,
) -> None:
    files = {VOCABULARY: vocabulary.to_lines(), **data_list(data_folder(settings))}
    settings.model_dir.mkdir(parents=True, exist_ok=True)
    trained.model.save(settings.model_dir / MODEL)
    words = trained.model.get_layer("vectors").input_dim
    write_model_folder(settings, _card(record, words), validation.rows[:_SAMPLES], files)
    title = f"compliance: learning curve ({record.source})"
    learning_curve(settings.artefacts_dir / "learning-curve.png", title, trained.history)
    progress(100, f"model written to {settings.model_dir.name}/{MODEL}")


def _card(record: DataRecord, words: int) -> dict[str, Any]:
    told = f" The data is {record.source}." if record.generated else ""
    return {
        "format": "keras",
        "file": MODEL,
        "contract": "ints-list",
        "description": DESCRIPTION + told,
        "signature": {
            "inputs": [{"name": "text", "dtype": "int32", "shape": [-1, LENGTH]}],
            "outputs": [{"name": "probability", "dtype": "float32", "shape": [-1, 1]}],
        },
        "labels": list(LABELS),
        "preprocessing": {"text": {"vocabulary": VOCABULARY, "length": LENGTH, "words": words}},
        "data": record.for_card(),
    }


def _vectors(settings: Settings, chosen: Hyperparameters, vocabulary: Vocabulary) -> Vectors:
    if chosen.vectors == RANDOM:
        return random_vectors(chosen.words, chosen.seed)
    return vectors_of(settings.workspace / chosen.vectors, vocabulary, chosen.words)
