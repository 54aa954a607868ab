"""GET and POST /sign-in/forgotten: ask for a link by mail, whether or not the address is known.

A request does the same work for each address, so that neither its answer nor its time says who has
an account.
"""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from auth_server.errors import PageError
from auth_server.flow.sign_in_purpose import PostedPurpose, ShownPurpose, SignInPurpose
from auth_server.outbox.queue import queue_mail
from auth_server.records.attempts.store import count_attempt
from auth_server.records.password_links.store import put_link
from auth_server.records.password_links.table import PasswordLink
from auth_server.records.people.store import find_person_by_email, is_signed_in_elsewhere
from auth_server.rendering.render import Pages
from auth_server.secrets import hash_secret
from auth_server.settings import AuthServerSettings
from auth_server.web.address import address_of
from auth_server.web.browser import set_browser
from auth_server.web.dependencies import Clock, Db, LocalizedPages, SecretMaker, Settings
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
PAGE = "/sign-in/forgotten"
LIFETIME = timedelta(minutes=15)
MOST_OF_ADDRESS = 20
HOUR = timedelta(hours=1)


@router.get(PAGE)
async def show_form(
    request: Request, purpose: ShownPurpose, settings: Settings, pages: LocalizedPages
) -> Response:
    """Ask for the e-mail address."""
    _require_accounts(settings)
    sent = read_query(request).get("sent") is not None
    return _show(purpose, settings, pages, sent=sent)


@router.post(PAGE)
async def send_link(
    request: Request,
    form: Form,
    purpose: PostedPurpose,
    db: Db,
    settings: Settings,
    pages: LocalizedPages,
    new_secret: SecretMaker,
    now: Clock,
) -> Response:
    """Queue a mail with a link, or one that says how the person signs in."""
    purpose.forms.require(form.get("proof"), "forgotten")
    _require_accounts(settings)
    email = (form.get("email") or "").strip().lower()[:320]
    sender = hash_secret(f"forgotten from {address_of(request, settings)}")
    if await count_attempt(db, sender, most=MOST_OF_ADDRESS, window=HOUR, now=now()) is not None:
        return _show(purpose, settings, pages, too_often=True, status=429)
    person = await find_person_by_email(db, email)
    person_id = person.person_id if person else ""
    elsewhere = await is_signed_in_elsewhere(db, person_id)
    has_password = person is not None and person.password_hash is not None and not elsewhere
    token = new_secret()
    queued = await queue_mail(
        db,
        "password_reset" if has_password or person is None else "password_elsewhere",
        to=email,
        language=(person.language if person else None) or pages.language,
        values={
            "name": person.name if person else "",
            "path": f"/sign-in/reset?token={token}" if has_password else "/account",
        },
        now=now(),
        useful_for=LIFETIME,
        to_nobody=person is None,
    )
    # The link in the last mail goes on working if no other mail is sent.
    if queued:
        link = PasswordLink(
            address_hash=hash_secret(f"password link of {email}"),
            token_hash=hash_secret(token),
            person_id=person_id if has_password else None,
            field=purpose.field,
            value=purpose.value,
            expires_at=now() + LIFETIME,
        )
        await put_link(db, link)
    return _show(purpose, settings, pages, sent=True)


def _require_accounts(settings: AuthServerSettings) -> None:
    if not settings.has_accounts or not settings.can_send_mail:
        raise PageError(
            "This action isn't available",
            "This server can't send you a new password. Contact an admin.",
            status=404,
        )


def _show(
    purpose: SignInPurpose,
    settings: AuthServerSettings,
    pages: Pages,
    *,
    sent: bool = False,
    too_often: bool = False,
    status: int = 200,
) -> Response:
    response = pages.answer(
        "password_forgotten.html",
        status=status,
        purpose=purpose,
        sent=sent,
        too_often=too_often,
        proof=purpose.forms.make("forgotten"),
    )
    set_browser(response, settings, purpose.browser)
    return response
