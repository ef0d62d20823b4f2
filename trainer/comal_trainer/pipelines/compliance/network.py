"""The seed's network: word vectors that are not trained, one hidden layer, one sigmoid."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from comal_trainer.failure import UserError
from comal_trainer.vocabulary import Vocabulary

LENGTH: Final = 100
DIMENSIONS: Final = 100
RANDOM: Final = "random"
_HIDDEN: Final = 32
# About that of GloVe's own numbers.
_SPREAD: Final = 0.5

Vectors = npt.NDArray[np.float32]


def network(keras: Any, vectors: Vectors) -> Any:
    """Return the model on these vectors (words x dimensions)."""
    words, dimensions = vectors.shape
    text = keras.Input((LENGTH,), dtype="int32", name="text")
    embedding = keras.layers.Embedding(words, dimensions, trainable=False, name="vectors")
    flat = keras.layers.Flatten(name="flat")(embedding(text))
    hidden = keras.layers.Dense(_HIDDEN, activation="relu", name="hidden")(flat)
    answer = keras.layers.Dense(1, activation="sigmoid", name="probability")(hidden)
    model = keras.Model(text, answer, name="compliance")
    embedding.embeddings.assign(vectors)
    return model


def random_vectors(words: int, seed: int) -> Vectors:
    """Return vectors that mean nothing, but tell every word from every other; always the same."""
    vectors = np.random.default_rng(seed).normal(0, _SPREAD, (words, DIMENSIONS))
    # What fills up short texts stands for nothing; a vector of its own would drown the words.
    vectors[0] = 0
    return vectors.astype(np.float32)


def vectors_of(path: Path, vocabulary: Vocabulary, words: int) -> Vectors:
    """Return the vectors of a file in GloVe's text form, zeros for words that it has not.

    Raises UserError for a file that is none, or of other dimensions.
    """
    numbers = {word: number for number, word in enumerate(vocabulary.words, start=1)}
    vectors = np.zeros((words, DIMENSIONS), np.float32)
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                word, *values = line.split(" ")
                if word in numbers:
                    vectors[numbers[word]] = np.array(values, np.float32)
    except (OSError, ValueError) as error:
        wanted = f"a word and {DIMENSIONS} numbers a line"
        raise UserError(f"vectors: {path.name}: expected {wanted}: {error!s:.200}") from None
    return vectors
