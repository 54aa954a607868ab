"""Verify an assertion against its request."""

import inspect
import logging
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from gatepost_verify.caller import Caller
from gatepost_verify.checks import (
    CHECKS,
    Expected,
    read_caller,
    read_kid,
    remember_for,
    verify_signature,
)
from gatepost_verify.errors import AssertionRefused, VerificationFailed
from gatepost_verify.keys import KeyCache
from gatepost_verify.memory import AsyncMemory, InProcessMemory, Memory
from gatepost_verify.presented import DecodedUrl, ExactUrl, Presented

HEADER = "Gatepost-Assertion"
_LOOPBACK = frozenset(["127.0.0.1", "localhost", "::1"])
_log = logging.getLogger("gatepost_verify")


class Verifier:
    """Accepts each assertion of one gateway for one API once. Threads and tasks may share it."""

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        base_url: str | None = None,
        data_kinds: Collection[str] = (),
        keys: KeyCache | None = None,
        memory: Memory | AsyncMemory | None = None,
        leeway: int = 30,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Trust one gateway.

        Args:
            issuer: the gateway's resource, such as `https://mcp.example.com/mcp`.
            audience: this API, as the gateway's `upstream_audience` or `upstream_url` names it.
            base_url: the URL before the path that your server sees; by default the origin of
                `audience`.
            data_kinds: the kinds of the data scope that you enforce, such as `["team"]`;
                connections that are restricted by another kind are refused.
            keys: the gateway's keys; by default those at the issuer's `/.well-known/jwks.json`.
            memory: remembers used ids; by default in this process.
            leeway: how many seconds the gateway's clock and yours may differ; 60 at most.
            now: returns Unix seconds.

        Raises:
            TypeError: `data_kinds` is a string.
            ValueError: an argument can't work; the message names it.
        """
        if isinstance(data_kinds, str):
            raise TypeError("data_kinds: give a list of kinds, such as ['team']")
        if not 0 <= leeway <= 60:
            raise ValueError("leeway: give 0 to 60 seconds")
        origin = _origin("audience", audience) if base_url is None else None
        self.base_url = origin or _read_base_url(base_url or "")
        self._expected = Expected(issuer, audience, frozenset(data_kinds), leeway)
        self._keys = keys or KeyCache(_keys_of(issuer), now=now)
        self._memory = memory or InProcessMemory(now=now)
        self._now = now

    def verify(self, assertion: str, *, method: str, url: str | DecodedUrl, body: bytes) -> Caller:
        """Return who makes the request, in code that may block.

        Args:
            assertion: the value of the header `Gatepost-Assertion`.
            method: the request's method.
            url: the URL as the gateway called it: base URL, path and query, encoded as they came.
            body: the body's bytes as they came; empty if there is none.

        Raises:
            AssertionRefused: a check failed; answer 401, or 403 for its kind `DataScopeUnsupported`.
            VerificationUnavailable: nothing can be verified now; answer 503.
        """
        with _logged():
            kid = read_kid(assertion)
            caller, jti, seconds = self._read(
                assertion, self._keys.find(kid), _present(method, url, body)
            )
            first = self._memory.first_use(jti, seconds)
            if not isinstance(first, bool):
                if inspect.iscoroutine(first):
                    first.close()
                raise TypeError("this memory needs verify_async")
            _require_first_use(first, jti)
        return caller

    async def verify_async(
        self, assertion: str, *, method: str, url: str | DecodedUrl, body: bytes
    ) -> Caller:
        """Do the same in an event loop of asyncio, without blocking it."""
        with _logged():
            kid = read_kid(assertion)
            key = await self._keys.find_async(kid)
            caller, jti, seconds = self._read(assertion, key, _present(method, url, body))
            first = self._memory.first_use(jti, seconds)
            _require_first_use(first if isinstance(first, bool) else await first, jti)
        return caller

    def _read(
        self, assertion: str, key: EllipticCurvePublicKey | None, presented: Presented
    ) -> tuple[Caller, str, int]:
        """Make every check but the last; return the caller, the id and how long to remember it."""
        if key is None:
            raise AssertionRefused("key", "the gateway does not publish the key that it names")
        claims, now = verify_signature(assertion, key), self._now()
        for check in CHECKS:
            check(claims, self._expected, presented, now)
        caller = read_caller(claims, self._expected)
        return caller, claims["jti"], remember_for(claims, self._expected, now)


def _present(method: str, url: str | DecodedUrl, body: bytes) -> Presented:
    return Presented(method, ExactUrl(url) if isinstance(url, str) else url, body)


def _require_first_use(first: bool, jti: str) -> None:
    # The last check, so that a refused assertion does not use its id up.
    if not first:
        raise AssertionRefused("replay", f"jti {jti!r} was used before")


@contextmanager
def _logged() -> Iterator[None]:
    try:
        yield
    except AssertionRefused as refused:
        _log.warning("refused: %s: %s", refused.code, refused.reason)
        raise
    except VerificationFailed as failed:
        _log.error("not verified: %s", failed.reason)
        raise


def _origin(name: str, text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.netloc:
        instead = "; or give base_url" if name == "audience" else ""
        raise ValueError(f"{name}: give an http or https URL with a host{instead}")
    return f"{url.scheme}://{url.netloc}"


def _keys_of(issuer: str) -> str:
    """Return where a gateway publishes its keys; whoever could change that answer could be anybody."""
    origin = _origin("issuer", issuer)
    if origin.startswith("http:") and urlsplit(issuer).hostname not in _LOOPBACK:
        raise ValueError("issuer: give an https URL; http is allowed on loopback only")
    return f"{origin}/.well-known/jwks.json"


def _read_base_url(text: str) -> str:
    _origin("base_url", text)
    if text.endswith("/") or "?" in text or "#" in text:
        raise ValueError("base_url: remove the trailing slash, the query and the fragment")
    return text
