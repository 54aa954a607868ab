"""Replace the address of a pushed request by what the client pushed."""

from dataclasses import replace

from auth_server.errors import InvalidRequest
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest
from auth_server.records.pushed_requests.store import take_pushed_request
from auth_server.secrets import hash_secret
from auth_server.web.forms import Parameters

PREFIX = "urn:ietf:params:oauth:request_uri:"
"""The beginning of every address that this server gives (RFC 9126 §2.2)."""


async def read_pushed_request(request: CheckedRequest, context: CheckContext) -> CheckedRequest:
    """Take the request that the client pushed, once (RFC 9126 §4); other parameters don't count.

    Raises:
        InvalidRequest: it is unknown, expired, was used before, or is another client's.
    """
    reference = request.parameters.get("request_uri") or ""
    if not reference.startswith(PREFIX):
        return request
    client_id = request.parameters.require("client_id")
    uri_hash = hash_secret(reference.removeprefix(PREFIX))
    pushed = await take_pushed_request(context.db, uri_hash, client_id, now=context.now())
    if pushed is None:
        raise InvalidRequest(
            "request_uri is unknown, has expired or was used before; push the request again"
        )
    parameters = Parameters({name: tuple(values) for name, values in pushed.items()})
    return replace(request, parameters=parameters, is_pushed=True)
