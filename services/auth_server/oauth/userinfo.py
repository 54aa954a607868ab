"""GET and POST /userinfo."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from auth_server.db.engine import DbSession
from auth_server.errors import InsufficientScope, InvalidToken
from auth_server.oauth.possession.require import require_possession
from auth_server.records.people.store import find_person
from auth_server.records.people.table import Person
from auth_server.records.revocations.store import list_by_names
from auth_server.tokens.access_token import token_type_of
from auth_server.tokens.read_access_token import read_access_token
from auth_server.web.dependencies import (
    Clock,
    KeysInUse,
    OpenDatabase,
    ReadingDb,
    Settings,
)
from auth_server.web.routing import MachineRouter
from gatepost.claims import AccessClaims
from gatepost.revocations import RevocationList, names_of
from gatepost.scopes import EMAIL, OPENID, PROFILE

router = MachineRouter(any_origin=True)


@router.api_route("/userinfo", methods=["GET", "POST"])
async def describe_person(
    request: Request,
    db: ReadingDb,
    settings: Settings,
    keys: KeysInUse,
    database: OpenDatabase,
    now: Clock,
) -> Response:
    """Return what an app may know about the person who connected it (OpenID Connect Core §5.3).

    The access token comes in the header, as OAuth 2.1 §5.1 has it, and may be for any resource of this
    server.
    """
    # 1. Verify the token, which may have been revoked.
    claims = await _require_live_token(request, db, issuer=settings.issuer, now=now())
    # 2. Require possession of the key to which it is bound, if it is.
    await require_possession(
        request,
        claims.confirmation,
        settings,
        path="/userinfo",
        keys=keys,
        raw_sql=database.raw_sql,
        now=now,
    )
    # 3. Require the scope of an ID token.
    if OPENID not in claims.scopes:
        raise InsufficientScope(
            "the access token does not have the scope openid",
            scope=OPENID,
            scheme=token_type_of(claims.confirmation),
        )
    # 4. Describe the person.
    person = await find_person(db, claims.sub)
    if person is None:
        raise InvalidToken("the person no longer has an account")
    return JSONResponse(_describe(person, claims), headers={"Cache-Control": "no-store"})


async def _require_live_token(
    request: Request, db: DbSession, *, issuer: str, now: datetime
) -> AccessClaims:
    given = request.headers.getlist("authorization")
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() not in {"bearer", "dpop"}:
        raise InvalidToken("send an access token as Authorization: Bearer …")
    read = await read_access_token(db, token.strip(), issuer=issuer, now=now)
    known = "DPoP" if scheme.lower() == "dpop" else "Bearer"
    if read is None:
        raise InvalidToken("the access token is invalid or expired", scheme=known)
    revoked = RevocationList(await list_by_names(db, names_of(read.claims, read.kid), now=now))
    if revoked.is_revoked(read.claims, read.kid):
        raise InvalidToken("the access token was revoked", scheme=known)
    return read.claims


def _describe(person: Person, claims: AccessClaims) -> Mapping[str, Any]:
    """Write the claims of the token's scopes (OpenID Connect Core §5.4)."""
    answer: dict[str, Any] = {"sub": person.person_id}
    if PROFILE in claims.scopes:
        answer["name"] = person.name
    if EMAIL in claims.scopes and person.email is not None:
        answer |= {"email": person.email, "email_verified": person.email_verified_at is not None}
    return answer
