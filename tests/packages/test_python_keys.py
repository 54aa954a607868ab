"""The gateway's keys, fetched over HTTP and by many requests at once."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Barrier, Event, Thread
from typing import Any

import anyio
import pytest
from joserfc.jwk import ECKey

from gatepost_verify import KeyCache
from gatepost_verify.keys import MOST_BYTES, fetch_jwks, read_keys
from support.markdown import ROOT

JWKS = json.loads((ROOT / "packages/vectors/vectors.json").read_text())["jwks"]
URL = "https://mcp.example.com/jwks"


@contextmanager
def served(status: int, body: bytes) -> Iterator[str]:
    """Answer every request in one way."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers["Cache-Control"] == "no-cache"  # a copy may lack the key
            self.send_response(status if asked else 500)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/jwks.json"
        finally:
            server.shutdown()


def test_keys_are_fetched_over_http_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with served(200, json.dumps(JWKS).encode()) as url:
        assert fetch_jwks(url) == JWKS
        assert KeyCache(url).find("gateway-1") is not None


@pytest.mark.parametrize(
    ("status", "body"),
    [(302, b"{}"), (404, b"{}"), (200, b"<html>"), (200, b" " * MOST_BYTES + b"{}")],
)
def test_anything_but_a_small_json_document_is_not_taken_for_keys(status: int, body: bytes) -> None:
    with served(status, body) as url, pytest.raises((OSError, ValueError)):
        fetch_jwks(url)


@pytest.mark.parametrize("document", [None, {}, [], "x", {"keys": 3}, {"keys": []}, {"keys": [{}]}])
def test_a_document_without_keys_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="no P-256 key"):
        read_keys(document)


def test_a_key_of_another_curve_is_not_used() -> None:
    other = ECKey.generate_key("P-384", {"kid": "p384"}).as_dict(private=False)
    assert "p384" not in read_keys({"keys": [other, *JWKS["keys"]]})


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "mcp.example.com", "https://"])
def test_keys_come_from_http_alone(url: str) -> None:
    with pytest.raises(ValueError, match="http or https"):
        KeyCache(url)


class Source:
    """Answers the keys when a test lets it, and counts."""

    def __init__(self) -> None:
        self.requests = 0
        self.asked, self.answers = Event(), Event()

    def fetch(self, url: str) -> object:
        self.requests += 1
        self.asked.set()
        self.answers.wait()
        return JWKS


def test_threads_that_come_together_cause_one_fetch_and_all_get_the_key_a254() -> None:
    source = Source()
    cache = KeyCache(URL, fetch=source.fetch)
    together = Barrier(21)

    def find(_: int) -> Any:
        together.wait()
        return cache.find("gateway-1")

    with ThreadPoolExecutor(20) as threads:
        found = [threads.submit(find, number) for number in range(20)]
        together.wait()
        source.asked.wait()
        source.answers.set()
        assert all(future.result() is not None for future in found)
    assert source.requests == 1


async def test_tasks_that_come_together_cause_one_fetch_and_all_get_the_key_a254() -> None:
    source = Source()
    source.answers.set()
    cache = KeyCache(URL, fetch=source.fetch)
    found: list[Any] = []

    async def find() -> None:
        found.append(await cache.find_async("gateway-1"))

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(find)
    assert None not in found
    assert (len(found), source.requests) == (50, 1)


async def test_a_slow_fetch_holds_up_no_request_whose_key_is_known_a254() -> None:
    now = 1000.0
    source = Source()
    source.answers.set()
    cache = KeyCache(URL, fetch=source.fetch, now=lambda: now)
    assert await cache.find_async("gateway-1") is not None
    now += 600
    source.answers.clear()
    source.asked.clear()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cache.find_async, "invented")
        await anyio.to_thread.run_sync(source.asked.wait)
        assert await cache.find_async("gateway-1") is not None
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(cache.find, "gateway-1").result() is not None
        source.answers.set()
    assert source.requests == 2
