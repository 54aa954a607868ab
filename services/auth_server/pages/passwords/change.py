"""GET and POST /account/security/password: a signed-in person changes their password."""

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import Depends
from starlette.responses import Response

from auth_server.errors import PageError
from auth_server.pages.account.frame import Account, Accounts, shown_account
from auth_server.pages.passwords.policy import find_problem
from auth_server.pages.passwords.renew import busy, renew_password
from auth_server.records.attempts.store import count_attempt, forget_attempts
from auth_server.records.people.passwords import PasswordsBusy
from auth_server.secrets import hash_secret
from auth_server.web.dependencies import Clock, PasswordsInUse, ReadingDb, Settings, Transaction
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
PAGE = "/account/security/password"
MOST_WRONG = 10
WINDOW = timedelta(minutes=15)
Page = Annotated[Account, Depends(shown_account(PAGE, full=True))]


@router.get(PAGE)
async def show_form(account: Page) -> Response:
    """Show the form."""
    if account.signed_in.person.password_hash is None:
        raise _no_password()
    return _show(account)


@router.post(PAGE)
async def change(
    form: Form,
    reading: ReadingDb,
    accounts: Accounts,
    passwords: PasswordsInUse,
    transaction: Transaction,
    settings: Settings,
    now: Clock,
) -> Response:
    """Change the password of a person who knows the current one; their other sessions end."""
    account = await accounts.require_full_sign_in(reading, PAGE)
    account.forms.require(form.get("proof"), "password")
    await reading.close()
    person = account.signed_in.person
    if person.password_hash is None:
        raise _no_password()
    # Somebody at an unattended browser must not try passwords without end.
    counted = hash_secret(f"current password of {person.person_id}")
    async with transaction() as db:
        wait = await count_attempt(db, counted, most=MOST_WRONG, window=WINDOW, now=now())
    if wait is not None:
        return _show(account, refusal="too often", status=429)
    new = form.get("new_password") or ""
    try:
        if not await passwords.verify(person.password_hash, form.get("password") or ""):
            return _show(account, refusal="wrong", status=401)
        if problem := find_problem(new, person, settings.branding.name):
            return _show(account, problem=problem, status=400)
        password_hash = await passwords.hash(new)
    except PasswordsBusy:
        raise busy() from None
    async with transaction() as db:
        await forget_attempts(db, [counted])
        kept = account.signed_in.session.session_hash
        await renew_password(
            db, person.person_id, password_hash, "password.changed", keep=kept, now=now()
        )
    return account.lead_back("/account/security?changed=password")


def _show(
    account: Account,
    *,
    refusal: Literal["wrong", "too often"] | None = None,
    problem: str | None = None,
    status: int = 200,
) -> Response:
    return account.answer(
        "account/password.html",
        section="security",
        status=status,
        refusal=refusal,
        problem=problem,
        proof=account.forms.make("password"),
    )


def _no_password() -> PageError:
    return PageError(
        "This account has no password",
        "Sign in another way, or contact an admin.",
        status=404,
    )
