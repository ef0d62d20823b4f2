"""Real torch.distributed workers that know nothing but the variables that the operator sets.

Torch is too large for CI: `make rel-torchrun` fetches Debian's and runs this.
COMAL_TORCH_PYTHON names an interpreter that has it; where nobody named one, and the machine's has
none, this is skipped.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from make import a_run
from training_world import World

PYTHON = os.environ.get("COMAL_TORCH_PYTHON", "/usr/bin/python3")
WORKERS = 2
TRAIN = """
import os, torch, torch.distributed as d
d.init_process_group("gloo")
total = torch.tensor([float(d.get_rank() + 1)])
d.all_reduce(total)
print("rank", d.get_rank(), "of", d.get_world_size(), "sum", total.item(), flush=True)
"""


def _missing() -> str:
    """Return why this cannot be told here; nothing where it can."""
    if os.geteuid() != 0:
        return "it takes root to give the workers their host names and ports"
    program = "import torch.distributed as d; assert d.is_available()"
    try:
        done = subprocess.run(
            [PYTHON, "-c", program], capture_output=True, text=True, check=False, timeout=120
        )
    except OSError as error:
        return f"{PYTHON}: {error}"
    return "" if done.returncode == 0 else f"{PYTHON} has no torch: {done.stderr[-200:].strip()}"


def variables(index: int) -> dict[str, str]:
    """Return what one worker's container gets, as its kubelet expands it."""
    run: Any = a_run(workspace={"accessModes": ["ReadWriteMany"]})
    run["spec"]["steps"][0]["distributed"] = {"framework": "PyTorch", "workers": WORKERS}
    world = World().add(run)
    world.settle()
    found: dict[str, str] = {}
    for variable in world.job("train")["spec"]["template"]["spec"]["containers"][0]["env"]:
        text = variable.get("value", str(index))
        for name, value in found.items():
            text = text.replace(f"$({name})", value)
        found[variable["name"]] = text
    return found


# Torch 1.13 cannot read its own default of both flags on Python 3.11.
TORCHRUN = "-m torch.distributed.run --redirects 1 --tee 1"


@pytest.mark.parametrize("launcher", [TORCHRUN, ""], ids=["torchrun", "plain"])
def test_workers_meet_and_add_up(tmp_path: Path, launcher: str) -> None:
    if reason := _missing():
        # Who names an interpreter wants to know.
        assert "COMAL_TORCH_PYTHON" not in os.environ, reason
        pytest.skip(f"{reason}; `make rel-torchrun` runs this")
    (tmp_path / "train.py").write_text(TRAIN)
    hosts = f"127.0.0.1 localhost {variables(0)['MASTER_ADDR']}\n"
    (tmp_path / "hosts").write_text(hosts)
    # A network of their own, in which the first worker's host name is known, as in the cluster.
    lines = ["set -e", "ip link set lo up", "mount --bind hosts /etc/hosts"]
    for index in reversed(range(WORKERS)):
        told = " ".join(shlex.quote(f"{key}={value}") for key, value in variables(index).items())
        base = f"PATH={shlex.quote(os.environ['PATH'])}"
        lines.append(f"env -i {base} {told} {PYTHON} {launcher} train.py > out-{index} 2>&1 &")
    lines.append("wait")
    subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-c", "\n".join(lines)],
        cwd=tmp_path,
        check=True,
        timeout=300,
    )
    said = "".join((tmp_path / f"out-{index}").read_text() for index in range(WORKERS))
    for rank in range(WORKERS):
        assert f"rank {rank} of {WORKERS} sum 3.0" in said, said
