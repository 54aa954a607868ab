"""GET /account/profile: show a person's name and address."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.accounts.change_email import manages_email_here
from auth_server.pages.account.frame import Account, shown_account
from auth_server.web.dependencies import ReadingDb, Settings
from auth_server.web.forms import read_query
from auth_server.web.routing import PageRouter

router = PageRouter()
PAGE = "/account/profile"
Page = Annotated[Account, Depends(shown_account(PAGE))]


@router.get(PAGE)
async def show_profile(
    request: Request, account: Page, db: ReadingDb, settings: Settings
) -> Response:
    """Show the profile."""
    return account.answer(
        "account/profile.html",
        section="profile",
        local=await manages_email_here(db, account.signed_in.person),
        mails=settings.can_send_mail,
        proof=account.forms.make("data"),
        saved=read_query(request).get("saved") is not None,
    )
