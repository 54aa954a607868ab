"""References to another host are fetched once, from the address that was checked."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from mcp_gateway.documents import fetch
from mcp_gateway.documents.fetch import FetchError, fetch_public


class Handler(BaseHTTPRequestHandler):
    """Answers a document, a redirect or an error."""

    hosts: tuple[str, ...] = ()

    def do_GET(self) -> None:
        Handler.hosts += (self.headers["Host"],)
        self.send_response({"/a.yaml?v=1": 200, "/away": 302}.get(self.path, 404))
        self.send_header("Location", "http://169.254.169.254/")
        self.end_headers()
        self.wfile.write(b"x: 1")

    def log_message(self, *_: object) -> None:
        """Do not log."""


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server that plays one on the public internet."""
    monkeypatch.setattr(fetch, "is_public_address", lambda address: address == "127.0.0.1")
    Handler.hosts = ()
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Make each look-up of a name return the next address, and repeat the last."""
    asked: list[str] = []

    def look_up(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        address = host
        if host not in addresses:  # A name, not an address to connect to.
            asked.append(host)
            address = addresses[min(len(asked), len(addresses)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def test_a_document_is_read_from_the_address_its_name_led_to(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = resolve_to(monkeypatch, "127.0.0.1", "10.0.0.1")
    assert fetch_public(f"http://specs.example:{port}/a.yaml?v=1") == b"x: 1"
    assert asked == ["specs.example"]
    assert Handler.hosts == (f"specs.example:{port}",)


@pytest.mark.parametrize(("path", "status"), [("/away", "302"), ("/gone", "404")])
def test_neither_a_redirect_nor_an_error_is_a_document(
    port: int, monkeypatch: pytest.MonkeyPatch, path: str, status: str
) -> None:
    resolve_to(monkeypatch, "127.0.0.1")
    with pytest.raises(FetchError, match=f"answered {status}"):
        fetch_public(f"http://specs.example:{port}{path}")


def test_a_document_that_is_too_large_is_not_read_to_its_end(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, "127.0.0.1")
    monkeypatch.setattr(fetch, "LARGEST", 3)
    with pytest.raises(FetchError, match="larger than"):
        fetch_public(f"http://specs.example:{port}/a.yaml?v=1")


def test_a_name_that_leads_inside_is_not_connected_to(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, "10.0.0.1")
    with pytest.raises(FetchError, match="not public"):
        fetch_public(f"http://specs.example:{port}/a.yaml?v=1")
    assert Handler.hosts == ()


@pytest.mark.parametrize(
    "url", ["ftp://a.test/x", "http://u:p@a.test/x", "file:///etc/passwd", "x"]
)
def test_only_plain_http_urls_are_fetched(url: str) -> None:
    with pytest.raises(FetchError, match=r"only http and https|user name"):
        fetch_public(url)
