"""/admin/v1/tenants/{tenant_id}/app-requests."""

from fastapi import APIRouter

from auth_server.admin_api.authenticate import Caller
from auth_server.administration.tenancy.app_requests import (
    AppRequestView,
    answer_app_request,
    read_app_requests,
)
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings

router = APIRouter(prefix="/tenants/{tenant_id}/app-requests", tags=["tenants"])


@router.get("")
async def list_app_requests(caller: Caller, db: ReadingDb, tenant_id: str) -> list[AppRequestView]:
    """List the apps that members ask for, the oldest request first. Requires `tenants:read`."""
    return await read_app_requests(db, caller, tenant_id)


@router.post("/{request_id}/approve", status_code=204)
async def post_approval(
    caller: Caller, db: Db, settings: Settings, now: Clock, tenant_id: str, request_id: str
) -> None:
    """Allow the app for all members. Requires `tenants:write`."""
    lifetime = settings.longest_token_lifetime
    await answer_app_request(db, caller, tenant_id, request_id, True, lifetime=lifetime, now=now())


@router.post("/{request_id}/decline", status_code=204)
async def post_refusal(
    caller: Caller, db: Db, settings: Settings, now: Clock, tenant_id: str, request_id: str
) -> None:
    """Decline the request. Requires `tenants:write`."""
    lifetime = settings.longest_token_lifetime
    await answer_app_request(db, caller, tenant_id, request_id, False, lifetime=lifetime, now=now())
