"""GET /account/api-keys, POST /account/api-keys/revoke: a person's keys for programs."""

from fastapi import Request
from starlette.responses import Response

from auth_server.entitlements.api_key import end_api_key
from auth_server.pages.account.frame import (
    account_proof,
    answer_account,
    lead_back,
    require_account_proof,
    require_signed_in,
)
from auth_server.records.api_keys.store import list_api_keys
from auth_server.records.tenants.store import list_tenant_memberships
from auth_server.web.dependencies import Db, Opened, ReadingDb
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
PAGE = "/account/api-keys"


@router.get(PAGE)
async def show_api_keys(request: Request, db: ReadingDb, opened: Opened) -> Response:
    """List a person's keys, without what would let anybody in."""
    signed_in = await require_signed_in(request, db, opened, page=PAGE)
    person_id = signed_in.person.person_id
    memberships = await list_tenant_memberships(db, person_id)
    return answer_account(
        signed_in,
        opened,
        "account/api_keys.html",
        section="api-keys",
        keys=list(reversed(await list_api_keys(db, person_id=person_id))),
        tenants={membership.tenant_id: membership.tenant_name for membership in memberships},
        resources=[entry.resource for entry in opened.settings.resources],
        now=opened.now(),
        proof=account_proof(signed_in, opened, "api-keys"),
    )


@router.post(f"{PAGE}/revoke")
async def revoke(request: Request, db: Db, opened: Opened, form: Form) -> Response:
    """End one of the person's keys, with the access tokens that live of it."""
    signed_in = await require_signed_in(request, db, opened, page=PAGE)
    require_account_proof(form.get("proof"), signed_in, opened, "api-keys")
    lifetime = opened.settings.access_token_lifetime
    own = await list_api_keys(db, person_id=signed_in.person.person_id)
    for key in own:
        if key.key_id == form.get("key"):
            await end_api_key(db, key.key_id, lifetime=lifetime, now=opened.now())
    return lead_back(opened, PAGE)
