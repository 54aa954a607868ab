"""The messages that a call sends to its client, in both eras."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from types import MappingProxyType
from typing import Any, Protocol

import orjson
from mcp_types import LOG_LEVEL_META_KEY
from mcp_types.jsonrpc import INVALID_PARAMS

from gatepost.claims import AccessClaims
from gatepost.metering.call_event import Era
from mcp_gateway.elicitation.answers import (
    MOST_OPEN,
    Answer,
    Answers,
    AnswersClosed,
    TooManyOpen,
)
from mcp_gateway.elicitation.ask import Ask
from mcp_gateway.elicitation.seal import principal_of
from mcp_gateway.limits.states import LimitState
from mcp_gateway.pipeline.conversation import CannotAsk, Level, NobodyAnswered
from mcp_gateway.wire.jsonrpc import HeaderLines, RpcError
from mcp_gateway.wire.limit_headers import limit_headers
from mcp_gateway.wire.round_trips import RoundTrips

TASKS = "io.modelcontextprotocol/tasks"
PATIENCE = 300.0
"""Seconds that a person has to answer."""
LEVELS: Mapping[str, int] = MappingProxyType(
    {
        level: number
        for number, level in enumerate(
            ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
        )
    }
)
"""From the least to the most severe (RFC 5424 §6.2.1)."""


ReadLevel = Callable[[], Awaitable[str | None]]
"""Returns the least level of log messages that a client wants; None if it said nothing."""
_STOPS = "The gateway restarts, so the question was withdrawn. Call the tool again."


class MessageSink(Protocol):
    """Sends the messages before the final answer; the first one opens the stream."""

    gone: bool
    waiting: bool

    async def emit(self, message: bytes) -> None:
        """Send one message."""
        ...


class OpenSink(MessageSink, Protocol):
    """Can open the stream without a message, too."""

    async def keep_alive(self) -> None:
        """Send something that is not a message."""
        ...


class _Telling:
    """Sends progress and log messages, which are the same in both eras."""

    def __init__(
        self, sink: MessageSink | None, token: str | int | None, level: str | None
    ) -> None:
        self._sink = sink
        self._token = token
        self._least = None if level is None else LEVELS[level]
        self._done = -1.0
        self.limits: HeaderLines = ()
        """The headers about limits for the answer."""

    def note_limits(self, states: Sequence[LimitState], retry_after: int | None = None) -> None:
        """Keep the headers for the answer, which are lost if a message has opened the stream."""
        self.limits = limit_headers(states, retry_after)

    async def progress(self, done: float, total: int, message: str) -> None:
        """Send `notifications/progress` (MCP progress), if the client gave a token and it increases."""
        if self._sink is not None and self._token is not None and done > self._done:
            self._done = done
            params = {
                "progressToken": self._token,
                "progress": done,
                "total": total,
                "message": message,
            }
            await self._sink.emit(write_notification("notifications/progress", params))

    async def log(self, level: Level, text: str) -> None:
        """Send `notifications/message` (MCP logging), if the client wants this level."""
        if self._sink is not None and self._least is not None and LEVELS[level] >= self._least:
            params = {"level": level, "logger": "gatepost", "data": text}
            await self._sink.emit(write_notification("notifications/message", params))


class HandshakeConversation(_Telling):
    """Asks on the call's own stream, and waits for the answer in another POST."""

    era: Era = "handshake"
    takes_tasks = False

    def __init__(
        self,
        sink: MessageSink | None,
        token: str | int | None,
        *,
        capabilities: Sequence[str],
        answers: Answers,
        caller: AccessClaims,
        is_revoked: Callable[[AccessClaims], bool],
        read_level: ReadLevel,
        patience: float = PATIENCE,
    ) -> None:
        """Take the capabilities that the client declared, and the port for its answers.

        `is_revoked` tells whether the caller's connection has ended since the call began, and
        `read_level` which log messages the client wants.
        """
        super().__init__(sink, token, "info")
        self._read_level: ReadLevel | None = read_level
        self._capabilities = capabilities
        self._answers = answers
        self._caller = caller
        self._is_revoked = is_revoked
        self._patience = patience

    async def log(self, level: Level, text: str) -> None:
        """Send `notifications/message`, if the client wants this level; `info` until it says so."""
        if self._sink is None:
            return
        # Read with the first message, because most calls have none.
        if (read_level := self._read_level) is not None:
            self._read_level = None
            self._least = LEVELS[await read_level() or "info"]
        await super().log(level, text)

    def require_capability(self, capability: str) -> None:
        """Raise `CannotAsk` unless the client declared the capability and accepts a stream."""
        if self._sink is None or capability not in self._capabilities:
            raise CannotAsk(capability)

    async def ask(self, asked: Sequence[Ask]) -> Mapping[str, Any]:
        """Send every question, then wait for every answer.

        Raises:
            CannotAsk: the client did not declare the capability, or does not accept a stream.
            NobodyAnswered: the client disconnected, refused the question, has too many open ones, or
                did not answer in time, the connection was revoked meanwhile, or the process stops.
        """
        for one in asked:
            self.require_capability(one.capability)
        sink = self._sink
        assert sink is not None  # noqa: S101 - there is at least one question
        if sink.gone:
            raise NobodyAnswered("The client has disconnected.")
        with ExitStack() as stack:
            principal = principal_of(self._caller)
            waiting = {}
            for one in asked:
                try:
                    ask_id, waiting[one.key] = stack.enter_context(self._answers.expect(principal))
                except AnswersClosed:
                    raise NobodyAnswered(_STOPS) from None
                except TooManyOpen:
                    raise NobodyAnswered(
                        f"The client has {MOST_OPEN} open questions, the most it may have."
                    ) from None
                request = {"id": ask_id, "method": one.method, "params": one.params}
                await sink.emit(orjson.dumps({"jsonrpc": "2.0", **request}))
            sink.waiting = True
            try:
                async with asyncio.timeout(self._patience):
                    answers = {key: _result(await answer) for key, answer in waiting.items()}
            except TimeoutError:
                raise NobodyAnswered("Nobody answered in time.") from None
            except AnswersClosed:
                raise NobodyAnswered(_STOPS) from None
            finally:
                sink.waiting = False
        if self._is_revoked(self._caller):
            raise NobodyAnswered("The connection was revoked while the question was open.")
        return answers


class ModernConversation(_Telling):
    """Asks by ending the request; the next request brings the answers and the state."""

    era: Era = "modern"

    def __init__(
        self,
        sink: MessageSink | None,
        token: str | int | None,
        *,
        level: str | None,
        capabilities: Mapping[str, Any],
        round_trips: RoundTrips,
        follows: bool,
    ) -> None:
        """Take the capabilities and the answers of the request.

        `follows` tells whether requests of this method may be answered with a task.
        """
        super().__init__(sink, token, level)
        self._capabilities = capabilities
        self._round_trips = round_trips
        self._follows = follows

    @property
    def takes_tasks(self) -> bool:
        """Whether this request may be answered with a task (SEP-2663)."""
        return self._follows and declares_tasks(self._capabilities)

    def require_capability(self, capability: str) -> None:
        """Raise `CannotAsk` unless the client declared the capability."""
        if not can_ask(self._capabilities, capability):
            raise CannotAsk(capability)

    async def ask(self, asked: Sequence[Ask]) -> Mapping[str, Any]:
        """Return the answers that the request brings.

        Raises:
            CannotAsk: the client did not declare the capability.
            InputRequired: the request does not bring an answer to every question.
            AnswerRefused: an answer or the state is invalid.
        """
        for one in asked:
            self.require_capability(one.capability)
        return await self._round_trips.take(asked)


def declares_tasks(capabilities: Mapping[str, Any]) -> bool:
    """Tell whether a request's capabilities name the extension for tasks."""
    extensions = capabilities.get("extensions")
    return isinstance(extensions, dict) and isinstance(extensions.get(TASKS), dict)


def can_ask(capabilities: Mapping[str, Any], capability: str) -> bool:
    """Tell whether a client declared a capability; plain elicitation means forms."""
    name, _, mode = capability.partition(".")
    declared = capabilities.get(name)
    if not isinstance(declared, dict):
        return False
    if mode:
        return mode in declared
    return capability != "elicitation" or "form" in declared or "url" not in declared


def read_token(params: Mapping[str, Any]) -> str | int | None:
    """Return the progress token (MCP progress), or None if it is absent or of another type."""
    token = params.get("_meta", {}).get("progressToken")
    return token if isinstance(token, str | int) and not isinstance(token, bool) else None


def read_level(params: Mapping[str, Any]) -> str | None:
    """Return the least level of log messages (2026-07-28 logging); None means no messages.

    Raises:
        RpcError: `-32602` for a level that does not exist.
    """
    level = params["_meta"].get(LOG_LEVEL_META_KEY)
    return None if level is None else require_level(level, f"params._meta.{LOG_LEVEL_META_KEY}")


def require_level(level: object, name: str) -> str:
    """Return a level of log messages.

    Raises:
        RpcError: `-32602` for a level that does not exist; it names the parameter.
    """
    if not isinstance(level, str) or level not in LEVELS:
        raise RpcError(INVALID_PARAMS, f"{name} must be one of {', '.join(LEVELS)}")
    return level


def _result(answer: Answer) -> object:
    if "error" in answer:
        raise NobodyAnswered("The client refused to ask.")
    return answer["result"]


def write_notification(method: str, params: Mapping[str, Any]) -> bytes:
    """Write one notification."""
    return orjson.dumps({"jsonrpc": "2.0", "method": method, "params": params})
