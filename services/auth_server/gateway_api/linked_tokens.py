"""POST /internal/linked-tokens."""

from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Request
from pydantic import ValidationError
from starlette.responses import Response

from auth_server.client_authentication.authenticate import Authenticator
from auth_server.db.engine import DbSession
from auth_server.errors import InvalidRequest, TemporarilyUnavailable, UnauthorizedClient
from auth_server.gateway_api.posted_json import read_posted_json
from auth_server.linking.tokens import LinkedTokens, NotLinked, TokenUnavailable
from auth_server.records.api_keys.store import find_key_by_id
from auth_server.records.api_keys.table import StoredApiKey
from auth_server.records.grants.store import find_grant
from auth_server.records.grants.table import Grant
from auth_server.records.people.store import find_person
from auth_server.records.tenants.store import find_tenant_membership
from auth_server.settings import AuthServerSettings
from auth_server.web.dependencies import Clock, OpenDatabase, Settings, part
from auth_server.web.routing import MachineRouter
from gatepost.linked_tokens import LINKED_TOKENS_PATH, AskedToken, LinkedTokenAnswer

router = MachineRouter()
_LIMIT = 64 * 1024
Tokens = Annotated[LinkedTokens, Depends(part(lambda runtime: runtime.linked_tokens))]


@router.post(LINKED_TOKENS_PATH)
async def give_linked_token(
    request: Request,
    authenticator: Authenticator,
    database: OpenDatabase,
    settings: Settings,
    tokens: Tokens,
    now: Clock,
) -> Response:
    """Give a gateway the access token of the account that a caller has linked.

    The caller is named by the connection or API key of their access token alone. Person and tenant come
    from there, so that a gateway can't ask for those of somebody who does not use it.
    """
    # 1. Authenticate the gateway, and require a provider of its own.
    body, resource = await read_posted_json(request, authenticator, limit=_LIMIT)
    try:
        asked = AskedToken.model_validate(body.get("link"))
    except ValidationError as problem:
        first = problem.errors(include_input=False)[0]
        place = ".".join(map(str, ("link", *first["loc"])))
        raise InvalidRequest(f"{place}: {first['msg']}"[:300].replace('"', "'")) from None
    entry = settings.find_resource(resource)
    if entry is None or asked.provider not in entry.links:
        raise UnauthorizedClient(
            "the resource of this gateway does not have the provider in its links"
        )
    provider = next(one for one in settings.link_providers if one.name == asked.provider)
    # 2. Find the person and the tenant.
    async with database.reading() as db:
        owner = await _find_owner(db, asked.grant_id, resource, settings, now())
    if owner is None:
        return _answer(LinkedTokenAnswer(state="nobody", title=provider.title))
    # 3. Hand out the token, which may have to be renewed.
    person_id, tenant_id = owner
    try:
        token = await tokens.get(asked.provider, person_id, tenant_id, refused=asked.refused)
    except NotLinked as missing:
        query = urlencode({"provider": asked.provider, "tenant": tenant_id})
        return _answer(
            LinkedTokenAnswer(
                state="broken" if missing.broken else "missing",
                title=provider.title,
                url=f"{settings.issuer}/account/link?{query}",
            )
        )
    except TokenUnavailable:
        raise TemporarilyUnavailable("the provider does not answer; try again") from None
    return _answer(
        LinkedTokenAnswer(
            state="linked",
            title=provider.title,
            access_token=token.access_token,
            expires_in=max(int(token.lifetime.total_seconds()), 1),
        )
    )


async def _find_owner(
    db: DbSession, grant_id: str, resource: str, settings: AuthServerSettings, now: datetime
) -> tuple[str, str] | None:
    """Find the person and the tenant of a live connection or API key of a gateway."""
    found: Grant | StoredApiKey | None = await find_grant(db, grant_id)
    found = found or await find_key_by_id(db, grant_id)
    if found is None or found.revoked_at is not None:
        return None
    address = settings.find_address(found.resource)
    if address is None or address.entry.resource != resource:
        return None
    if found.expires_at is not None and found.expires_at <= now:
        return None
    if await find_person(db, found.person_id) is None:
        return None
    if await find_tenant_membership(db, found.person_id, found.tenant_id) is None:
        return None
    return found.person_id, found.tenant_id


def _answer(answer: LinkedTokenAnswer) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(answer.model_dump_json(), media_type="application/json", headers=headers)
