"""A chat-completions endpoint over HTTP, with bounded patience."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import orjson

from gatepost.settings import LOOPBACK_HOSTS
from mcp_gateway.evals.chat import Body, ChatFailed, Reply, read_reply
from mcp_gateway.http_client.port import HttpClient, HttpResponse, RequestFailed
from mcp_gateway.requests.request import HttpRequest

_TRIES = 4
_LONGEST_WAIT = 60.0
_AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
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

    async def complete(self, body: Body) -> Reply:
        """Send one request, a few times if the endpoint is busy.

        Raises:
            ChatFailed: no usable answer came.
        """
        headers = [("Content-Type", "application/json"), ("Accept", "application/json")]
        if self._key:
            headers.append(("Authorization", f"Bearer {self._key}"))
        request = HttpRequest("POST", self._url, tuple(headers), orjson.dumps(body, default=dict))
        async with self._room:
            for attempt in range(_TRIES):
                failure, pause = "", 2.0**attempt
                try:
                    answer = await self._http.send(request, deadline=self._seconds)
                except RequestFailed as error:
                    failure = f"{error.reason}: {error}"
                else:
                    if answer.status not in _AGAIN:
                        return _read(answer)
                    failure = f"the endpoint answered {answer.status}"
                    pause = max(pause, _seconds(answer.retry_after))
                if attempt + 1 < _TRIES:
                    await self._wait(min(pause, _LONGEST_WAIT))
        raise ChatFailed(failure)


def _read(answer: HttpResponse) -> Reply:
    if answer.status != 200:  # the only success of this API
        raise ChatFailed(f"the endpoint answered {answer.status}{_reason(answer.body)}")
    try:
        document = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise ChatFailed("the answer is not JSON") from None
    return read_reply(document)


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
