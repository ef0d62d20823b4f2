"""A scorer calls nobody: what its libraries would tell their makers is off."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from unit.scorer.conftest import Start
from unit.scorer.model_folders import diabetes

# ONNX Runtime 1.31 calls six to ten seconds after its import.
_LONG_ENOUGH = 12.0


@contextmanager
def a_proxy() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a proxy that refuses all, and the first lines of who came."""
    came: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                with caller:
                    caller.settimeout(5)
                    came.append(caller.recv(200))

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", came
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_scorer_calls_nobody(start: Start) -> None:
    with a_proxy() as (url, came):
        scorer = start(
            diabetes()[0], HTTPS_PROXY=url, https_proxy=url, HTTP_PROXY=url, http_proxy=url
        )
        scorer.wait_ready()
        row = json.dumps({"data": [[0.0] * 10]}).encode()
        assert scorer.score(row).status == 200
        time.sleep(_LONG_ENOUGH)
        scorer.stop()
        assert came == []
