"""GET /sign-in/address, POST /sign-in/address/code and /confirm: undo a change of the address.

The mail to the former address names the change. Undoing it takes a code, which is sent there again, so
that no link works for days.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.accounts.change_email import UNDO
from auth_server.accounts.undo_email_change import undo_email_change
from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.flow.flow_state import LIFETIME
from auth_server.flow.mailed_codes import Codes, admit_guess, is_right, spell
from auth_server.outbox.queue import queue_mail
from auth_server.pages.account.frame import lead_back
from auth_server.pages.passwords.renew import busy
from auth_server.records.email_changes.store import find_email_change
from auth_server.records.email_changes.table import EmailChange
from auth_server.records.password_links.store import put_link
from auth_server.records.password_links.table import PasswordLink
from auth_server.records.people.passwords import PasswordsBusy
from auth_server.records.people.store import find_account
from auth_server.rendering.render import Pages
from auth_server.secrets import hash_secret
from auth_server.settings import AuthServerSettings
from auth_server.web.browser import clear_session, read_browser, set_browser
from auth_server.web.dependencies import (
    Clock,
    Db,
    KeysInUse,
    LocalizedPages,
    PasswordsInUse,
    ReadingDb,
    SecretMaker,
    Settings,
    Transaction,
)
from auth_server.web.form_proof import FormProof
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
WAY = "former address"
_PASSWORD_LINK = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class UndoPages:
    """The pages of one browser that undoes a change."""

    settings: AuthServerSettings
    pages: Pages
    browser: str
    forms: FormProof

    def show(
        self,
        change: EmailChange | None,
        ticket: str = "",
        *,
        refusal: Literal["wrong", "too often"] | None = None,
        status: int = 200,
    ) -> Response:
        """Show the page: that the change is over, the offer of a code, or the question for it."""
        change_id = change.change_id if change else ""
        values: dict[str, Any] = {
            "change": change,
            "ticket": ticket,
            "refusal": refusal,
            "proof": self.forms.make("undo", change_id, ticket),
            "again_proof": self.forms.make("undo", change_id, ""),
        }
        response = self.pages.answer(
            "address_undo.html", status=404 if change is None else status, **values
        )
        set_browser(response, self.settings, self.browser)
        return response


async def _undo_pages(
    request: Request,
    settings: Settings,
    pages: LocalizedPages,
    keys: KeysInUse,
    new_secret: SecretMaker,
) -> UndoPages:
    browser = read_browser(request, settings) or new_secret()
    refusal = "Nothing was changed. Open the link in the mail again."
    return UndoPages(settings, pages, browser, FormProof(keys, (), (browser,), refusal))


Shown = Annotated[UndoPages, Depends(_undo_pages)]


@router.get(UNDO)
async def show_offer(request: Request, db: ReadingDb, pages: Shown, now: Clock) -> Response:
    """Say what undoing does; opening the link uses nothing up."""
    change_id = read_query(request).get("change") or ""
    return pages.show(await find_email_change(db, change_id, now=now()))


@router.post(f"{UNDO}/code")
async def send_code(form: Form, db: Db, pages: Shown, codes: Codes, now: Clock) -> Response:
    """Send a code to the former address."""
    change = await _posted_change(form.get("change"), form.get("proof"), "", db, pages, now())
    if change is None:
        return pages.show(None)
    if not await codes.admit(db, f"change {change.change_id}"):
        return pages.show(change, refusal="too often", status=429)
    person = await find_account(db, person_id=change.person_id)
    code, ticket = codes.make(WAY, change.change_id, change.former_email, pages.browser)
    if person is not None:
        await queue_mail(
            db,
            "email_code",
            to=change.former_email,
            language=person.language,
            values={"name": person.name, "code": spell(code)},
            now=now(),
            useful_for=LIFETIME,
        )
    return pages.show(change, ticket)


@router.post(f"{UNDO}/confirm")
async def check_code(
    form: Form,
    reading: ReadingDb,
    pages: Shown,
    codes: Codes,
    passwords: PasswordsInUse,
    transaction: Transaction,
    new_secret: SecretMaker,
    now: Clock,
) -> Response:
    """Undo the change after the right code, and lead to the choice of a new password."""
    ticket = form.get("ticket") or ""
    change = await _posted_change(
        form.get("change"), form.get("proof"), ticket, reading, pages, now()
    )
    await reading.close()
    if change is None:
        return pages.show(None)
    proved = codes.open(ticket, WAY, change.change_id, pages.browser)
    async with transaction() as db:
        if not await admit_guess(db, ticket, now=now()):
            return pages.show(change, ticket, refusal="too often", status=429)
    if not is_right(proved, form.get("code")):
        return pages.show(change, ticket, refusal="wrong", status=401)
    try:
        password_hash = await passwords.hash(new_secret())
    except PasswordsBusy:
        raise busy() from None
    token = new_secret()
    async with transaction() as db:
        await codes.use(db, ticket, proved)
        undone = await undo_email_change(
            db,
            change,
            password_hash=password_hash,
            lifetime=pages.settings.longest_token_lifetime,
            now=now(),
        )
        if undone:
            link = PasswordLink(
                address_hash=hash_secret(f"password link of {change.former_email}"),
                token_hash=hash_secret(token),
                person_id=change.person_id,
                field="return_to",
                value="/account/security",
                expires_at=now() + _PASSWORD_LINK,
            )
            await put_link(db, link)
    if not undone:
        raise PageError(
            "This address belongs to another account",
            "It was given to another account meanwhile. Contact an admin.",
            status=409,
        )
    response = lead_back(pages.settings.path, f"/sign-in/reset?{urlencode({'token': token})}")
    clear_session(response, pages.settings)
    return response


async def _posted_change(
    change_id: str | None, proof: str | None, ticket: str, db: DbSession, pages: UndoPages, now: Any
) -> EmailChange | None:
    pages.forms.require(proof, "undo", change_id or "", ticket)
    return await find_email_change(db, change_id or "", now=now)
