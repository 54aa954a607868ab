"""Send one request for its caller, with credentials and assertion, and tell the breakers."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import timedelta

from gatepost.claims import AccessClaims
from gatepost.clock import Now
from mcp_gateway.apis.api_settings import UpstreamConnections
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.http_client.port import (
    ASSERTION_HEADER,
    UNANSWERED,
    HttpClient,
    HttpResponse,
    RequestFailed,
)
from mcp_gateway.pipeline.call import ToolCall
from mcp_gateway.pipeline.upstream import Outcome
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.upstream.credentials.attach import Attached, Attachments
from mcp_gateway.upstream.credentials.linked_account import ByLinkedAccount
from mcp_gateway.upstream.credentials.location import forms_in_argument
from mcp_gateway.upstream.credentials.port import CredentialSource
from mcp_gateway.upstream.guards import Guards
from mcp_gateway.upstream.retries import read_retry_after

WriteRequest = Callable[[Mapping[str, str]], HttpRequest]
"""Writes the request of a call with the secrets of the arguments that credentials fill.

Raises `UnserialisableArgument`.
"""
SignAssertion = Callable[[HttpRequest, AccessClaims, str, str], str]

# Statuses of a proxy or an overloaded server instead of the API (RFC 9110 §15.6).
BROKEN = frozenset({502, 503, 504})
_HIDDEN = b"[hidden]"
_SHORTEST = 8
"""Shorter secrets are not hidden, since an answer may contain them by chance."""


class Sender:
    """Sends one request to one API for its caller."""

    def __init__(
        self,
        http: HttpClient,
        *,
        attachments: Attachments,
        guards: Guards,
        sign: SignAssertion,
        now: Now,
        connections: UpstreamConnections = "shared",
        opens_sessions: bool = False,
    ) -> None:
        """Take the client, and the sources of credentials and assertions.

        Args:
            http: sends requests.
            attachments: the API's credentials, by tool.
            guards: record the outcome of each request.
            sign: makes the identity assertion of a request.
            now: the clock.
            connections: who shares connections to the API.
            opens_sessions: whether it sends what precedes calls, whose success tells a breaker nothing.
        """
        self._opens_sessions = opens_sessions
        self._connections = connections
        self._http = http
        self._attachments = attachments
        self._guards = guards
        self._sign = sign
        self._now = now

    def links_of(self, tool: Tool) -> Sequence[ByLinkedAccount]:
        """Return the credentials of a tool for which the person must have linked an account."""
        return self._attachments.of(tool).links

    def send(
        self, call: ToolCall, write: WriteRequest, jti: str, left: float
    ) -> Awaitable[Outcome]:
        """Send within `left` seconds; send again if a refused credential can be renewed.

        Raises:
            NoCredential: the caller's credential does not exist, or is unavailable.
            UnserialisableArgument: the request can't be written.
        """
        attached = self._attachments.of(call.found)
        if not attached.sources and not attached.filled:
            request = _without_headers(write({}), attached.taken)
            return self._send(call, request, attached, attached.secrets, jti, left)
        return self._send_with_sources(call, write, attached, jti, left)

    async def _send_with_sources(
        self, call: ToolCall, write: WriteRequest, attached: Attached, jti: str, left: float
    ) -> Outcome:
        until = self._now() + timedelta(seconds=left)
        for attempt in (jti, f"{jti}.renewed"):
            used: list[tuple[CredentialSource, str]] = []
            hidden = attached.secrets
            filled: dict[str, str] = {}
            for argument, source in attached.filled:
                within = (until - self._now()).total_seconds()
                secret = filled[argument] = await source.resolve(call.caller, within=within)
                used.append((source, secret))
                hidden += forms_in_argument(secret)
            request = _without_headers(write(filled), attached.taken)
            for location, source in attached.sources:
                within = (until - self._now()).total_seconds()
                secret = await source.resolve(call.caller, within=within)
                used.append((source, secret))
                hidden += location.forms(secret)
                request = location.put(request, secret)
            left = (until - self._now()).total_seconds()
            outcome = await self._send(call, request, attached, hidden, attempt, left)
            if isinstance(outcome, RequestFailed) or outcome.status != 401:
                return outcome
            # Tell every source, so that each forgets its refused credential.
            renewable = [source.reject(call.caller, secret) for source, secret in used]
            if not any(renewable):
                return outcome
        return outcome

    async def _send(
        self,
        call: ToolCall,
        request: HttpRequest,
        attached: Attached,
        secrets: tuple[str, ...],
        jti: str,
        left: float,
    ) -> Outcome:
        """Sign and send the request, and record the outcome with the breakers."""
        tool = call.found
        # Each attempt has its own assertion, because an upstream may refuse a `jti` it has seen.
        assertion = self._sign(request, call.caller, tool.name, jti)
        headers = (*request.headers, (ASSERTION_HEADER, assertion), *attached.headers)
        partition: str | None = ""
        if self._connections != "shared":
            partition = call.caller.tenant_id if self._connections == "per_tenant" else None
        signed = HttpRequest(
            request.method, request.url, headers, request.body, partition, request.ends
        )
        at_least = 0.0
        call.metrics.sent = True
        trace = call.metrics.trace
        began = None if trace is None else self._now()
        try:
            response = await self._http.send(signed, deadline=left)
        except RequestFailed as failure:
            outcome: Outcome = failure
            call.metrics.status = None
            broken = failure.reason in UNANSWERED
        else:
            outcome = _without_echo(response, secrets) if secrets else response
            status = call.metrics.status = response.status
            if broken := status in BROKEN:
                at_least = read_retry_after(response.retry_after, self._now) or 0.0
        if trace is not None and began is not None:
            seconds = (self._now() - began).total_seconds()
            trace.note_exchange(request, outcome, secrets, seconds)
        guard = self._guards.of(tool)
        if not broken:
            if not self._opens_sessions:
                guard.succeeded()
        elif guard.failed(call.caller.tenant_id, at_least=at_least):
            said = f"{tell(outcome)} repeatedly; calls to it are paused"
            await call.conversation.log("error", f"{tool.title}: {said}")
        return outcome


def tell(outcome: Outcome) -> str:
    """Describe the outcome of a request in a few words."""
    if isinstance(outcome, HttpResponse):
        return f"The API answered {outcome.status}"
    late = outcome.reason == "deadline"
    return "The API did not answer in time" if late else "The API can't be reached"


def _without_headers(request: HttpRequest, names: Collection[str]) -> HttpRequest:
    if not names:
        return request
    kept = [header for header in request.headers if header[0].lower() not in names]
    return request._replace(headers=tuple(kept))


def _without_echo(response: HttpResponse, secrets: tuple[str, ...]) -> HttpResponse:
    """Hide the secrets that the gateway sent if the answer repeats them."""
    body = response.body
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            body = body.replace(secret.encode(), _HIDDEN)
    if body == response.body:
        return response
    return response._replace(body=body)
