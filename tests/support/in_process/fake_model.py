"""A deterministic stand-in for a model behind a chat-completions API. It chooses tools by common words.

It is no model, and its answers say nothing about models: it shows that the commands send what such an API
takes, and that they read what it answers.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

Json = dict[str, Any]
_WORD = re.compile(r"[a-z]{3,}")
_GIVEN = re.compile(r"(?:The|need) ([a-z][a-z ]*?)(?: is)? ([^\s.][^.]*?)(?=[.]|$)")
_LEAST = 2
"""Common words from which on it calls a tool."""


class Answer(NamedTuple):
    """What the API answers."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def choose(body: Json) -> Json:
    """Answer a request as a careful model would, if it knew only words."""
    asked = [message["content"] for message in body["messages"] if message["role"] == "user"][-1]
    words = set(_WORD.findall(asked.lower()))

    def likeness(tool: Json) -> tuple[int, str]:
        function = tool["function"]
        text = f"{function['name'].replace('_', ' ')} {function['description']}".lower()
        return -len(words & set(_WORD.findall(text))), function["name"]

    best = min(body["tools"], key=likeness)
    if -likeness(best)[0] < _LEAST:
        return {"role": "assistant", "content": "I can answer that myself."}
    return call(best["function"]["name"], _arguments(best["function"], asked))


def call(name: str, arguments: Any) -> Json:
    """Make the message that calls a tool."""
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    function = {"name": name, "arguments": written}
    calls = [{"id": "call_1", "type": "function", "function": function}]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def answer(message: Json, finish: str = "stop") -> Answer:
    """Wrap a message as the API does."""
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return Answer(200, json.dumps({"object": "chat.completion", "choices": [choice]}).encode())


def _arguments(function: Json, asked: str) -> Json:
    properties = function["parameters"].get("properties", {})
    given = {name.strip().replace(" ", "_"): value for name, value in _GIVEN.findall(asked)}
    return {
        name: _typed(value, properties[name]) for name, value in given.items() if name in properties
    }


def _typed(text: str, schema: Json) -> Any:
    return int(text) if schema.get("type") == "integer" and text.isdigit() else text


class FakeModel:
    """The API on a port of this machine: remembers every request."""

    def __init__(self, reply: Callable[[Json], Answer]) -> None:
        """Take the function that answers."""
        self.reply = reply
        self.requests: list[Json] = []
        self.keys: list[str | None] = []
        self.url = ""


@contextmanager
def serving(
    reply: Callable[[Json], Answer] = lambda body: answer(choose(body)),
) -> Iterator[FakeModel]:
    """Serve the API while the block lasts."""
    model = FakeModel(reply)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Answer one request."""
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            model.requests.append(body)
            model.keys.append(self.headers["authorization"])
            found = model.reply(body) if self.path == "/v1/chat/completions" else Answer(404, b"")
            self.send_response(found.status)
            for name, value in (*found.headers, ("content-length", str(len(found.body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(found.body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    model.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
