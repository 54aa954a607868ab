"""POST /account/link/end: a person unlinks an account."""

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from auth_server.errors import PageError
from auth_server.pages.account.frame import Account, posted_account
from auth_server.pages.linking.purpose import APPS, PAGE
from auth_server.records.linked_accounts.store import lock_linked_account
from auth_server.revocations.linked_accounts import end_linked_accounts
from auth_server.revocations.revoke import outdate_tokens
from auth_server.web.dependencies import Clock, Db, Settings
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
PostedEnd = Annotated[Account, Depends(posted_account(APPS, None))]


@router.post(f"{PAGE}/end")
async def unlink(
    form: Form, account: PostedEnd, db: Db, settings: Settings, clock: Clock
) -> Response:
    """End a linked account, and the access tokens for which gateways keep its token."""
    link_id, now = form.get("link") or "", clock()
    account.forms.require(form.get("proof"), "end-link", link_id)
    linked = await lock_linked_account(db, link_id)
    # Another person's account gets the same page as an unknown one.
    if linked is None or linked.person_id != account.person_id:
        raise PageError("This account is not linked", "It was unlinked before.", status=404)
    await outdate_tokens(
        db, "person", account.person_id, lifetime=settings.longest_token_lifetime, now=now
    )
    await end_linked_accounts(
        db, account.person_id, linked.tenant_id, "the person", now=now, link_id=link_id
    )
    return account.lead_back(APPS)
