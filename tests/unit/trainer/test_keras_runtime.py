"""Keras is loaded without what it would load beside it; whoever wants that gets it afterwards."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc, sys
from comal_trainer.keras_runtime import load_keras

keras = load_keras()
loaded = {name.partition(".")[0] for name in sys.modules}
assert not loaded & {"matplotlib", "scipy", "sklearn"}, loaded
assert gc.isenabled()
import matplotlib, scipy, sklearn
assert load_keras() is keras
"""


def test_keras_comes_alone_and_keeps_nobody_from_coming() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], check=False, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
