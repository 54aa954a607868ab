"""GET /account/api-keys, POST /account/api-keys/revoke: a person's API keys."""

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from auth_server.entitlements.api_key import end_api_key
from auth_server.flow.own_provider import may_act
from auth_server.pages.account.frame import Account, posted_account, shown_account
from auth_server.records.api_keys.store import list_api_keys
from auth_server.records.tenants.store import list_tenant_memberships
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
PAGE = "/account/api-keys"
Page = Annotated[Account, Depends(shown_account(PAGE, full=True))]
Posted = Annotated[Account, Depends(posted_account(PAGE, "api-keys", full=True))]


@router.get(PAGE)
async def show_api_keys(account: Page, db: ReadingDb, settings: Settings, now: Clock) -> Response:
    """List a person's keys, without their secret texts."""
    person_id = account.person_id
    memberships = await list_tenant_memberships(db, person_id)
    return account.answer(
        "account/api_keys.html",
        section="api-keys",
        keys=list(reversed(await list_api_keys(db, person_id=person_id))),
        places=[
            each
            for each in memberships
            if each.policy.admits_api_keys and may_act(account.signed_in, each)
        ],
        tenants={membership.tenant_id: membership.tenant_name for membership in memberships},
        resources=[entry.resource for entry in settings.resources],
        now=now(),
        proof=account.forms.make("api-keys"),
    )


@router.post(f"{PAGE}/revoke")
async def revoke(form: Form, account: Posted, db: Db, settings: Settings, now: Clock) -> Response:
    """Revoke one of the person's keys, with the access tokens issued for it."""
    lifetime = settings.longest_token_lifetime
    own = await list_api_keys(db, person_id=account.person_id)
    for key in own:
        if key.key_id == form.get("key"):
            await end_api_key(db, key.key_id, lifetime=lifetime, now=now())
    return account.lead_back(PAGE)
