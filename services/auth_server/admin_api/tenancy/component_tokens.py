"""/admin/v1/tenants/{tenant_id}/component-tokens."""

from typing import Annotated

from fastapi import APIRouter, Header, Query

from auth_server.admin_api.authenticate import Caller
from auth_server.administration.tenancy.component_tokens import (
    ComponentTokenView,
    NewComponentToken,
    end_tokens_of_person,
    give_component_token,
)
from auth_server.web.dependencies import Clock, Db, KeysInUse, SecretMaker

router = APIRouter(prefix="/tenants/{tenant_id}/component-tokens", tags=["tenants"])


@router.post("", status_code=201)
async def post_component_token(
    caller: Caller,
    db: Db,
    now: Clock,
    keys: KeysInUse,
    new_secret: SecretMaker,
    tenant_id: str,
    new: NewComponentToken,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=255,
            description="With the same key, a repeated request of the same hour returns the same token.",
        ),
    ] = None,
) -> ComponentTokenView:
    """Give your own page a token for one person. Requires `components:write`.

    A scope that begins with `tenant_` also requires `tenants:read` or `tenants:write`.
    """
    secret, at = new_secret(), now()
    if idempotency_key is not None:
        # Tokens are kept for an hour after their end. Without the hour, the key would make one that is
        # deleted valid again.
        hour = str(int(at.timestamp()) // 3600)
        secret = keys.sign("component token", str(caller.token_id), idempotency_key, hour)
    return await give_component_token(db, caller, tenant_id, new, secret=secret, now=at)


@router.delete("", status_code=204)
async def delete_component_tokens(
    caller: Caller,
    db: Db,
    now: Clock,
    tenant_id: str,
    person_id: Annotated[str, Query(max_length=255, description="The person's id.")],
) -> None:
    """End a person's tokens at once, as when they sign out. Requires `components:write`."""
    await end_tokens_of_person(db, caller, tenant_id, person_id, now=now())
