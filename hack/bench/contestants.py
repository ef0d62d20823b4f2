"""Who takes part: how each is started, and what each is asked for the same prediction."""

import json
import shutil
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.environments import environment
from comal_scorer import contract
from unit.scorer.model_folders import Package

PORT = 8190
# What no server can be faster than: nginx answering a constant.
FLOOR = "nginx"
_SERVERS = Path(__file__).parent / "servers"
_INFER = "/v2/models/m/infer"

Command = Callable[[Path], list[str | Path]]


@dataclass(frozen=True)
class Contestant:
    """One server with one model: command, environment, path and body of the request."""

    name: str
    command: Command
    path: str
    body: str
    variables: dict[str, str] = field(default_factory=dict)
    # Not so for what only marks how fast any server can be.
    predicts: bool = True


def contestants(model: str) -> list[Contestant]:
    """Return all who can serve the model; the first is the one others are compared with."""
    backend = "sklearn" if model == "ridge" else "onnx"
    rows, tensor = f"{model}-rows", f"{model}-tensor"
    given = {"BACKEND": backend}
    listed = [
        Contestant("azureml", _azureml("azureml"), "/score", rows, given),
        Contestant("mlserver", _mlserver(backend), _INFER, tensor, given),
        Contestant("kserve", _python("kserve", "kserve_server.py"), _INFER, tensor, given),
        Contestant("mosec", _mosec, "/inference", rows, given),
        Contestant("fastapi", _fastapi, "/score", rows, given),
        Contestant("triton", _python("pytriton", "triton_server.py"), _INFER, tensor, _triton()),
    ]
    if model == "ridge":
        return [
            *listed,
            Contestant("comal", _comal("ridge", "ridge.onnx"), "/score", rows),
            Contestant("comal v2", _comal("ridge", "ridge.onnx"), _INFER, tensor),
            Contestant(FLOOR, _nginx, "/score", rows, predicts=False),
        ]
    keras = Contestant("azureml+keras", _azureml("keras"), "/score", rows, {"BACKEND": "keras"})
    binary = Contestant(
        "triton binary", _python("pytriton", "triton_server.py"), _INFER, "cnn-fp32", _triton()
    )
    ours = [
        Contestant(f"comal {kind} {runtime}", _comal("cnn", file), _INFER, asked)
        for runtime, file in (("onnx", "cnn.onnx"), ("litert", "cnn.tflite"))
        for kind, asked in (("json", tensor), ("fp32", "cnn-fp32"), ("uint8", "cnn-uint8"))
    ]
    return [*listed, keras, binary, *ours]


def _comal(model: str, file: str) -> Command:
    def command(folder: Path) -> list[str | Path]:
        card: dict[str, Any] = {"format": "onnx", "contract": "data-matrix"}
        if model == "cnn":
            image = {"width": 160, "height": 160, "scale": 1.0, "offset": 0.0}
            card |= {"contract": "base64-image", "labels": ["a", "b"]}
            card |= {"preprocessing": {"image": image}}
        place = f"serving/model{Path(file).suffix}"
        package = Package(card, {place: (folder / file).read_bytes()})
        models = folder / f"comal-{file}"
        models.mkdir(exist_ok=True)
        package.lay_out(models)
        settings = {
            contract.MODEL_DIR_ENV: str(models),
            contract.MODEL_DIGEST_ENV: package.digest,
            contract.MODEL_NAME_ENV: "m",
            contract.PORT_ENV: str(PORT),
            contract.DRAIN_SECONDS_ENV: "0",
        }
        variables = [f"{name}={value}" for name, value in settings.items()]
        return ["env", *variables, sys.executable, "-m", "comal_scorer", contract.SERVE_COMMAND]

    return command


def _azureml(name: str) -> Command:
    def command(_: Path) -> list[str | Path]:
        program = environment(name) / "bin" / "azmlinfsrv"
        script = _SERVERS / "azureml_script.py"
        return [program, "--entry_script", script, "--port", str(PORT), "--worker_count", "1"]

    return command


def _mlserver(backend: str) -> Command:
    def command(folder: Path) -> list[str | Path]:
        home = folder / f"mlserver-{backend}"
        (home / "m").mkdir(parents=True, exist_ok=True)
        ports = {"http_port": PORT, "grpc_port": PORT + 50, "metrics_port": PORT + 51}
        quiet = {"host": "127.0.0.1", "parallel_workers": 0, "debug": False, "access_log": False}
        (home / "settings.json").write_text(json.dumps({**ports, **quiet}))
        served: dict[str, Any] = {"name": "m", "implementation": "mlserver_model.Onnx"}
        if backend == "sklearn":
            served["implementation"] = "mlserver_sklearn.SKLearnModel"
            served["parameters"] = {"uri": str(folder / "ridge.joblib")}
        (home / "m" / "model-settings.json").write_text(json.dumps(served))
        return [
            "env",
            f"PYTHONPATH={_SERVERS}",
            environment("mlserver") / "bin" / "mlserver",
            "start",
            home,
        ]

    return command


def _python(name: str, script: str) -> Command:
    return lambda _: [environment(name) / "bin" / "python", _SERVERS / script]


def _mosec(_: Path) -> list[str | Path]:
    python = environment("mosec") / "bin" / "python"
    return [python, _SERVERS / "mosec_server.py", "--port", str(PORT), "--address", "127.0.0.1"]


def _fastapi(_: Path) -> list[str | Path]:
    program = environment("fastapi") / "bin" / "uvicorn"
    quiet = ["--no-access-log", "--log-level", "warning"]
    return [program, "fastapi_server:app", "--app-dir", _SERVERS, "--port", str(PORT), *quiet]


def _triton() -> dict[str, str]:
    # The server in pytriton's wheel is linked with a libpython that it does not bring.
    return {"BACKEND": "onnx", "LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR"))}


def _nginx(folder: Path) -> list[str | Path]:
    """Return the command of a server that reads a request and answers a constant."""
    home = folder / "nginx"
    home.mkdir(exist_ok=True)
    events = "events { worker_connections 1024; }"
    location = "location / { default_type application/json; return 200 '[0.1]'; }"
    server = f"server {{ listen 127.0.0.1:{PORT} backlog=1024; {location} }}"
    kept = "access_log off; keepalive_requests 1000000000; client_max_body_size 8m;"
    whole = f"worker_processes 1; daemon off; pid {home}/pid; error_log {home}/log; {events}"
    configuration = home / "nginx.conf"
    configuration.write_text(f"{whole} http {{ {kept} {server} }}")
    return [shutil.which("nginx") or "nginx", "-p", home, "-c", configuration]
