"""`kubectl comal` as a test calls it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apiserver.server import ApiServer
from kubectl_comal.__main__ import main

Run = Callable[..., tuple[int, str, str]]


def plugin(
    server: ApiServer,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Return what runs the plugin in a namespace."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, user: str = "admin") -> tuple[int, str, str]:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(user)))
        # The client reads where the file is when it is imported.
        monkeypatch.setattr(
            "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION",
            str(server.kubeconfig(user)),
        )
        status = main([*arguments, "-n", namespace])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run
