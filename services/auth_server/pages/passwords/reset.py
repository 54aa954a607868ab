"""GET and POST /sign-in/reset: choose a new password with a link from a mail.

Opening the link uses nothing up, because mail scanners open links too.
"""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.flow.sign_in_purpose import PurposeResolver, Purposes
from auth_server.pages.account.frame import lead_back
from auth_server.pages.passwords.policy import find_problem
from auth_server.pages.passwords.renew import busy, renew_password
from auth_server.records.password_links.store import find_link, redeem_link
from auth_server.records.password_links.table import PasswordLink
from auth_server.records.people.passwords import PasswordsBusy
from auth_server.records.people.store import find_person
from auth_server.records.people.table import Person
from auth_server.rendering.render import Pages
from auth_server.secrets import hash_secret
from auth_server.settings import AuthServerSettings
from auth_server.web.browser import clear_session, read_browser, set_browser
from auth_server.web.dependencies import (
    Clock,
    KeysInUse,
    LocalizedPages,
    PasswordsInUse,
    ReadingDb,
    SecretMaker,
    Settings,
    Transaction,
)
from auth_server.web.form_proof import FormProof
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
PAGE = "/sign-in/reset"
ACCOUNT = "/account"


@dataclass(frozen=True, slots=True)
class ResetPages:
    """The pages of one browser that opened a link."""

    settings: AuthServerSettings
    pages: Pages
    browser: str
    forms: FormProof

    def show(self, token: str, person: Person | None, *, problem: str | None = None) -> Response:
        """Show the form for a person, or without one that the link no longer works."""
        response = self.pages.answer(
            "password_reset.html",
            status=400 if person is None or problem else 200,
            person=person,
            token=token,
            problem=problem,
            proof=self.forms.make("reset", token),
        )
        set_browser(response, self.settings, self.browser)
        return response


async def _reset_pages(
    request: Request,
    settings: Settings,
    pages: LocalizedPages,
    keys: KeysInUse,
    new_secret: SecretMaker,
) -> ResetPages:
    browser = read_browser(request, settings) or new_secret()
    refusal = "Nothing was changed. Open the link in the mail again."
    return ResetPages(settings, pages, browser, FormProof(keys, (), (browser,), refusal))


Shown = Annotated[ResetPages, Depends(_reset_pages)]


@router.get(PAGE)
async def show_form(request: Request, db: ReadingDb, pages: Shown, now: Clock) -> Response:
    """Show the form, if the link still works."""
    token = read_query(request).get("token") or ""
    link = await find_link(db, hash_secret(token), now=now())
    return pages.show(token, await find_person(db, link.person_id or "") if link else None)


@router.post(PAGE)
async def reset(
    form: Form,
    db: ReadingDb,
    pages: Shown,
    passwords: PasswordsInUse,
    purposes: Purposes,
    transaction: Transaction,
    now: Clock,
) -> Response:
    """Use the link up and store the password; every session of the person ends."""
    token = form.get("token") or ""
    pages.forms.require(form.get("proof"), "reset", token)
    link = await find_link(db, hash_secret(token), now=now())
    person = await find_person(db, link.person_id or "") if link else None
    if link is None or person is None:
        return pages.show(token, None)
    new = form.get("new_password") or ""
    if problem := find_problem(new, person, pages.settings.branding.name):
        return pages.show(token, person, problem=problem)
    next_page = await _next_page(purposes, db, link)
    await db.close()
    try:
        password_hash = await passwords.hash(new)
    except PasswordsBusy:
        raise busy() from None
    async with transaction() as writing:
        person_id = await redeem_link(writing, hash_secret(token), now=now())
        if person_id is None:
            return pages.show(token, None)
        await renew_password(writing, person_id, password_hash, "password.reset", now=now())
    # Nobody is signed in by a link: a second factor is asked for as always.
    response = lead_back(pages.settings.path, next_page)
    clear_session(response, pages.settings)
    return response


async def _next_page(purposes: PurposeResolver, db: DbSession, link: PasswordLink) -> str:
    """Return the sign-in page of the interrupted sign-in, or else of the account."""
    target = {link.field: link.value}
    try:
        await purposes.resolve(Parameters({link.field: (link.value,)}), db)
    except PageError:
        # The app's request is over, or began in another browser.
        target = {"return_to": ACCOUNT}
    return f"/sign-in?{urlencode({**target, 'changed': 'password'})}"
