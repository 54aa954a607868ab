"""Refuse assertions whose restrictions this server can't keep."""

from auth_server.oauth.token_endpoint.identity_assertion.assertion import (
    CheckedAssertion,
    refused,
)
from auth_server.oauth.token_endpoint.request import TokenRequest

UNSUPPORTED = {
    "authorization_details": "rich authorization requests",
    "act": "delegation",
    "tenant": "issuers with several tenants",
}


async def refuse_unsupported(checked: CheckedAssertion, request: TokenRequest) -> CheckedAssertion:
    """Refuse claims that narrow the assertion in a way that the access token could not express.

    Without its `authorization_details`, the token would allow more than the provider said. The `sub` of an
    issuer with several tenants is unique only together with `tenant`. An assertion with `cnf` is for the client
    that proves this key, to which the token is then bound too.

    Raises:
        InvalidGrant: with the claim or parameter.
    """
    for name, meaning in UNSUPPORTED.items():
        if name in checked.claims:
            raise refused(f"{name} is not supported ({meaning})")
    bound = request.confirmation
    proved = None if bound is None else {bound.method: bound.thumbprint}
    if "cnf" in checked.claims and (proved is None or checked.claims["cnf"] != proved):
        raise refused("cnf names a key; send a DPoP proof of that key with the assertion")
    if request.form.get("authorization_details") is not None:
        raise refused("authorization_details is not supported (rich authorization requests)")
    return checked
