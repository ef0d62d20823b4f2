"""Clients that leave, dawdle or crowd: nobody else notices, nothing looks like a fault."""

from __future__ import annotations

import socket
import time

import pytest

from unit.scorer.conftest import Start
from unit.scorer.model_folders import diabetes
from unit.scorer.scorer_process import ScorerProcess

GOOD = b'{"data": [[0,0,0,0,0,0,0,0,0,0]]}'


def begin(scorer: ScorerProcess, length: int, start: bytes) -> socket.socket:
    """Open a connection and send only the start of a body."""
    connection = socket.create_connection(("127.0.0.1", scorer.port))
    head = f"POST /score HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n"
    connection.sendall(head.encode() + start)
    return connection


def counted(scorer: ScorerProcess, code: int) -> float:
    for line in scorer.get("/metrics").body.decode().splitlines():
        if line.startswith(f'comal_scorer_requests_total{{code="{code}"}}'):
            return float(line.rpartition(" ")[2])
    return 0


def wait_for(scorer: ScorerProcess, code: int, count: float) -> None:
    limit = time.monotonic() + 60
    while counted(scorer, code) < count and time.monotonic() < limit:
        time.sleep(0.01)
    assert counted(scorer, code) == count


@pytest.mark.parametrize("length", [500, 200_000], ids=["small-body", "large-body"])
def test_a_client_that_leaves_is_not_the_models_fault(start: Start, length: int) -> None:
    scorer = start(diabetes()[0]).wait_ready()

    for _ in range(10):
        begin(scorer, length, b"{").close()

    wait_for(scorer, 499, 10)
    assert counted(scorer, 500) == 0
    assert scorer.score(GOOD).status == 200
    assert "Traceback" not in scorer.errors()


def test_dawdling_clients_do_not_keep_others_out(matrix_scorer: ScorerProcess) -> None:
    slow = [begin(matrix_scorer, 50, b"{") for _ in range(400)]

    answers = [matrix_scorer.score(GOOD).status for _ in range(20)]
    ready = matrix_scorer.get("/readyz").status
    for connection in slow:
        connection.close()

    assert (set(answers), ready) == ({200}, 200)


def test_many_large_bodies_are_refused_rather_than_kept(start: Start) -> None:
    scorer = start(diabetes()[0], COMAL_MAX_BODY_BYTES="100000").wait_ready()
    waiting = [begin(scorer, 100_000, b"{") for _ in range(40)]

    # Sixteen fit; they are still waiting for their bytes when the others have been refused.
    wait_for(scorer, 503, 40 - 16)
    assert scorer.score(GOOD).status == 200
    for connection in waiting:
        connection.close()
    wait_for(scorer, 499, 16)
