"""https with a certificate from files, which may be renewed while callers call."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from comal_operator.core.serving.handling import Handling
from router.certificates import certificate
from router.endpoint import Endpoint
from router.running import Router, swap, until
from router.scorers import Scorer

pytestmark = pytest.mark.timeout(180)


def by_https(router: Router, made: dict[str, str]) -> http.client.HTTPSConnection:
    """Return a connection of a caller who trusts this certificate alone."""
    context = ssl.create_default_context(cadata=made["tls.crt"])
    context.check_hostname = False
    port = router.places.scoring_port
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)


def call(connection: http.client.HTTPConnection) -> int:
    connection.request("POST", "/score", b"{}")
    answer = connection.getresponse()
    answer.read()
    return answer.status


def shows(router: Router, made: dict[str, str]) -> bool:
    """Return whether new callers see this certificate."""
    port = router.places.scoring_port
    seen = ssl.get_server_certificate(("127.0.0.1", port))
    return seen.strip() == made["tls.crt"].strip()


def test_https_with_renewal_and_no_http(
    scorers: Callable[[str], Scorer], running: Callable[..., Router], tmp_path: Path
) -> None:
    endpoint = Endpoint(scorers, stable=1)
    first, second = certificate(tmp_path, "first"), certificate(tmp_path, "second")
    folder = tmp_path / "tls"
    folder.mkdir()
    swap(folder, first)
    router = running(endpoint.routing(None, Handling(has_tls=True)))
    until("all are healthy", lambda: router.whole() == {"a1", "last-resort"})
    with closing(by_https(router, first)) as kept:
        assert call(kept) == 200

        swap(folder, second)
        until("the renewal is followed", lambda: shows(router, second))
        assert call(kept) == 200, "who is connected stays so"
        with closing(by_https(router, second)) as fresh:
            assert call(fresh) == 200
    plain = http.client.HTTPConnection("127.0.0.1", router.places.scoring_port, timeout=60)
    with closing(plain), pytest.raises((http.client.HTTPException, OSError)):
        call(plain)
