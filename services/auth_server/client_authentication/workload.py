"""Authenticate a workload by the JWT that its cloud or CI system signed (MCP SEP-1933, RFC 7523 §3)."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeGuard

from auth_server.client_authentication.assertion import (
    LEEWAY,
    Assertion,
    parse_jwt,
    read_header,
    read_time,
    require_signature,
)
from auth_server.client_authentication.credentials import MatchContext
from auth_server.errors import InvalidClient, InvalidGrant, TemporarilyUnavailable
from auth_server.outbound.cache import DocumentUnavailable
from auth_server.outbound.named_documents import Asker
from auth_server.records.clients.facts import ClientFacts, find_client_facts
from auth_server.records.clients.table import Client
from auth_server.records.workloads.store import (
    TrustedWorkload,
    has_workload,
    list_trusted_workloads,
)
from auth_server.records.workloads.table import LONGEST_NAME
from auth_server.web.forms import Parameters

IDENTITY_ASSERTION = "oauth-id-jag+jwt"
"""The `typ` of assertions about people, which are no workloads."""
LONGEST_LIFETIME = timedelta(days=1)


async def match_workload(form: Parameters, context: MatchContext) -> ClientFacts | None:
    """Find the client as which the workload of an assertion acts; None for other assertions.

    The assertion is client authentication and grant in one. It may be used until it expires, because
    platforms give a workload one JWT for many requests.

    Raises:
        InvalidRequest: there is no assertion.
        InvalidGrant: no client trusts the workload, or a claim or the signature is wrong.
        TemporarilyUnavailable: the issuer's keys can't be read now.
    """
    text = form.require("assertion")
    try:
        if str(read_header(text).get("typ", "")).lower().endswith(IDENTITY_ASSERTION):
            return None
        assertion = parse_jwt(text)
        _require_times(assertion.claims, context)
        workload = await _find_workload(assertion, form.get("client_id"), context)
        owner = _owner_of_keys(workload, context)
        try:
            keys = await context.key_sets.read(
                owner, Asker(workload.client_id, _is_in_use), kid=assertion.kid
            )
        except DocumentUnavailable as error:
            raise TemporarilyUnavailable(
                "the keys of the workload's issuer can't be read now; try again", detail=str(error)
            ) from None
        require_signature(assertion, keys)
        # Reading the keys may have taken seconds.
        _require_times(assertion.claims, context)
        await _require_trust(workload, context)
    except InvalidClient as error:
        raise InvalidGrant(
            "assertion must be a JWT with the signature of its issuer", detail=error.detail
        ) from None
    client = await find_client_facts(context.database.raw_sql, workload.client_id)
    if client is None:
        raise InvalidGrant("no client here trusts this workload", detail="client disabled")
    return client


async def _find_workload(
    assertion: Assertion, client_id: str | None, context: MatchContext
) -> TrustedWorkload:
    claims = assertion.claims
    known: Sequence[TrustedWorkload] = ()
    issuer, audience = claims.get("iss"), claims.get("aud")
    # A JWT for a second audience could be used here by that one.
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if _is_text(issuer) and _is_text(audience):
        async with context.database.reading() as db:
            known = await list_trusted_workloads(db, issuer, audience, assertion.client_id)
    found = [one for one in known if _matches(one, claims) and client_id in {None, one.client_id}]
    if len({one.client_id for one in found}) != 1:
        raise InvalidGrant(
            "no client here trusts this workload, or several do and client_id names none of them",
            detail=f"{len(known)} workloads of iss, aud and sub; {len(found)} with claims and client_id",
        )
    return found[0]


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value.isprintable() and len(value) <= LONGEST_NAME


async def _require_trust(workload: TrustedWorkload, context: MatchContext) -> None:
    async with context.database.reading() as db:
        if not await has_workload(db, workload.workload_id):
            raise InvalidGrant("no client here trusts this workload", detail="ended meanwhile")


def _matches(workload: TrustedWorkload, claims: Mapping[str, Any]) -> bool:
    return all(_written(claims.get(name)) == wanted for name, wanted in workload.claims.items())


def _written(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else None


def _require_times(claims: Mapping[str, Any], context: MatchContext) -> None:
    now, leeway = context.now().timestamp(), LEEWAY.total_seconds()
    expires, begins = read_time(claims, "exp"), read_time(claims, "nbf")
    issued = read_time(claims, "iat")
    if expires is None or not now + 1 <= expires <= now + LONGEST_LIFETIME.total_seconds():
        raise InvalidGrant("assertion: exp must be in the future, by a day at most")
    if max(begins or 0, issued or 0) > now + leeway:
        raise InvalidGrant("assertion: nbf and iat must not be in the future")


def _owner_of_keys(workload: TrustedWorkload, context: MatchContext) -> Client:
    """Describe the issuer as the key sets know owners of keys: an operator named the address."""
    return Client(
        client_id=workload.client_id,
        source="managed",
        name="",
        redirect_uris=[],
        grant_types=[],
        token_endpoint_auth_method="private_key_jwt",  # noqa: S106 - the method's name
        jwks_uri=workload.jwks_uri,
        application_type="web",
        created_at=context.now(),
    )


async def _is_in_use() -> bool:
    return True
