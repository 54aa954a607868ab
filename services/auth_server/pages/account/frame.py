"""The frame of the account pages: the signed-in person, the proofs of forms, the navigation."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from auth_server.db.engine import DbSession, OpenTransaction
from auth_server.errors import EnrolmentRequired, SignInRequired
from auth_server.flow.signed_in import SignedIn, lacks_second_factor, resolve_signed_in
from auth_server.keys import Keys
from auth_server.records.factor_recoveries.store import find_recovery
from auth_server.records.factor_recoveries.table import FactorRecovery
from auth_server.records.operators.store import find_operator
from auth_server.records.sessions.store import touch_session
from auth_server.records.sessions.table import ONE_FACTOR
from auth_server.rendering.render import Pages
from auth_server.settings import AuthServerSettings
from auth_server.web.dependencies import (
    Clock,
    Db,
    KeysInUse,
    LocalizedPages,
    ReadingDb,
    Settings,
    Transaction,
)
from auth_server.web.form_proof import FormProof
from auth_server.web.forms import Parameters
from auth_server.web.posted_form import PostedForm
from gatepost.clock import Now

_OF_TENANTS = ("/account/organisation", "/account/plan", "/account/playground", "/account/api-keys")
USE_IS_NOTED_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Account:
    """The account pages of a signed-in person.

    Attributes:
        signed_in: the person and their session.
        forms: the proofs of forms, bound to the session.
        pages: the pages in the person's language.
        base: the issuer's path, with which every path of this server begins.
        recovery: the pending recovery of the person's second factors, which every page shows.
        is_operator: whether the person is an operator, whom every page leads to the console.
    """

    signed_in: SignedIn
    forms: FormProof
    pages: Pages
    base: str
    recovery: FactorRecovery | None = None
    is_operator: bool = False

    @property
    def person_id(self) -> str:
        """The person's id."""
        return self.signed_in.person.person_id

    def answer(self, template: str, *, section: str, status: int = 200, **values: Any) -> Response:
        """Render a page that extends `account.html`.

        Args:
            template: the template's name.
            section: its place in the navigation: `apps`, `api-keys`, `sessions`, `security` or
                `organisations`.
            status: the HTTP status.
            values: the template's values.
        """
        return self.pages.answer(
            template, status=status, section=section, **self._frame(), **values
        )

    async def answer_list(self, template: str, *, items: int, **values: Any) -> Response:
        """Render a page as `answer` does, in a thread if it lists many items."""
        return await self.pages.answer_list(
            template,
            items=items,
            **self._frame(),
            **values,
        )

    def _frame(self) -> dict[str, Any]:
        return {
            "person": self.signed_in.person,
            "leave_proof": self.forms.make("sign-out"),
            "recovery": self.recovery,
            "is_operator": self.is_operator,
            "recovery_proof": self.forms.make("cancel-recovery") if self.recovery else "",
        }

    def lead_back(self, page: str) -> Response:
        """Redirect the browser after a form to a page such as `/account/apps`, with GET."""
        return lead_back(self.base, page)


def lead_back(base: str, page: str) -> Response:
    """Redirect the browser to a page of this server, with GET."""
    response = RedirectResponse(f"{base}{page}", status_code=303)
    response.headers["Cache-Control"] = "no-store"
    return response


@dataclass(frozen=True, slots=True)
class AccountResolver:
    """Finds the account of the browser that sends a request."""

    request: Request
    settings: AuthServerSettings
    keys: Keys
    pages: Pages
    now: Now
    transaction: OpenTransaction

    async def require(self, db: DbSession, page: str, *, enrolling: bool = False) -> Account:
        """Find the account of the signed-in person.

        Args:
            db: an open database session, reading or writing.
            page: the path to return to after a sign-in, such as `/account/apps`.
            enrolling: whether a person who must add a second factor first may see it.

        Raises:
            SignInRequired: the browser has no session.
            EnrolmentRequired: the person must add a second factor first.
        """
        now = self.now()
        signed_in = await resolve_signed_in(self.request, db, self.settings, now)
        if signed_in is None:
            raise SignInRequired(page)
        if signed_in.session.level < ONE_FACTOR and not enrolling:
            raise EnrolmentRequired("/account/security")
        last_seen = signed_in.session.last_seen_at
        if self.request.method == "GET" and now - last_seen >= USE_IS_NOTED_EVERY:
            async with self.transaction() as writing:
                await touch_session(writing, signed_in.session.session_hash, now=now)
        operator = await find_operator(db, signed_in.person.person_id)
        account = replace(self.of(signed_in), is_operator=operator is not None)
        if self.settings.factor_recovery_delay is None:
            return account
        recovery = await find_recovery(db, signed_in.person.person_id, now=now)
        return replace(account, recovery=recovery)

    async def require_full_sign_in(
        self, db: DbSession, page: str, *, enrolling: bool = False
    ) -> Account:
        """Find the account of a person who signed in with their second factor, if they have one.

        Sessions from before the person added it are asked for it too. On pages of a tenant, a session of
        the tenant's own provider is not: the provider decides about factors, and the tenant's rules
        about the level of its sign-ins.

        Args:
            db: an open database session, reading or writing.
            page: the path to return to after a sign-in.
            enrolling: as in `require`.

        Raises:
            SignInRequired: the browser has no session, or not one with the second factor.
        """
        account = await self.require(db, page, enrolling=enrolling)
        if account.signed_in.only_tenant is not None and page.startswith(_OF_TENANTS):
            return account
        level = account.signed_in.session.level
        if await lacks_second_factor(db, account.person_id, level=level, settings=self.settings):
            raise SignInRequired(page, second_factor=True)
        return account

    def of(self, signed_in: SignedIn) -> Account:
        """Make the account pages of a signed-in person."""
        forms = FormProof(
            self.keys,
            ("account",),
            (signed_in.session.session_hash,),
            "Nothing was changed. Go back, reload the page and try again.",
        )
        return Account(signed_in, forms, self.pages, self.settings.path)


async def _accounts(
    request: Request,
    settings: Settings,
    keys: KeysInUse,
    pages: LocalizedPages,
    now: Clock,
    transaction: Transaction,
) -> AccountResolver:
    return AccountResolver(request, settings, keys, pages, now, transaction)


Accounts = Annotated[AccountResolver, Depends(_accounts)]


def shown_account(
    page: str, *, full: bool = False, enrolling: bool = False
) -> Callable[..., Awaitable[Account]]:
    """Make the dependency of a page's GET; after a sign-in, the browser returns to `page`.

    `full` also requires the second factor of a person who has one. `enrolling` admits a person who must
    add one first.
    """

    async def resolve(db: ReadingDb, accounts: Accounts) -> Account:
        require = accounts.require_full_sign_in if full else accounts.require
        return await require(db, page, enrolling=enrolling)

    return resolve


def posted_account(
    page: str,
    proof: str | None,
    posted: PostedForm | None = None,
    *,
    full: bool = False,
    enrolling: bool = False,
) -> Callable[..., Awaitable[Account]]:
    """Make the dependency of a page's POST.

    Args:
        page: the path to return to after a sign-in.
        proof: the form whose proof is verified; None if the endpoint verifies it, because the
            proof covers values that the endpoint looks up.
        posted: reads the form.
        full: whether the second factor of a person who has one is also required.
        enrolling: whether a person who must add a second factor first is admitted.
    """

    async def resolve(
        form: Annotated[Parameters, Depends(posted or PostedForm())], db: Db, accounts: Accounts
    ) -> Account:
        require = accounts.require_full_sign_in if full else accounts.require
        account = await require(db, page, enrolling=enrolling)
        if proof is not None:
            account.forms.require(form.get("proof"), proof)
        return account

    return resolve
