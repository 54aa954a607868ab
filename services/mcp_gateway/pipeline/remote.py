"""An API that is an MCP server itself: each call of a tool is one `tools/call` of a reviewed tool."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import orjson

from gatepost.background import in_background
from gatepost.clock import Now
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.http_client.failures import deadline_passed
from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.pipeline.call import ToolCall
from mcp_gateway.pipeline.retry import RetryingSender
from mcp_gateway.pipeline.send import Sender
from mcp_gateway.pipeline.upstream import Outcome
from mcp_gateway.remote.messages import (
    STATELESS,
    NoteProgress,
    Protocol,
    RpcError,
    UnreadableAnswer,
    read_reply,
    write_parameter,
    write_request,
)
from mcp_gateway.remote.opening import open_protocol
from mcp_gateway.remote.progress import Progress
from mcp_gateway.remote.result import read_result
from mcp_gateway.remote.sessions import ForeignSession, Owner, Sessions
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.requests.serialise import RequestWriters
from mcp_gateway.upstream.credentials.linked_account import ByLinkedAccount
from mcp_gateway.upstream.credentials.token_exchange import who
from mcp_gateway.work.worker import Worker, takes_long

_NOT_SPOKEN = frozenset({400, 404})
"""Statuses of a server that does not know the session or the revision, and did nothing."""


class McpUpstream:
    """Calls the tools of one MCP server over Streamable HTTP.

    The manifest decides which tools there are and what they are called with; the server's own list is
    never read here, so that a changed description reaches no model.
    """

    def __init__(
        self,
        url: str,
        requests: RequestWriters,
        sender: Sender,
        retrying: RetryingSender,
        sessions: Sessions,
        *,
        worker: Worker,
        now: Now,
    ) -> None:
        """Take the server's address and what sends requests to it.

        Args:
            url: the server's only endpoint.
            requests: write the arguments of calls.
            sender: sends the requests that open a session, once each.
            retrying: sends calls.
            sessions: what is known of the server.
            worker: reads long answers.
            now: the clock.
        """
        self._url = url
        self._requests = requests
        self._sender = sender
        self._retrying = retrying
        self._sessions = sessions
        self._worker = worker
        self._now = now

    def links_of(self, tool: Tool) -> tuple[ByLinkedAccount, ...]:
        """Return the credentials of a tool for which the person must have linked an account."""
        return tuple(self._sender.links_of(tool))

    async def exchange(self, call: ToolCall) -> Outcome:
        """Call the tool within its deadline, which includes opening a session.

        Raises:
            NoCredential: as for `Sender.send`.
            UnserialisableArgument: as for `Sender.send`.
        """
        if not call.found.slow:
            return await self._exchange(call, None)
        progress = Progress()
        async with in_background(lambda: progress.tell(call.conversation.progress)):
            return await self._exchange(call, progress.note)

    async def _exchange(self, call: ToolCall, note_progress: NoteProgress | None) -> Outcome:
        owner = who(call.caller)
        until = self._now() + timedelta(seconds=call.found.deadline - call.waited)
        for _ in range(2):
            protocol = self._sessions.of(owner)
            if protocol is None:
                opened = await self._open(call, owner, self._left(until))
                if not isinstance(opened, Protocol):
                    return opened
                protocol = opened
            if (left := self._left(until)) <= 0:
                return deadline_passed(call.found.deadline)
            outcome = await self._retrying.send(
                call, self._writer(call, protocol, note_progress), left
            )
            if isinstance(outcome, RequestFailed) or outcome.status not in _NOT_SPOKEN:
                break
            # The server ended the session, or speaks another revision since it was replaced.
            self._sessions.forget(owner, protocol)
            if outcome.status != 404 or not protocol.session:
                break
        if isinstance(outcome, RequestFailed):
            return outcome
        if takes_long(outcome.body):
            return await self._worker.run(partial(_read, call, outcome))
        return _read(call, outcome)

    async def _read_reply(
        self, answer: HttpResponse, request_id: str
    ) -> Mapping[str, Any] | RpcError:
        if takes_long(answer.body):
            return await self._worker.run(partial(read_reply, answer, request_id))
        return read_reply(answer, request_id)

    def _left(self, until: datetime) -> float:
        return (until - self._now()).total_seconds()

    def _writer(
        self, call: ToolCall, protocol: Protocol, note_progress: NoteProgress | None
    ) -> Callable[[Mapping[str, str]], HttpRequest]:
        tool = call.found

        def write(secrets: Mapping[str, str]) -> HttpRequest:
            values = {**call.values, **secrets} if secrets else call.values
            written = self._requests.write(tool.name, tool.operation, values).body
            params = {"name": tool.remote, "arguments": orjson.Fragment(written or b"{}")}
            request = write_request(
                self._url, call.id, "tools/call", params, protocol, note_progress
            )
            if not tool.remote_headers or protocol.version != STATELESS:
                return request
            repeated = [
                (f"Mcp-Param-{name}", write_parameter(values[argument]))
                for argument, name in tool.remote_headers.items()
                if isinstance(values.get(argument), str | int)
            ]
            return request._replace(headers=(*request.headers, *repeated))

        return write

    async def _open(self, call: ToolCall, owner: Owner, left: float) -> Protocol | Outcome:
        """Find out how to speak to the server, and open a session if it wants one."""
        until = self._now() + timedelta(seconds=left)

        def send(request: HttpRequest, jti: str) -> Awaitable[Outcome]:
            return self._sender.send(call, lambda _: request, jti, self._left(until))

        found = await open_protocol(
            self._url,
            send,
            self._read_reply,
            name=call.id,
            is_handshake=self._sessions.is_handshake,
        )
        if isinstance(found, Protocol):
            try:
                self._sessions.remember(owner, found)
            except ForeignSession:
                return UnreadableAnswer("names a session of another caller").failure()
        return found


def _read(call: ToolCall, response: HttpResponse) -> Outcome:
    """Read the answer to a call; an error status keeps what it says to the caller."""
    tool = call.found
    checked = bool(tool.checks) or tool.compiled_shape.edit is not None
    try:
        reply = read_reply(response, call.id)
        if response.status >= 300 and not isinstance(reply, RpcError):
            return response
        return read_result(reply, response.status, name=f"{call.name}/{call.id}", checked=checked)
    except UnreadableAnswer as problem:
        return response if response.status >= 300 else problem.failure()
