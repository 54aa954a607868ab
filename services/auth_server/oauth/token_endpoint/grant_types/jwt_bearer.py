"""The JWT bearer grant (RFC 7523 §2.1): assertions about people, and those of workloads."""

from datetime import UTC, datetime

from auth_server.client_authentication.assertion import parse_jwt, read_header, read_time
from auth_server.client_authentication.workload import IDENTITY_ASSERTION
from auth_server.errors import InvalidClient
from auth_server.oauth.token_endpoint.grant_types.client_credentials import (
    prove_client_credentials,
)
from auth_server.oauth.token_endpoint.grant_types.identity_assertion import (
    prove_identity_assertion,
)
from auth_server.oauth.token_endpoint.request import Proven, Refused, TokenRequest


async def prove_assertion(request: TokenRequest) -> Proven | Refused:
    """Choose by the `typ` of the assertion; what is not a workload's is about a person."""
    text = request.form.require("assertion")
    try:
        about_person = str(read_header(text).get("typ", "")).lower().endswith(IDENTITY_ASSERTION)
    except InvalidClient:
        about_person = True
    if about_person:
        return await prove_identity_assertion(request)
    return await prove_workload(request, text)


async def prove_workload(request: TokenRequest, text: str) -> Proven | Refused:
    """Give a workload the tokens of the client as which it acts, no longer than its assertion.

    `match_workload` has verified the assertion.
    """
    proven = await prove_client_credentials(request)
    expires = read_time(parse_jwt(text).claims, "exp")
    if isinstance(proven, Refused) or expires is None:
        return proven
    ends_at = datetime.fromtimestamp(expires, UTC)
    entitlement = proven.entitlement
    latest = min(entitlement.ends_at or ends_at, ends_at)
    return Proven(entitlement._replace(ends_at=latest), offline=False, refresh_token=None)
