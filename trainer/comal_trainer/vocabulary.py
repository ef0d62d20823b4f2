"""Words as numbers, as Keras's `Tokenizer` and `pad_sequences` make them; the scorer does the same.

A model without its vocabulary is of no use to anybody who has only text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

# Keras's own list: all ASCII punctuation but the apostrophe, tabs and line ends.
_SEPARATORS: Final = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', " "))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Known words; the first has the number 1, as 0 fills up what is too short."""

    words: tuple[str, ...]

    @classmethod
    def fitted(cls, texts: Iterable[str], size: int) -> Self:
        """Return the `size` - 1 most frequent words; of equally frequent ones, the first seen."""
        counts = Counter(word for text in texts for word in words_of(text))
        return cls(tuple(word for word, _ in counts.most_common(size - 1)))

    def encode(self, texts: Sequence[str], length: int) -> npt.NDArray[np.int32]:
        """Return texts x length numbers: unknown words left out, the last kept, zeros first."""
        numbers = {word: number for number, word in enumerate(self.words, start=1)}
        rows = np.zeros((len(texts), length), np.int32)
        for row, text in zip(rows, texts, strict=True):
            known = [numbers[word] for word in words_of(text) if word in numbers][-length:]
            if known:
                row[-len(known) :] = known
        return rows

    def to_lines(self) -> bytes:
        """Return the vocabulary's file: a word a line."""
        return "".join(f"{word}\n" for word in self.words).encode()

    @classmethod
    def from_lines(cls, content: bytes) -> Self:
        """Return the vocabulary of such a file; raise UnicodeDecodeError."""
        return cls(tuple(content.decode().splitlines()))


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation."""
    return text.lower().translate(_SEPARATORS).split()
