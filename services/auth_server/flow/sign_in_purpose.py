"""What somebody signs in for: to answer an app's request, or to see a page of their account."""

import re
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse

from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.flow.pending import CONTINUE, PendingAuthorization, resolve_pending_authorization
from auth_server.rendering.translation import translatable
from auth_server.runtime import Runtime
from auth_server.web.browser import read_browser
from auth_server.web.form_proof import FormProof
from auth_server.web.forms import Parameters

ACCOUNT = "/account"
# Segments begin with a letter, a digit or _, so that none is a dot segment or empty.
_ACCOUNT_PAGE = re.compile(r"/account(?:/\w[\w.~-]*)*(?:\?[\w.~=&-]*)?", re.ASCII)
_LONGEST = 512
_MISFIT = translatable("Nothing was saved. Go back and try again.")


@dataclass(frozen=True, slots=True)
class SignInPurpose:
    """Where the browser goes once somebody is signed in, and what binds forms to it.

    Attributes:
        browser: the secret in the browser's cookie.
        field: the form field that names the errand, `transaction` or `return_to`.
        value: that field's value.
        next_url: where sign-in leads.
        pending: the app's request, where there is one.
        forms: the proofs of forms; for an app's request, those of `pending`.
    """

    browser: str
    field: str
    value: str
    next_url: str
    pending: PendingAuthorization | None
    forms: FormProof

    @property
    def client_id(self) -> str:
        """The app's, or an empty text."""
        return self.pending.client.client_id if self.pending else ""

    def answers(self) -> RedirectResponse:
        """Send the browser to where sign-in leads."""
        response = RedirectResponse(self.next_url, status_code=303)
        response.headers["Cache-Control"] = "no-store"
        return response

    def asks_again(self, opened: Runtime) -> RedirectResponse:
        """Send the browser to sign in as somebody else, past no provider that still knows it."""
        again = urlencode({self.field: self.value, "other": "yes"})
        response = RedirectResponse(f"{opened.settings.path}/sign-in?{again}", status_code=303)
        response.headers["Cache-Control"] = "no-store"
        return response


def is_account_page(path: str) -> bool:
    """Tell whether a path is one of our account pages, and nothing that a browser reads otherwise.

    It is written below the issuer's path, as `/account/apps`, with a query or without.
    """
    return len(path) <= _LONGEST and _ACCOUNT_PAGE.fullmatch(path) is not None


async def resolve_purpose(
    request: Request, given: Parameters, db: DbSession, opened: Runtime
) -> SignInPurpose:
    """Read what somebody signs in for: `transaction`, or `return_to`, or just their account.

    Raises:
        PageError: the transaction is not this browser's, or `return_to` is no account page.
    """
    if (transaction_id := given.get("transaction")) is not None:
        pending = await resolve_pending_authorization(request, transaction_id, db, opened)
        return purpose_of_authorization(pending)
    return_to = given.get("return_to") or ACCOUNT
    if not is_account_page(return_to):
        raise PageError(
            "This link is invalid",
            "After you sign in, you can only return to your account pages.",
            detail="return_to is no account page",
        )
    browser = read_browser(request, opened.settings) or opened.new_secret()
    return purpose_of_account_page(browser, return_to, opened)


def purpose_of_authorization(pending: PendingAuthorization) -> SignInPurpose:
    """Make the errand of an app's request."""
    transaction_id = pending.authorization_request.transaction_id
    next_url = f"{pending.base}{CONTINUE}?transaction={transaction_id}"
    forms = replace(pending.forms, refusal=_MISFIT)
    return SignInPurpose(pending.browser, "transaction", transaction_id, next_url, pending, forms)


def purpose_of_account_page(browser: str, return_to: str, opened: Runtime) -> SignInPurpose:
    """Make the errand of an account page; `return_to` is one."""
    forms = FormProof(opened.keys, (), (browser, return_to), _MISFIT)
    return SignInPurpose(
        browser, "return_to", return_to, f"{opened.settings.path}{return_to}", None, forms
    )
