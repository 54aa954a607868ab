"""The authorization code grant."""

import re

from auth_server.entitlements.grant import ClientForbidden, resolve_entitlement
from auth_server.errors import InvalidGrant, InvalidRequest, InvalidTarget
from auth_server.oauth.resource_parameter import resolve_resource
from auth_server.oauth.token_endpoint.authentication import find_for_id_token
from auth_server.oauth.token_endpoint.forbidden import end_forbidden
from auth_server.oauth.token_endpoint.request import Proven, Refused, TokenRequest
from auth_server.records.audit.store import Audit, record
from auth_server.redemptions.facts import CodeFacts, NewToken
from auth_server.redemptions.statements import read_code, redeem
from auth_server.revocations.revoke import end_family
from auth_server.secrets import hash_secret, matches, s256
from auth_server.tokens.refresh_token import first_token, make_first_token
from gatepost.claims import Confirmation
from gatepost.scopes import OFFLINE_ACCESS, parse_scope

_VERIFIER = re.compile(r"[A-Za-z0-9._~\-]{43,128}")


async def redeem_authorization_code(request: TokenRequest) -> Proven | Refused:
    """Redeem a code once, with the client, redirect URI, resource and verifier it was issued for.

    OAuth 2.1 clients do not send `redirect_uri` here, because the verifier proves who began the
    flow; one that is sent is compared, as RFC 6749 §4.1.3 requires. A wrong redirect_uri,
    resource or key of `dpop_jkt`, which the client can correct, does not use up the code. A
    wrong verifier does, so that it can't be guessed. A second redemption revokes the tokens of the
    first (OAuth 2.1 §4.1.3, RFC 7636 §4.6, RFC 8707 §2.2).
    """
    form, now, raw_sql = request.form, request.now, request.database.raw_sql
    presented = form.require("code")
    code_hash = hash_secret(presented)
    verifier = form.require("code_verifier")
    if not _VERIFIER.fullmatch(verifier):
        raise InvalidRequest("code_verifier must be 43 to 128 unreserved characters")
    code = await read_code(raw_sql, code_hash)
    # Another client's code counts as unknown, because it must not let a client revoke a grant.
    if code is None or code.client_id != request.client.client_id:
        raise InvalidGrant("the code is unknown or expired")
    if code.redeemed_at is not None:
        await _end_what_it_gave(request, code)
        return Refused(InvalidGrant("the code was already used", detail="replay; family ended"))
    if form.get("redirect_uri") not in {None, code.redirect_uri}:
        raise InvalidGrant("redirect_uri differs from the one in the authorization request")
    resources = form.all("resource")
    if resources and resolve_resource(resources, request.settings).resource != code.resource:
        raise InvalidTarget("the code was issued for another resource")
    if code.dpop_jkt is not None and request.confirmation != Confirmation("jkt", code.dpop_jkt):
        raise InvalidGrant("the code is bound to a key by dpop_jkt; send a DPoP proof of that key")
    scopes = parse_scope(code.scope)
    if not matches(code.code_challenge, s256(verifier)):
        # Before any check that can refuse temporarily, so that each wrong guess uses up the code.
        return await _use_up(request, code, code_hash, None) or Refused(
            InvalidGrant("code_verifier does not match", detail="code used up")
        )
    try:
        entitlement = resolve_entitlement(
            code.grant,
            client_id=code.client_id,
            resource=code.resource,
            scopes=scopes,
            now=now,
        )
    except ClientForbidden as error:
        return await end_forbidden(request, code.grant, error)
    authentication = await find_for_id_token(request, code.family_id, entitlement.scopes)
    refresh_token, first = None, None
    if "refresh_token" in request.client.grant_types:
        policy = request.refresh_policy
        refresh_token = make_first_token(
            policy.keys, request.new_secret(), code=presented, family_id=code.family_id
        )
        bound_to = request.refresh_binding
        first = first_token(refresh_token, bound_to=bound_to, policy=policy, now=now)
    refused = await _use_up(request, code, code_hash, first)
    if refused is not None:
        return refused
    return Proven(
        entitlement,
        offline=OFFLINE_ACCESS in scopes,
        refresh_token=refresh_token,
        family_id=code.family_id,
        authentication=authentication,
        nonce=authentication.nonce if authentication else None,
    )


async def _use_up(
    request: TokenRequest, code: CodeFacts, code_hash: str, first: NewToken | None
) -> Refused | None:
    if await redeem(request.database.raw_sql, code_hash, first, now=request.now):
        return None
    if request.now < code.expires_at:
        await _end_what_it_gave(request, code)
    return Refused(
        InvalidGrant(
            "the code is unknown or expired", detail="redeemed by a parallel request, or expired"
        )
    )


async def _end_what_it_gave(request: TokenRequest, code: CodeFacts) -> None:
    lifetime, now = request.settings.longest_token_lifetime, request.now
    replayed = Audit("code.replayed", client_id=code.client_id, grant_id=code.grant_id)
    async with request.transaction() as db:
        await end_family(db, code.family_id, lifetime=lifetime, now=now)
        await record(db, replayed, now=now)
