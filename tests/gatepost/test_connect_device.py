"""`gatepost connect --device` gives a token to nobody but the gateway that it was asked to connect to."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from click.testing import CliRunner

from gatepost_cli.client.connect import connect

CODE = {"device_code": "d", "user_code": "BCDF-GHJK", "verification_uri": "/device", "interval": 0}


@contextmanager
def a_server(*polls: dict[str, str] | None, **told: str) -> Iterator[str]:
    """A gateway with its authorization server, which answers one poll after the other; return its address.

    Instead of None it answers as a proxy does without it; `told` changes how it describes itself.
    """
    answers = list(polls)

    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if self.path == "/mcp":
                challenge = f'Bearer resource_metadata="{url}/resource"'
                self.answer(401, {}, challenge)
            elif self.path == "/begin":
                self.answer(200, CODE)
            elif (poll := answers.pop(0)) is None:
                self.answer(502, None)
            else:
                self.answer(400, poll)

        def do_GET(self) -> None:
            own: dict[str, object] = {
                "resource": f"{url}/mcp",
                "issuer": url,
                "authorization_servers": [url],
                "device_authorization_endpoint": f"{url}/begin",
                "token_endpoint": f"{url}/token",
            }
            self.answer(200, {**own, **told})

        def answer(self, status: int, body: object, challenge: str = "") -> None:
            self.send_response(status)
            if challenge:
                self.send_header("WWW-Authenticate", challenge)
            self.end_headers()
            self.wfile.write(b"<h1>Bad Gateway</h1>" if body is None else json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"{url}/mcp"
        server.shutdown()


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"resource": "https://mcp.example.com/mcp"}, "asks for a token of another address"),
        ({"issuer": "https://auth.example.com"}, "describes another server"),
    ],
)
def test_a_server_that_describes_itself_as_another_gets_no_token_of_it_a293(
    told: dict[str, str], said: str
) -> None:
    """RFC 9728 §3.3 and RFC 8414 §3.3: its person would approve the real one."""
    with a_server(**told) as url:
        result = CliRunner().invoke(connect, [url, "--device", "gatepost-cli"])

    assert result.exit_code == 1
    assert said in result.output


def test_a_poll_that_fails_on_the_way_is_made_again() -> None:
    """RFC 8628 §3.5: its person may be typing the code meanwhile."""
    with a_server(None, None, {"error": "access_denied"}) as url:
        result = CliRunner().invoke(connect, [url, "--device", "gatepost-cli"])

    assert result.exit_code == 1
    assert "access was denied in the browser" in result.output


def test_a_server_that_stays_away_is_not_asked_for_ever() -> None:
    with a_server(*[None] * 10) as url:
        result = CliRunner().invoke(connect, [url, "--device", "gatepost-cli"])

    assert result.exit_code == 1
    assert "does not answer as a server should" in result.output
