"""Read the person and their groups from an assertion."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from auth_server.connectors.claims import find_claim, read_claims
from auth_server.connectors.port import SignInRefused
from auth_server.oauth.token_endpoint.identity_assertion.assertion import (
    CheckedAssertion,
    refused,
)
from auth_server.oauth.token_endpoint.request import TokenRequest

_MOST_GROUPS = 1000


async def read_identity(checked: CheckedAssertion, _: TokenRequest) -> CheckedAssertion:
    """Read the claims as those of a sign-in are read, by the provider's mapping.

    Raises:
        InvalidGrant: `sub` is missing or malformed, or the groups are not a list of strings.
    """
    mapping = checked.known_connector().settings.claims
    try:
        identity = read_claims(checked.claims, mapping)
    except SignInRefused as error:
        raise refused(str(error)) from None
    if _leaves_out(checked.claims, mapping.groups):
        return replace(checked, identity=identity, groups=None)
    groups = find_claim(checked.claims, mapping.groups)
    groups = [] if groups is None else groups
    if isinstance(groups, str):
        groups = [groups]
    if (
        not isinstance(groups, list)
        or len(groups) > _MOST_GROUPS
        or not all(isinstance(group, str) for group in groups)
    ):
        raise refused(f"{mapping.groups} must be a list of at most {_MOST_GROUPS} strings")
    return replace(checked, identity=identity, groups=frozenset(groups))


def _leaves_out(claims: Mapping[str, Any], name: str) -> bool:
    """Return whether a claim is not here but elsewhere (OpenID Connect Core §5.6.2), as Entra does with many groups."""
    elsewhere = claims.get("_claim_names")
    return name not in claims and isinstance(elsewhere, dict) and name in elsewhere
