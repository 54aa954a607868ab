"""Verify the type and the signature of an assertion."""

from dataclasses import replace

from auth_server.connectors.port import SignInRefused
from auth_server.errors import TemporarilyUnavailable
from auth_server.oauth.token_endpoint.identity_assertion.assertion import (
    TOKEN_TYPE,
    CheckedAssertion,
    refused,
)
from auth_server.oauth.token_endpoint.request import TokenRequest


async def verify_signature(checked: CheckedAssertion, _: TokenRequest) -> CheckedAssertion:
    """Verify the JWT with the keys of the provider, which decide the algorithm (RFC 8725 §3.1).

    The type keeps other tokens of the provider, such as ID tokens, from being used here (§3.11).

    Raises:
        InvalidGrant: the type, algorithm, key or signature is wrong.
        TemporarilyUnavailable: the provider's keys can't be read; the client must not give up.
    """
    try:
        claims = await checked.known_connector().read_statement(checked.text, token_type=TOKEN_TYPE)
    except SignInRefused as error:
        if error.told == "unavailable":
            raise TemporarilyUnavailable(
                "the organisation's identity provider can't be read now; try again",
                detail=str(error),
            ) from None
        raise refused(
            f"must have the type {TOKEN_TYPE} and the signature of its issuer", detail=str(error)
        ) from None
    return replace(checked, claims=claims)
