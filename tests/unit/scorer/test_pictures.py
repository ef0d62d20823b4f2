"""The contract image-url, and pictures as raw bodies: what is fetched, refused, answered."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from unit.scorer.conftest import Start
from unit.scorer.model_folders import brightness, image_body, jpeg, png
from unit.scorer.picture_server import PictureServer
from unit.scorer.scorer_process import Answer, ScorerProcess


@pytest.fixture(scope="module")
def web() -> Iterator[PictureServer]:
    server = PictureServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def url_scorer(
    tmp_path_factory: pytest.TempPathFactory, web: PictureServer
) -> Iterator[ScorerProcess]:
    scorer = ScorerProcess(
        brightness(contract="image-url"),
        tmp_path_factory.mktemp("url"),
        COMAL_IMAGE_URLS=f"{web.url('/open/')} http://localhost:{web.port}/open/ 10.0.0.1",
        COMAL_IMAGE_NETWORKS="127.0.0.0/8",
        COMAL_MAX_BODY_BYTES="1000000",
        COMAL_IMAGE_SECONDS="1",
    ).wait_ready()
    yield scorer
    scorer.stop()


def by_query(scorer: ScorerProcess, url: str) -> Answer:
    return scorer.get(f"/score?image={quote(url, safe='')}")


def by_body(scorer: ScorerProcess, url: str) -> Answer:
    return scorer.score(json.dumps({"image": url}).encode())


@pytest.mark.parametrize("ask", [by_query, by_body])
@pytest.mark.parametrize(
    ("path", "label"), [("/open/a.jpg?250", "light"), ("/open/a.png?5", "dark")]
)
def test_the_picture_behind_a_url_is_labelled(
    url_scorer: ScorerProcess, web: PictureServer, ask: type, path: str, label: str
) -> None:
    answer = ask(url_scorer, web.url(path))

    assert answer.status == 200
    assert set(answer.json) == {"time", "prediction", "scores"}
    assert answer.json["prediction"] == label
    assert answer.json["time"] > 0
    assert isinstance(answer.json["scores"], str)
    assert (float(answer.json["scores"]) > 0.5) == (label == "light")


def test_names_are_resolved(url_scorer: ScorerProcess, web: PictureServer) -> None:
    assert by_query(url_scorer, f"http://localhost:{web.port}/open/a.jpg").status == 200


def test_redirects_inside_the_list_are_followed(
    url_scorer: ScorerProcess, web: PictureServer
) -> None:
    assert by_query(url_scorer, web.url("/open/redirect?/open/b.jpg")).status == 200


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/open/none", 422, "image-unreachable"),
        ("/open/slow", 422, "image-unreachable"),
        ("/open/packed", 422, "image-unreachable"),
        ("/open/large", 413, "image-too-large"),
        ("/open/endless", 413, "image-too-large"),
        ("/open/text", 400, "not-a-picture"),
        ("/open/redirect?/closed/a.jpg", 400, "image-url-refused"),
        ("/open/redirect?http://169.254.169.254/a.jpg", 400, "image-url-refused"),
        ("/open/redirect?file:///etc/passwd", 400, "image-url-refused"),
        ("/open/redirect?", 422, "image-unreachable"),
        ("/open/redirect?/open/redirect?", 422, "image-unreachable"),
    ],
)
def test_what_cannot_be_fetched_is_said(
    url_scorer: ScorerProcess, web: PictureServer, path: str, status: int, code: str
) -> None:
    answer = by_body(url_scorer, web.url(path))
    error = answer.json["error"]

    assert (answer.status, error["code"], error["field"]) == (status, code, "image")


def test_nobody_is_asked_for_a_url_that_is_not_allowed(
    url_scorer: ScorerProcess, web: PictureServer
) -> None:
    before = len(web.seen)

    for url in (web.url("/closed/a.jpg"), web.url("/"), "http://10.0.0.1/a.jpg", "a.jpg"):
        answer = by_query(url_scorer, url)
        assert (answer.status, answer.json["error"]["code"]) == (400, "image-url-refused")

    assert len(web.seen) == before


def test_private_addresses_need_a_word(start: Start, web: PictureServer) -> None:
    allowed = f"{web.url('/open/')} http://localhost:{web.port}/open/"
    scorer = start(brightness(contract="image-url"), COMAL_IMAGE_URLS=allowed).wait_ready()
    before = len(web.seen)

    for url in (web.url("/open/a.jpg"), f"http://localhost:{web.port}/open/a.jpg"):
        answer = by_query(scorer, url)
        assert (answer.status, answer.json["error"]["code"]) == (400, "image-url-refused")

    assert len(web.seen) == before


def test_slow_servers_do_not_keep_others_waiting(
    url_scorer: ScorerProcess, web: PictureServer
) -> None:
    with ThreadPoolExecutor(30) as clients:
        slow = [clients.submit(by_query, url_scorer, web.url("/open/slow")) for _ in range(30)]
        quick = url_scorer.score(image_body(jpeg(255)))
        waiting = sum(not answer.done() for answer in slow)

        assert (quick.status, waiting > 0) == (200, True)
        assert {answer.result().status for answer in slow} == {422}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "image"),
        (b"[]", "image"),
        (b"{}", "image"),
        (b'{"image": 7}', "image"),
        (b'{"image": null}', "image"),
        (b'{"image": "a", "data": "b"}', "image"),
        (b'{"data": "!"}', "data"),
        (b"[" * 5000, "image"),
    ],
)
def test_bodies_that_name_no_picture(url_scorer: ScorerProcess, body: bytes, field: str) -> None:
    answer = url_scorer.score(body)

    assert (answer.status, answer.json["error"]["field"]) == (400, field)


@pytest.mark.parametrize("query", ["", "?image", "?image=a&image=b", "?" + "a=1&" * 50])
def test_queries_that_name_no_picture(url_scorer: ScorerProcess, query: str) -> None:
    answer = url_scorer.get("/score" + query)

    assert (answer.status, answer.json["error"]["field"]) == (400, "image")


def test_the_picture_itself_may_be_sent(url_scorer: ScorerProcess) -> None:
    assert url_scorer.score(image_body(png(250))).json["prediction"] == "light"
    for content, kind in ((jpeg(250), "image/jpeg"), (png(250), "image/png")):
        assert url_scorer.score(content, content_type=kind).json["prediction"] == "light"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "LA", "I;16"])
def test_raw_pictures_of_every_kind(image_scorer: ScorerProcess, mode: str) -> None:
    answer = image_scorer.score(png(255, mode=mode), content_type="image/png")

    assert answer.status == 200
    assert json.loads(answer.json)["label"] in {"light", "dark"}


def test_a_raw_body_is_named_in_its_error(image_scorer: ScorerProcess) -> None:
    answer = image_scorer.score(b"GIF89a", content_type="image/jpeg")

    assert (answer.status, answer.json["error"]["field"]) == (400, "body")


def test_other_contracts_take_no_pictures(matrix_scorer: ScorerProcess) -> None:
    assert matrix_scorer.score(jpeg(), content_type="image/jpeg").status == 415


def bomb(width: int, height: int) -> bytes:
    """Return a PNG of a few kB that unpacks to width x height pixels."""
    packed = zlib.compress(bytes((width + 1) * min(height, 3000)), 9)

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(5000, 5000), (65535, 65535), (2**31 - 1, 2**31 - 1)])
def test_decompression_bombs_are_not_unpacked(
    image_scorer: ScorerProcess, size: tuple[int, int]
) -> None:
    content = (
        bomb(*size)
        if size[0] < 100_000
        else bomb(4, 4).replace(struct.pack(">II", 4, 4), struct.pack(">II", *size))
    )
    answer = image_scorer.score(json.dumps({"data": base64.b64encode(content).decode()}).encode())

    assert answer.status == 400
    assert answer.json["error"]["code"] in {"image-too-large", "not-a-picture"}
