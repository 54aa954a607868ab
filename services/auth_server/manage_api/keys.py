"""/manage/v1/keys: a person's own API keys; they make them on their account pages."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound
from auth_server.entitlements.api_key import end_api_key
from auth_server.manage_api.authenticate import Caller
from auth_server.records.api_keys.store import find_key_by_id, list_api_keys
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings

router = APIRouter(prefix="/keys", tags=["keys"])


class KeyView(BaseModel):
    """An API key without its text."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    key_id: str
    label: str
    env: str
    """`live` or `test`."""
    resource: str
    scope: str
    tools: tuple[str, ...]
    data_scope: str
    """The data that it reaches; empty for all that the person sees."""
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@router.get("")
async def list_keys(caller: Caller, db: ReadingDb) -> list[KeyView]:
    """List the person's keys that are not revoked, the oldest first. Requires `keys:read`."""
    caller.require("keys:read")
    caller.require_second_factor()
    rows = await list_api_keys(db, tenant_id=caller.tenant_id, person_id=caller.person_id)
    return [
        KeyView(
            key_id=row.key_id,
            label=row.label,
            env=row.env,
            resource=row.resource,
            scope=row.scope,
            tools=tuple(row.tools),
            data_scope=row.data_scope,
            created_at=row.created_at,
            expires_at=row.expires_at,
            last_used_at=row.last_used_at,
        )
        for row in rows
        if row.revoked_at is None
    ]


@router.delete("/{key_id}", status_code=204)
async def delete_key(caller: Caller, db: Db, settings: Settings, now: Clock, key_id: str) -> None:
    """Revoke a key and the access tokens issued for it. Requires `keys:write`."""
    caller.act(db, "keys:write")
    caller.require_second_factor()
    key = await find_key_by_id(db, key_id)
    is_own = (
        key is not None and key.person_id == caller.person_id and key.tenant_id == caller.tenant_id
    )
    lifetime = settings.longest_token_lifetime
    if not is_own or not await end_api_key(db, key_id, lifetime=lifetime, now=now()):
        raise NotFound("this key is revoked, or it is not this person's")
