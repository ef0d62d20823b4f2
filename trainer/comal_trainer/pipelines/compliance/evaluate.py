"""`compliance evaluate`: accuracy on texts that training never saw."""

from __future__ import annotations

from typing import Final

from comal_trainer.baseline import Baseline, IncomparableError, rescore
from comal_trainer.classification import Probabilities, measured, probabilities_of, short_names
from comal_trainer.conversion.keras_archive import check_archive
from comal_trainer.data_record import DataRecord
from comal_trainer.failure import JobFailure, UserError
from comal_trainer.keras_runtime import load_keras
from comal_trainer.keras_training.scoring import answers_of
from comal_trainer.metrics import write_metrics
from comal_trainer.model_card import read_card
from comal_trainer.pipelines.compliance.dataset import Texts, data_folder, read_split
from comal_trainer.plots import confusion_matrix
from comal_trainer.progress import progress
from comal_trainer.settings import Settings
from comal_trainer.vocabulary import Vocabulary

_BATCH: Final = 256


def evaluate(settings: Settings) -> dict[str, float]:
    """Write and return metrics `acc` and `loss`, and those of the baseline; raises UserError."""
    record = DataRecord.read(data_folder(settings), "compliance prepare")
    texts = read_split(settings, "test")
    try:
        card = read_card(settings.model_dir)
        check_archive(settings.model_dir / card.file)
    except (JobFailure, OSError) as error:
        raise UserError(f"{error}; run `compliance train` first") from None
    text = card.content["preprocessing"]["text"]
    vocabulary = Vocabulary.from_lines((settings.model_dir / text["vocabulary"]).read_bytes())
    rows = vocabulary.encode(texts.texts, text["length"])
    model = load_keras().saving.load_model(settings.model_dir / card.file, compile=False)
    answers = probabilities_of(answers_of(model, len(rows), lambda i: rows[i], _BATCH))
    metrics = _metrics(answers, texts) | record.as_metric
    write_metrics(settings.metrics_file, metrics)
    rescore(settings, lambda baseline: _baseline_metrics(baseline, texts) | record.as_metric)
    title = f"compliance: {len(texts)} held-out texts ({record.source})"
    path = settings.artefacts_dir / "confusion-matrix.png"
    confusion_matrix(path, title, texts.labels, answers.argmax(axis=1), card.labels)
    told = f"acc {metrics['acc']:.4f}, loss {metrics['loss']:.4f} on {len(texts)} texts"
    progress(100, told + ("; the data is generated" if record.generated else ""))
    return metrics


def _metrics(answers: Probabilities, texts: Texts) -> dict[str, float]:
    return short_names(measured(answers, texts.labels))


def _baseline_metrics(baseline: Baseline, texts: Texts) -> dict[str, float]:
    # By its own vocabulary: numbers mean other words in other models.
    text = baseline.card.content.get("preprocessing", {}).get("text", {})
    if baseline.card.contract != "ints-list" or "vocabulary" not in text:
        raise IncomparableError("it has no vocabulary, so it cannot read these texts")
    vocabulary = Vocabulary.from_lines((baseline.folder / text["vocabulary"]).read_bytes())
    rows = vocabulary.encode(texts.texts, text["length"])
    return _metrics(probabilities_of(baseline.answers(rows)), texts)
