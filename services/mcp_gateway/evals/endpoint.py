"""A chat-completions endpoint over HTTP, with bounded patience."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import orjson

from gatepost.settings import LOOPBACK_HOSTS
from mcp_gateway.evals.chat import Body, ChatFailed, Reply, read_reply
from mcp_gateway.http_client.port import HttpClient, HttpResponse, RequestFailed
from mcp_gateway.requests.request import HttpRequest

_TRIES = 4
_LONGEST_WAIT = 60.0
_MOST_FAILURES = 8
"""Requests in a row that failed after every try; then the endpoint is not asked again."""
_FINAL = frozenset({401, 402, 403, 404})
"""Refusals of the key, the account or the address, which no other request escapes."""
_AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
_SHORTEST_KEY = 8
"""A shorter one is not secret, and its letters are everywhere."""
_UNANSWERED = frozenset({"unreachable", "deadline"})
Wait = Callable[[float], Awaitable[None]]


class UnsafeEndpoint(Exception):
    """The endpoint can't be used; the message says why."""


def endpoint_url(given: str, *, has_key: bool) -> str:
    """Return the URL of chat completions below a base URL, or the URL itself if it is one.

    Raises:
        UnsafeEndpoint: it is not an http or https URL, or a key would travel unencrypted.
    """
    try:
        parts = urlsplit(given)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
        raise UnsafeEndpoint(f"{given} is not an http or https URL without a query")
    if parts.username or parts.password:
        raise UnsafeEndpoint("the URL must not contain credentials; name a variable with --key-env")
    if has_key and parts.scheme == "http" and host not in LOOPBACK_HOSTS:
        raise UnsafeEndpoint(f"{given}: a key is only sent over https, or to this machine")
    base = given.rstrip("/")
    return base if base.endswith("/chat/completions") else f"{base}/chat/completions"


class Endpoint:
    """Asks a model at a URL; refusals for a while are tried again."""

    def __init__(
        self,
        http: HttpClient,
        url: str,
        key: str,
        *,
        seconds: float,
        at_once: int,
        wait: Wait = asyncio.sleep,
    ) -> None:
        """Take the client, the URL, the key or an empty text, and the limits.

        Args:
            http: sends requests.
            url: the URL of chat completions.
            key: the API key; empty sends none.
            seconds: how long one answer may take.
            at_once: how many requests may be under way.
            wait: lets seconds pass.
        """
        self._http = http
        self._url = url
        self._key = key
        self._seconds = seconds
        self._room = asyncio.Semaphore(at_once)
        self._wait = wait
        self._failures = 0
        self._ended = ""

    async def complete(self, body: Body) -> Reply:
        """Send one request, a few times if the endpoint is busy; none after it refused for good.

        Raises:
            ChatFailed: no usable answer came.
        """
        headers = [("Content-Type", "application/json"), ("Accept", "application/json")]
        if self._key:
            headers.append(("Authorization", f"Bearer {self._key}"))
        async with self._room:
            if self._ended:
                raise ChatFailed(self._ended)
            # Written here, so that the requests that wait for room take no memory.
            content = orjson.dumps(body, default=dict)
            request = HttpRequest("POST", self._url, tuple(headers), content)
            for attempt in range(_TRIES):
                failure, pause = "", 2.0**attempt
                try:
                    answer = await self._http.send(request, deadline=self._seconds)
                except RequestFailed as error:
                    failure = f"{error.reason}: {error}"
                    if (
                        error.reason not in _UNANSWERED
                    ):  # the same answer would come, and cost, again
                        raise ChatFailed(failure) from None
                else:
                    if answer.status not in _AGAIN:
                        self._failures = 0
                        return self._read(answer)
                    failure = f"the endpoint answered {answer.status}"
                    pause = max(pause, _seconds(answer.retry_after))
                if attempt + 1 < _TRIES:
                    await self._wait(min(pause, _LONGEST_WAIT))
            self._failures += 1
            if self._failures >= _MOST_FAILURES:
                self._ended = (
                    f"not asked, since {self._failures} requests in a row failed: {failure}"
                )
        raise ChatFailed(failure)

    def _read(self, answer: HttpResponse) -> Reply:
        body = self._hide_key(answer.body)
        if answer.status != 200:  # the only success of this API
            failure = f"the endpoint answered {answer.status}{_reason(body)}"
            if answer.status in _FINAL:
                self._ended = f"not asked, since {failure}"
            raise ChatFailed(failure)
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise ChatFailed("the answer is not JSON") from None
        return read_reply(document)

    def _hide_key(self, body: bytes) -> bytes:
        """Replace the key, which an endpoint may repeat: what it says gets into reports and recordings."""
        if len(self._key) < _SHORTEST_KEY:
            return body
        with suppress(orjson.JSONDecodeError):
            body = orjson.dumps(orjson.loads(body))  # the key may be written with escapes
        return body.replace(orjson.dumps(self._key)[1:-1], b"***")


def _reason(body: bytes) -> str:
    """Quote the error's type, never its text, which may repeat the key or the prompt."""
    try:
        error: Any = orjson.loads(body)["error"]
        kind = error.get("code") or error.get("type")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return ""
    return f" ({kind[:60]})" if isinstance(kind, str) and kind.isprintable() else ""


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0.0
