"""Request a token from an OAuth token endpoint (RFC 6749 §3.2)."""

import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import quote_plus, urlencode

import orjson
import structlog

from mcp_gateway.http_client.port import HttpClient, HttpResponse, RequestFailed
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.upstream.credentials.port import NoCredential
from mcp_gateway.upstream.credentials.token_cache import Issued

DEADLINE = 10.0
_UNKNOWN_LIFETIME = 300
_LONGEST_LIFETIME = 24 * 3600
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_CODE = re.compile(r"[a-z_]{1,60}")
log = structlog.get_logger()

Authentication = tuple[str, str, str]
"""`basic` or `post`, the client id and its secret; an empty id means no authentication."""


async def ask_for_token(
    http: HttpClient, url: str, form: Mapping[str, str], authentication: Authentication
) -> Issued:
    """Send one token request, without empty members of the form.

    Raises:
        NoCredential: there was no usable answer; the log has the reason.
    """
    sent = {name: value for name, value in form.items() if value}
    headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Accept", "application/json"),
    ]
    method, client_id, secret = authentication
    if client_id and method == "basic":
        # RFC 6749 §2.3.1: each half is form-encoded first.
        pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
        headers.append(("Authorization", f"Basic {b64encode(pair.encode()).decode()}"))
    elif client_id:
        sent |= {"client_id": client_id} | ({"client_secret": secret} if secret else {})
    # A connection of its own, so that nobody gets a late answer that was meant for somebody else.
    request = HttpRequest("POST", url, tuple(headers), urlencode(sent).encode(), partition=None)
    try:
        response = await http.send(request, deadline=DEADLINE)
    except RequestFailed as failure:
        log.warning("credential_unavailable", url=url, reason=failure.reason)
        raise _later() from None
    if response.status != 200:
        code = _error_code(response)
        log.warning("credential_unavailable", url=url, status=response.status, error=code)
        raise _later() if response.status >= 500 or response.status == 429 else _refused()
    issued = _read(response)
    if issued is None:
        log.warning("credential_unavailable", url=url, reason="not understood")
        raise _later()
    return issued


def _read(response: HttpResponse) -> Issued | None:
    """Return the token of a successful answer (RFC 6749 §5.1), or None."""
    try:
        body = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(body, dict):
        return None
    token, kind = body.get("access_token"), body.get("token_type")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        return None
    # RFC 8693 §2.2.1: N_A is the type of tokens that are not access tokens.
    if not isinstance(kind, str) or kind.lower() not in {"bearer", "n_a"}:
        return None
    seconds = body.get("expires_in", _UNKNOWN_LIFETIME)
    if isinstance(seconds, str) and seconds.isascii() and seconds.isdigit():
        seconds = int(seconds[:9])
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not seconds > 0:
        seconds = _UNKNOWN_LIFETIME
    return Issued(token, timedelta(seconds=min(seconds, _LONGEST_LIFETIME)))


def _error_code(response: HttpResponse) -> str:
    try:
        body = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return ""
    code = body.get("error") if isinstance(body, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _later() -> NoCredential:
    return NoCredential(
        "The gateway can't get its credential for the API at the moment. Nothing was sent. "
        "Try again in 5 seconds."
    )


def _refused() -> NoCredential:
    return NoCredential(
        "The API's authorization server refused a credential for this call. Nothing was sent. "
        "The operator of this server can see why."
    )
