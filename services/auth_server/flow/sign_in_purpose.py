"""The sign-in purpose: to answer an authorization request, or to see an account page."""

import re
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Request
from starlette.responses import RedirectResponse

from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.flow.device_codes import DEVICE_PAGE
from auth_server.flow.pending import CONTINUE, PendingAuthorization, resolve_pending_authorization
from auth_server.keys import Keys
from auth_server.rendering.translation import translatable
from auth_server.secrets import NewSecret
from auth_server.settings import AuthServerSettings
from auth_server.web.browser import read_browser
from auth_server.web.dependencies import Clock, KeysInUse, ReadingDb, SecretMaker, Settings
from auth_server.web.form_proof import FormProof
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import Form
from gatepost.clock import Now

ACCOUNT = "/account"
# Segments begin with a letter, a digit or _, so that none is a dot segment or empty.
_ACCOUNT_PAGE = re.compile(
    rf"(?:/(?:account|console)(?:/\w[\w.~-]*)*|{DEVICE_PAGE})(?:\?[\w.~=&%-]*)?", re.ASCII
)
_LONGEST = 512
_MISFIT = translatable("Nothing was saved. Go back and try again.")


@dataclass(frozen=True, slots=True)
class SignInPurpose:
    """The target of a sign-in, and the proofs of its forms.

    Attributes:
        browser: the secret in the browser's cookie.
        field: the form field that names the purpose, `transaction` or `return_to`.
        value: that field's value.
        next_url: where the browser goes after the sign-in.
        pending: the pending authorization, or None for an account page.
        forms: the proofs of forms; for an authorization, those of `pending`.
    """

    browser: str
    field: str
    value: str
    next_url: str
    pending: PendingAuthorization | None
    forms: FormProof

    @property
    def client_id(self) -> str:
        """The id of the app, or an empty string."""
        return self.pending.client.client_id if self.pending else ""

    @property
    def leads_to_console(self) -> bool:
        """Whether a page of the console follows the sign-in."""
        return self.pending is None and self.value.startswith("/console")

    @property
    def leads_to_device(self) -> bool:
        """Whether the page for a device's code follows the sign-in."""
        return self.pending is None and self.value.startswith(DEVICE_PAGE)

    def answers(self) -> RedirectResponse:
        """Redirect the browser to the target of the sign-in."""
        response = RedirectResponse(self.next_url, status_code=303)
        response.headers["Cache-Control"] = "no-store"
        return response

    def asks_again(self, path: str) -> RedirectResponse:
        """Redirect the browser to sign in as another person; providers then ask again."""
        again = urlencode({self.field: self.value, "other": "yes"})
        response = RedirectResponse(f"{path}/sign-in?{again}", status_code=303)
        response.headers["Cache-Control"] = "no-store"
        return response


def is_account_page(path: str) -> bool:
    """Return whether a path is a page of the account, the console or a device's code, and no other URL.

    The path is relative to the issuer's, such as `/account/apps`, and may have a query.
    """
    return len(path) <= _LONGEST and _ACCOUNT_PAGE.fullmatch(path) is not None


def requested_page(request: Request, otherwise: str) -> str:
    """Return the page that a request shows, to return to after a sign-in, or else another path."""
    # Not `request.url`, which fails on bytes that are not UTF-8.
    query = request.scope["query_string"].decode("latin-1")
    page = f"{request.scope['path']}?{query}".removesuffix("?")
    return page if request.method == "GET" and is_account_page(page) else otherwise


def purpose_of_authorization(pending: PendingAuthorization) -> SignInPurpose:
    """Make the sign-in purpose of a pending authorization."""
    transaction_id = pending.authorization_request.transaction_id
    next_url = f"{pending.base}{CONTINUE}?transaction={transaction_id}"
    forms = replace(pending.forms, refusal=_MISFIT)
    return SignInPurpose(pending.browser, "transaction", transaction_id, next_url, pending, forms)


@dataclass(frozen=True, slots=True)
class PurposeResolver:
    """Reads the sign-in purpose from a request of a browser."""

    request: Request
    settings: AuthServerSettings
    keys: Keys
    now: Now
    new_secret: NewSecret

    async def resolve(self, given: Parameters, db: DbSession) -> SignInPurpose:
        """Read `transaction` or `return_to`; without either, the purpose is the account.

        Raises:
            PageError: the authorization request is not pending in this browser, or `return_to` is
                not an account page.
        """
        if (transaction_id := given.get("transaction")) is not None:
            pending = await resolve_pending_authorization(
                self.request, transaction_id, db, self.settings, self.keys, self.now()
            )
            return purpose_of_authorization(pending)
        return_to = given.get("return_to") or ACCOUNT
        if not is_account_page(return_to):
            raise PageError(
                "This link is invalid",
                "After you sign in, you can only return to your account pages.",
                detail="return_to is not an account page",
            )
        browser = read_browser(self.request, self.settings) or self.new_secret()
        forms = FormProof(self.keys, (), (browser, return_to), _MISFIT)
        next_url = f"{self.settings.path}{return_to}"
        return SignInPurpose(browser, "return_to", return_to, next_url, None, forms)


async def _resolver(
    request: Request, settings: Settings, keys: KeysInUse, now: Clock, new_secret: SecretMaker
) -> PurposeResolver:
    return PurposeResolver(request, settings, keys, now, new_secret)


Purposes = Annotated[PurposeResolver, Depends(_resolver)]


async def _shown(request: Request, db: ReadingDb, purposes: Purposes) -> SignInPurpose:
    return await purposes.resolve(read_query(request), db)


async def _posted(form: Form, db: ReadingDb, purposes: Purposes) -> SignInPurpose:
    return await purposes.resolve(form, db)


ShownPurpose = Annotated[SignInPurpose, Depends(_shown)]
"""The sign-in purpose named in the query of a GET request."""
PostedPurpose = Annotated[SignInPurpose, Depends(_posted)]
"""The sign-in purpose named in a posted form."""
