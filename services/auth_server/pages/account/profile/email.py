"""GET /account/email, POST /account/email/code and /account/email/confirm: prove an address.

A new address that another account has looks like any other to the person who enters it: only its owner
is told, by mail.
"""

from typing import Literal

from fastapi import Request
from starlette.responses import Response

from auth_server.accounts.change_email import manages_email_here, take_proved_email
from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.flow.flow_state import LIFETIME
from auth_server.flow.mailed_codes import Codes, admit_guess, is_right, spell
from auth_server.mail.settings import is_mail_address
from auth_server.outbox.queue import queue_mail
from auth_server.pages.account.frame import Account, AccountResolver, Accounts
from auth_server.pages.account.profile.endpoint import PAGE as PROFILE
from auth_server.pages.account.security import require_recent_sign_in
from auth_server.records.people.store import find_account
from auth_server.web.browser import read_browser, set_browser
from auth_server.web.dependencies import Clock, Db, ReadingDb, SecretMaker, Transaction
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
PAGE = "/account/email"
WAY = "e-mail address"


@router.get(PAGE)
async def show_form(db: ReadingDb, accounts: Accounts) -> Response:
    """Ask for the new address, or offer to verify the present one."""
    account = await require_recent_sign_in(accounts, db, PAGE)
    await _require_managed_here(accounts, account, db)
    return _ask_for_address(account)


@router.post(f"{PAGE}/code")
async def send_code(
    request: Request,
    form: Form,
    db: Db,
    accounts: Accounts,
    codes: Codes,
    new_secret: SecretMaker,
    now: Clock,
) -> Response:
    """Send a code to the address, or a warning to its owner if it is another account's."""
    account = await require_recent_sign_in(accounts, db, PAGE)
    account.forms.require(form.get("proof"), "email")
    await _require_managed_here(accounts, account, db)
    email = (form.get("email") or "").strip().lower()
    if not is_mail_address(email):
        return _ask_for_address(account, email=email, refusal="malformed", status=400)
    if not await codes.admit(db, account.person_id):
        return _ask_for_address(account, email=email, refusal="too often", status=429)
    person, owner = account.signed_in.person, await find_account(db, email=email)
    is_free = owner is None or owner.person_id == person.person_id
    browser = read_browser(request, accounts.settings) or new_secret()
    code, ticket = codes.make(WAY, person.person_id, email, browser)
    to = person if owner is None else owner
    # The answer is the same if the address has got too many mails.
    await queue_mail(
        db,
        "email_code" if is_free else "email_taken",
        to=email,
        language=to.language,
        values={"name": to.name, "code": spell(code)} if is_free else {"name": to.name},
        now=now(),
        useful_for=LIFETIME,
    )
    response = _ask_for_code(account, ticket, email)
    set_browser(response, accounts.settings, browser)
    return response


@router.post(f"{PAGE}/confirm")
async def check_code(
    request: Request,
    form: Form,
    reading: ReadingDb,
    accounts: Accounts,
    codes: Codes,
    transaction: Transaction,
    new_secret: SecretMaker,
    now: Clock,
) -> Response:
    """Store the address after the right code."""
    account = await require_recent_sign_in(accounts, reading, PAGE)
    ticket = form.get("ticket") or ""
    account.forms.require(form.get("proof"), "email", ticket)
    await _require_managed_here(accounts, account, reading)
    await reading.close()
    browser = read_browser(request, accounts.settings)
    proved = codes.open(ticket, WAY, account.person_id, browser)
    async with transaction() as db:
        if not await admit_guess(db, ticket, now=now()):
            return _ask_for_code(account, ticket, proved.value, refusal="too often", status=429)
    if not is_right(proved, form.get("code")):
        return _ask_for_code(account, ticket, proved.value, refusal="wrong", status=401)
    async with transaction() as db:
        await codes.use(db, ticket, proved)
        stored = await take_proved_email(
            db,
            account.person_id,
            proved.value,
            keep=account.signed_in.session.session_hash,
            change_id=new_secret(),
            lifetime=accounts.settings.longest_token_lifetime,
            now=now(),
        )
    if not stored:
        raise PageError(
            "This address belongs to another account",
            "You proved that you receive its mail: sign in there instead, or use another address.",
            status=409,
        )
    return account.lead_back(f"{PROFILE}?saved=yes")


async def _require_managed_here(accounts: AccountResolver, account: Account, db: DbSession) -> None:
    if not await manages_email_here(db, account.signed_in.person):
        raise PageError(
            "Your address comes from another service",
            "You sign in through another service. Change your address there, and sign in again.",
            status=403,
        )
    if not accounts.settings.can_send_mail:
        raise PageError(
            "This action isn't available",
            "This server can't send a code to your address. Contact an admin.",
            status=404,
        )


def _ask_for_address(
    account: Account,
    *,
    email: str = "",
    refusal: Literal["malformed", "too often"] | None = None,
    status: int = 200,
) -> Response:
    return account.answer(
        "account/email.html",
        section="profile",
        status=status,
        email=email,
        refusal=refusal,
        proof=account.forms.make("email"),
    )


def _ask_for_code(
    account: Account,
    ticket: str,
    email: str,
    *,
    refusal: Literal["wrong", "too often"] | None = None,
    status: int = 200,
) -> Response:
    return account.answer(
        "account/email_code.html",
        section="profile",
        status=status,
        email=email,
        ticket=ticket,
        refusal=refusal,
        proof=account.forms.make("email", ticket),
        again_proof=account.forms.make("email"),
    )
