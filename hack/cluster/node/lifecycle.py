"""up, down and status of the local node."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.commands import ClusterError, attempt, say
from cluster.gobuild import COREDNS, KUBERNETES, LOCAL_PATH, METRICS_SERVER, built
from cluster.layout import Layout
from cluster.node import cgroup, config, network
from cluster.node.addons import apply_addons, wait_until_ready
from cluster.node.daemons import Programs, init_spec
from cluster.node.images import import_archive, tidy_store
from cluster.node.kubeconfig import kubeconfig, write_private
from cluster.node.network import ADDRESSES
from cluster.node.pki import write_certificates
from cluster.node.system_image import system_image
from cluster.paths import Places
from cluster.tools import INSTALLED, install_commands, unpack, which

_START_SECONDS = 60.0
_COLLECTING_SECONDS = 3.0
_INIT = Path(__file__).with_name("init.py")
_NAMESPACES = ("--net", "--mount", "--pid", "--ipc", "--uts")


def up(places: Places) -> None:
    """Make a node that is Ready with DNS and storage, whatever there was before. Safe to repeat."""
    install_commands(INSTALLED)
    places.cache.mkdir(parents=True, exist_ok=True)
    programs = Programs(
        kubernetes=built(places, KUBERNETES),
        metrics_server=built(places, METRICS_SERVER) / "metrics-server",
        etcd=unpack(places, "etcd"),
        containerd=unpack(places, "containerd"),
    )
    image, archive = system_image(
        places,
        {
            "catatonit": unpack(places, "catatonit"),
            "bin/busybox": unpack(places, "busybox"),
            "coredns": built(places, COREDNS) / "coredns",
            "local-path-provisioner": built(places, LOCAL_PATH) / "local-path-provisioner",
        },
    )
    _link_tools(places, programs)
    with _lock(places):
        _refuse_other_daemons(places, programs)
        if node_process(places) is None:
            _remove(places)
            _start(places, programs, image)
        import_archive(places, image, archive)
        _wait_for_api(places)
        apply_addons(places, image)
    wait_until_ready(places)
    say(f"the local node is Ready (kubeconfig: {places.kubeconfig})")


def _refuse_other_daemons(places: Places, programs: Programs) -> None:
    """Raise ClusterError if a node runs that was started with other daemons than today's."""
    wanted = json.dumps(init_spec(places, programs), indent=2)
    file = places.config / "node.json"
    if node_process(places) is not None and file.exists() and file.read_text() != wanted:
        raise ClusterError(
            "the running node was started by another version of hack/cluster:"
            " `make down`, then `make up` (what is in the cluster goes with it)"
        )


def down(places: Places) -> None:
    """End the node and remove everything of it but the caches."""
    with _lock(places):
        _remove(places)
    places.kubeconfig.unlink(missing_ok=True)
    say("the local node is gone (builds and images stay cached)")


def status(places: Places) -> str:
    """Return a few lines for people."""
    process = node_process(places)
    if process is None:
        return "local node: down"
    memory = sum(_resident_kib(pid) for pid in _processes_in_namespace_of(process)) // 1024
    ready = attempt(["curl", "-sk", "--max-time", "2", f"{ADDRESSES.api_url}/readyz"]).stdout
    return "\n".join(
        (
            f"local node: up (process {process}, {memory} MiB in daemons)",
            f"API server: {ADDRESSES.api_url} {'ready' if ready == 'ok' else 'not ready'}",
            f"kubeconfig: {places.kubeconfig}",
            f"kubectl:    {places.tools / 'kubectl'}",
            f"logs:       {places.logs}",
            f"audit log:  {places.audit_log}",
        )
    )


def restart(places: Places, name: str) -> None:
    """Kill one daemon of the node, whose first process starts it again."""
    process = node_process(places)
    found = [
        pid
        for pid in (_processes_in_namespace_of(process) if process else [])
        if Path(_arguments(pid)[0]).name == name
    ]
    if len(found) != 1:
        raise ClusterError(f"the local node runs no daemon {name} that could be restarted")
    os.kill(found[0], signal.SIGKILL)
    say(f"{name} was killed; the node starts it again")


def node_process(places: Places) -> int | None:
    """Return the id of the node's first process as the host sees it; None when there is no node."""
    try:
        process = int(places.pid_file.read_text())
        arguments = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    # Process ids are used again: only ours runs init.py.
    return process if any(part.endswith(b"/node/init.py") for part in arguments) else None


def _start(places: Places, programs: Programs, image: str) -> None:
    say("starting the local node")
    cgroup.create()
    _write_configuration(places, programs, image)
    layout = Layout(places.layout)
    tidy_store(places, lambda name: name == image or layout.holds(name))
    with (places.logs / "init.log").open("ab") as log:
        starter = subprocess.Popen(
            ["unshare", *_NAMESPACES, "--fork", "--kill-child", "--mount-proc",
             sys.executable, "-I", _INIT, places.config / "node.json"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True,
        )  # fmt: skip
    process = _only_child(starter)
    places.pid_file.write_text(str(process))
    network.connect(process)
    write_private(places.kubeconfig, kubeconfig(places.pki, "admin", ADDRESSES.api_url))


def _write_configuration(places: Places, programs: Programs, image: str) -> None:
    for folder in ("run", "audit", "log", "config/cni", "config/sysctls", "volumes", "etcd"):
        (places.state / folder).mkdir(parents=True, exist_ok=True)
    (places.state / "etcd").chmod(0o700)
    write_certificates(places.pki)
    for user in ("controller-manager", "scheduler", "kube-proxy", "kubelet", "metrics-server"):
        text = kubeconfig(places.pki, user, f"https://127.0.0.1:{ADDRESSES.api_port}")
        write_private(places.config / f"{user}.kubeconfig", text)
    cni = str(unpack(places, "cni"))
    files = {
        "containerd.toml": config.containerd(places, which("runc") or "runc", cni, image),
        "cni/10-comal.conflist": config.cni(),
        "kubelet.json": config.kubelet(places),
        "audit-policy.json": config.audit_policy(),
        "resolv.conf": "",
        "node.json": json.dumps(init_spec(places, programs), indent=2),
    }
    for name, text in files.items():
        (places.config / name).write_text(text)


def _remove(places: Places) -> None:
    process = node_process(places)
    if process is not None:
        say("stopping the local node")
        starter = _parent(process)
        # The kernel ends a whole process namespace with its first process.
        os.kill(process, signal.SIGKILL)
        _wait_until_gone({process, starter} - {1})
    network.disconnect()
    left = cgroup.destroy()
    if left:
        raise ClusterError(f"processes are left in the control group {left[-1]}: end them first")
    shutil.rmtree(places.state, ignore_errors=True)


def _parent(process: int) -> int:
    fields = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in fields if line.startswith("PPid:"))


def _wait_until_gone(processes: set[int]) -> None:
    """Return when none runs. Some machines' init collects the ended ones late: that is no error."""
    deadline = time.monotonic() + _COLLECTING_SECONDS
    while processes:
        time.sleep(0.02)
        states = {process: _state(process) for process in processes}
        late = time.monotonic() > deadline
        processes = {process for process, state in states.items()
                     if state and not (late and state == "Z")}  # fmt: skip


def _state(process: int) -> str:
    """Return the letter that the kernel shows for its state; nothing when it is gone."""
    try:
        # The name, in parentheses, may hold anything; the state is the first letter after it.
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _wait_for_api(places: Places) -> None:
    deadline = time.monotonic() + _START_SECONDS
    argv: list[str | Path] = [
        places.tools / "kubectl",
        "--kubeconfig",
        places.kubeconfig,
        "get",
        "--raw=/readyz",
    ]
    while attempt([*argv, "--request-timeout=2s"]).stdout != "ok":
        if time.monotonic() > deadline or node_process(places) is None:
            raise ClusterError(
                f"the API server did not become ready: see the logs in {places.logs}"
            )
        time.sleep(0.2)


def _only_child(starter: subprocess.Popen[bytes]) -> int:
    children = Path(f"/proc/{starter.pid}/task/{starter.pid}/children")
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and starter.poll() is None:
        for child in children.read_text().split():
            if b"init.py" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
        time.sleep(0.01)
    raise ClusterError("the node's namespaces could not be made: is this a restricted container?")


def _link_tools(places: Places, programs: Programs) -> None:
    places.tools.mkdir(parents=True, exist_ok=True)
    sources = [programs.kubernetes / "kubectl", programs.containerd.with_name("ctr"), programs.etcd]
    sources += [programs.kubernetes / "kube-apiserver"]
    for source in sources:
        link = places.tools / source.name
        link.unlink(missing_ok=True)
        link.symlink_to(source)


@contextmanager
def _lock(places: Places) -> Iterator[None]:
    """One change at a time: two `up` at once would fight over one interface."""
    places.cache.mkdir(parents=True, exist_ok=True)
    with (places.cache / "node.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _processes_in_namespace_of(process: int) -> list[int]:
    namespace = Path(f"/proc/{process}/ns/net").readlink()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "ns" / "net").readlink() == namespace:
                found.append(int(entry.name))
        except OSError:
            # Ended between the two looks.
            continue
    return found


def _arguments(pid: int) -> list[str]:
    """Return how a process was started; one empty word when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return [""]


def _resident_kib(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in fields if line.startswith("VmRSS:")), 0)
