"""Texts as numbers, by the vocabulary that travelled with the model.

As Keras's `Tokenizer` and `pad_sequences` make them and the trainer made them for training.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from comal_scorer.model_card import model_invalid
from comal_scorer.runtime.tensors import Array

# Keras's own list: all ASCII punctuation but the apostrophe, tabs and line ends.
_SEPARATORS = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', " "))
_MOST_BYTES = 256 * 1024 * 1024


class Vocabulary:
    """Known words by their number; 0 fills up what is too short."""

    def __init__(self, words: Sequence[str], length: int) -> None:
        """Give the words numbers from 1; every text becomes `length` numbers."""
        self._numbers = {word: number for number, word in enumerate(words, start=1)}
        self._length = length

    def rows(self, texts: Sequence[str]) -> Array:
        """Return texts x length numbers: unknown words left out, the last kept, zeros first."""
        rows = np.zeros((len(texts), self._length), np.float64)
        numbers = self._numbers
        for row, text in zip(rows, texts, strict=True):
            words = text.lower().translate(_SEPARATORS).split()
            known = [numbers[word] for word in words if word in numbers][-self._length :]
            if known:
                row[-len(known) :] = known
        return rows


def read_vocabulary(path: Path, length: int) -> Vocabulary:
    """Return the vocabulary of a file with a word a line; raises `TerminationError`."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise model_invalid(f"{path.name} has more than {_MOST_BYTES} bytes")
        return Vocabulary(path.read_text(encoding="utf-8").splitlines(), length)
    except (OSError, UnicodeDecodeError) as problem:
        raise model_invalid(f"model.yaml preprocessing.text.vocabulary: {problem}") from None
