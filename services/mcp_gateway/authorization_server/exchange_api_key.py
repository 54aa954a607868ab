"""Exchanging an API key at the token endpoint (RFC 8693)."""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlencode

import orjson
import structlog

from gatepost.api_keys import ACCESS_TOKEN_TYPE, API_KEY_TYPE, TOKEN_EXCHANGE
from mcp_gateway.auth.api_keys import ExchangeFailed, ExchangeKey, KeyRefused

PostForm = Callable[[bytes], Awaitable[tuple[int, bytes]]]
"""Post a form to the token endpoint; answers status and body, or raises `ExchangeFailed`."""

_log = structlog.get_logger()


def key_exchange(post: PostForm, prove: Callable[[], Mapping[str, str]]) -> ExchangeKey:
    """Make the exchange out of the way to post and what authenticates one request."""

    async def exchange(key: str) -> bytes:
        form = {
            **prove(),
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": key,
            "subject_token_type": API_KEY_TYPE,
            "requested_token_type": ACCESS_TOKEN_TYPE,
        }
        status, body = await post(urlencode(form).encode())
        answer = _parse(body)
        token = answer.get("access_token")
        if status == 200 and isinstance(token, str) and token.isascii():
            return token.encode()
        if status == 400 and answer.get("error") == "invalid_grant":
            raise KeyRefused
        # Anything else is about this gateway, or about the server, and says nothing of the key.
        reason = f"{status} {str(answer.get('error', ''))[:100]}".strip()
        _log.warning("API key not exchanged", reason=reason)
        raise ExchangeFailed(reason)

    return exchange


def _parse(body: bytes) -> Mapping[str, object]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}
