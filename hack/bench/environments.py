"""Other projects' servers and clients, each in a virtual environment of its own.

Their requirements exclude one another's and ours, so none of them lives in `.venv`.
"""

import hashlib
import sys
from pathlib import Path

from cluster.commands import run, say
from cluster.paths import REPOSITORY, places

_RUNTIME = ("scikit-learn==1.9.1", "onnxruntime==1.31.1")

REQUIREMENTS: dict[str, tuple[str, ...]] = {
    # Microsoft's server: the oracle of aml-v1, and a peer.
    "azureml": ("azureml-inference-server-http==1.5.1", *_RUNTIME),
    # The official clients of the Open Inference Protocol.
    "tritonclient": ("tritonclient[http]==2.73.0",),
    "kserve": ("kserve==0.21.0", *_RUNTIME),
    "mlserver": ("mlserver==1.7.1", "mlserver-sklearn==1.7.1", *_RUNTIME),
    "mosec": ("mosec==0.9.8", *_RUNTIME),
    "fastapi": ("fastapi", "uvicorn", "uvloop", "httptools", *_RUNTIME),
    "pytriton": ("nvidia-pytriton==0.7.0", *_RUNTIME),
    "keras": (
        "azureml-inference-server-http==1.5.1",
        "tensorflow-cpu==2.21.0",
        "keras==3.15.1",
        "onnxruntime==1.31.1",
    ),
}


def environment(name: str) -> Path:
    """Return the folder of one environment, made when it is missing or was made of other things."""
    requirements = REQUIREMENTS[name]
    folder = places().cache / "bench" / name
    stamp = folder / ".made-of"
    wanted = hashlib.sha256("\n".join((sys.version, *requirements)).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return folder
    say(f"making the environment {name} in {folder}")
    uv: list[str | Path] = [REPOSITORY / ".venv" / "bin" / "python", "-m", "uv"]
    run([*uv, "venv", "-q", "--clear", "--python", sys.executable, folder])
    run([*uv, "pip", "install", "-q", "--python", folder / "bin" / "python", *requirements])
    stamp.write_text(wanted)
    return folder
