"""Our words and numbers are Keras's: the oracle is its own Tokenizer."""

from __future__ import annotations

import json
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from comal_trainer.vocabulary import Vocabulary

TEXTS = (
    "Manufactured in 1985 made of steel in fair condition",
    "Good condition carbon fiber component manufactured in 2010",
    "Steel component, manufactured in 1995; in FAIR condition!",
    "",
    "state-of-the-art  don't\tpanic\nnow",
    "a a a a b b c",
    "word " * 130 + "last",
)


SIZES = (4, 12, 1000)


def test_texts_become_the_numbers_of_keras() -> None:
    oracle = (
        "import sys, json\n"
        "from tensorflow.keras.preprocessing.text import Tokenizer\n"
        "from tensorflow.keras.utils import pad_sequences\n"
        "texts, sizes = json.load(sys.stdin)\n"
        "for size in sizes:\n"
        "    t = Tokenizer(num_words=size); t.fit_on_texts(texts)\n"
        "    rows = pad_sequences(t.texts_to_sequences(texts), maxlen=100)\n"
        "    print(json.dumps(rows.tolist()))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", oracle],
        input=json.dumps([TEXTS, SIZES]),
        capture_output=True,
        text=True,
        check=True,
    )
    for size, line in zip(SIZES, ended.stdout.splitlines(), strict=True):
        vocabulary = Vocabulary.fitted(TEXTS, size)
        assert vocabulary.encode(TEXTS, 100).tolist() == json.loads(line)


@given(st.lists(st.text(max_size=40), max_size=8), st.integers(2, 20))
def test_a_vocabulary_survives_its_file(texts: list[str], size: int) -> None:
    vocabulary = Vocabulary.fitted(texts, size)
    assert Vocabulary.from_lines(vocabulary.to_lines()) == vocabulary
    assert vocabulary.encode(texts, 7).max(initial=0) < size
