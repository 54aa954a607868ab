"""Send one request as the caller: with the upstream's credentials, signed, heeded by the breakers."""

from datetime import datetime

from mcp_gateway.pipeline.call import ToolCall
from mcp_gateway.upstream.credentials.port import CredentialSource
from mcp_gateway.upstream.port import ASSERTION_HEADER, UpstreamFailed, UpstreamResponse
from mcp_gateway.upstream.request import UpstreamRequest
from mcp_gateway.upstream.retries import read_retry_after

Outcome = UpstreamResponse | UpstreamFailed
Borne = list[tuple[CredentialSource, str]]

# What a proxy or an overloaded server answers in place of the API (RFC 9110 §15.6).
BROKEN = frozenset({502, 503, 504})
_SILENCE = frozenset({"deadline", "unreachable"})
_HIDDEN = b"[hidden]"


async def send(call: ToolCall, request: UpstreamRequest, jti: str, until: datetime) -> Outcome:
    """Send, and once more where the upstream refused a credential of which another may be had.

    Raises:
        NoCredential: the caller has none, or it can't be had now.
    """
    borne: Borne = []
    outcome = await _send(call, request, jti, until, borne)
    if borne and isinstance(outcome, UpstreamResponse) and outcome.status == 401:
        renewed = [source.reject(call.caller, secret) for source, secret in borne]
        if any(renewed):
            outcome = await _send(call, request, f"{jti}.renewed", until, [])
    return outcome


async def _send(
    call: ToolCall, request: UpstreamRequest, jti: str, until: datetime, borne: Borne
) -> Outcome:
    tool, parts = call.found, call.parts
    attached = parts.attachments.of(tool)
    kept = tuple([header for header in request.headers if header[0].lower() not in attached.taken])
    if attached.sources:
        request = UpstreamRequest(request.method, request.url, kept, request.body)
    for place, source in attached.sources:
        within = (until - parts.now()).total_seconds()
        secret = await source.resolve(call.caller, within=within)
        borne.append((source, secret))
        request = place.put(request, secret)
        kept = request.headers
    # Each attempt is signed for itself, and with its URL: an upstream may refuse a `jti` it has seen.
    assertion = parts.sign(request, call.caller, tool.name, jti)
    headers = (*kept, (ASSERTION_HEADER, assertion), *attached.headers)
    request = UpstreamRequest(request.method, request.url, headers, request.body)
    at_least = 0.0
    try:
        left = (until - parts.now()).total_seconds()
        response = await parts.upstream.send(request, deadline=left)
    except UpstreamFailed as failure:
        outcome: Outcome = failure
        call.trip.status = None
        broken = failure.reason in _SILENCE
    else:
        outcome = response
        call.trip.status = response.status
        if broken := response.status in BROKEN:
            at_least = read_retry_after(response.retry_after, parts.now) or 0.0
        elif response.status >= 400:
            secrets = [*attached.secrets, *(secret for _, secret in borne)]
            outcome = _without_echo(response, secrets)
    guard = parts.guards.of(tool)
    if not broken:
        guard.succeeded()
    elif guard.failed(call.caller.tenant_id, at_least=at_least):
        said = f"{tell(outcome)} again and again; the API is left alone for a while"
        await call.conversation.log("error", f"{tool.title}: {said}")
    return outcome


def tell(outcome: Outcome) -> str:
    """Say in a few words what came of a request."""
    if isinstance(outcome, UpstreamResponse):
        return f"The API answered {outcome.status}"
    late = outcome.reason == "deadline"
    return "The API did not answer in time" if late else "The API can't be reached"


def _without_echo(response: UpstreamResponse, secrets: list[str]) -> UpstreamResponse:
    """Take out of an error what the gateway itself had sent as a secret."""
    body = response.body
    for secret in secrets:
        body = body.replace(secret.encode(), _HIDDEN)
    if body == response.body:
        return response
    return UpstreamResponse(response.status, response.content_type, body, response.retry_after)
