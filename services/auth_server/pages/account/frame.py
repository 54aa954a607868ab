"""The account pages: who is signed in, the proofs of forms, and the frame of each page."""

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from auth_server.db.engine import DbSession
from auth_server.errors import SignInRequired
from auth_server.flow.signed_in import SignedIn, resolve_signed_in
from auth_server.records.sessions.store import touch_session
from auth_server.runtime import Runtime
from auth_server.web.form_proof import FormProof

USE_IS_NOTED_EVERY = timedelta(minutes=5)


async def require_signed_in(
    request: Request, db: DbSession, opened: Runtime, *, page: str
) -> SignedIn:
    """Find who is signed in.

    Args:
        request: its cookie names the session.
        db: an open session, reading or writing.
        opened: the service's parts.
        page: the path to come back to after a sign-in, as `/account/apps`.

    Raises:
        SignInRequired: nobody is.
    """
    signed_in = await resolve_signed_in(request, db, opened)
    if signed_in is None:
        raise SignInRequired(page)
    now = opened.now()
    if request.method == "GET" and now - signed_in.session.last_seen_at >= USE_IS_NOTED_EVERY:
        async with opened.transaction() as writing:
            await touch_session(writing, signed_in.session.session_hash, now=now)
    return signed_in


def account_proof(signed_in: SignedIn, opened: Runtime, form: str, *shown: str) -> str:
    """Make the proof that a form of an account page carries; see `FormProof.make`."""
    return _forms(signed_in, opened).make(form, *shown)


def require_account_proof(
    given: str | None, signed_in: SignedIn, opened: Runtime, form: str, *shown: str
) -> None:
    """Refuse a form that was not made for this session; see `FormProof.require`."""
    _forms(signed_in, opened).require(given, form, *shown)


def _forms(signed_in: SignedIn, opened: Runtime) -> FormProof:
    return FormProof(
        opened.keys,
        ("account",),
        (signed_in.session.session_hash,),
        "Nothing was changed. Go back, reload the page and try again.",
    )


def lead_back(opened: Runtime, page: str) -> Response:
    """Answer a form: send the browser to a page, as `/account/apps`, with GET."""
    response = RedirectResponse(f"{opened.settings.path}{page}", status_code=303)
    response.headers["Cache-Control"] = "no-store"
    return response


def answer_account(
    signed_in: SignedIn,
    opened: Runtime,
    template: str,
    *,
    section: str,
    status: int = 200,
    **values: Any,
) -> Response:
    """Render a page that extends `account.html`.

    Args:
        visit: who is looking.
        opened: the service's parts.
        template: the page.
        section: its place in the navigation: `apps`, `api-keys`, `sessions`, `security` or
            `organisations`.
        status: of the answer.
        values: of the template.
    """
    return opened.pages.answer(
        template,
        status=status,
        section=section,
        person=signed_in.person,
        leave_proof=account_proof(signed_in, opened, "sign-out"),
        **values,
    )
