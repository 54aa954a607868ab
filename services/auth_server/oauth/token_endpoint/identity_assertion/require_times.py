"""Refuse assertions of another time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from auth_server.connectors.port import SignInRefused
from auth_server.connectors.signed import LEEWAY, read_time
from auth_server.oauth.token_endpoint.identity_assertion.assertion import (
    CheckedAssertion,
    refused,
)
from auth_server.oauth.token_endpoint.request import TokenRequest

LONGEST = timedelta(minutes=5)
"""The longest life of an assertion."""


async def require_times(checked: CheckedAssertion, request: TokenRequest) -> CheckedAssertion:
    """Require `iat` and `exp`, at most five minutes apart, around the present; clocks may differ.

    Raises:
        InvalidGrant: with the claim.
    """
    claims, leeway = checked.claims, LEEWAY.total_seconds()
    moment, longest = request.now.timestamp(), LONGEST.total_seconds()
    try:
        issued, expires = read_time(claims, "iat"), read_time(claims, "exp")
        begins = read_time(claims, "nbf") if "nbf" in claims else issued
    except SignInRefused as error:
        raise refused(str(error)) from None
    if issued > moment + leeway:
        raise refused("iat is in the future")
    if begins > moment + leeway:
        raise refused("nbf is in the future")
    if expires <= moment - leeway:
        raise refused("exp is in the past; ask the provider for a new assertion")
    if expires - issued > longest:
        raise refused("exp is more than five minutes after iat")
    return replace(
        checked,
        issued_at=datetime.fromtimestamp(issued, UTC),
        # Longer than it is accepted: a request may wait for the provider's keys, or for the tenant's lock.
        forgotten_at=datetime.fromtimestamp(expires, UTC) + LEEWAY + LONGEST,
    )
