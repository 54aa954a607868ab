"""GET /account/sessions, POST /account/sessions/end: list and end a person's sessions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.flow.user_agent import describe_user_agent
from auth_server.pages.account.frame import Account, posted_account, shown_account
from auth_server.records.audit.store import Audit, record
from auth_server.records.sessions.store import end_session_of, list_sessions
from auth_server.records.sessions.table import Session
from auth_server.settings import AuthServerSettings
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
PAGE = "/account/sessions"
Page = Annotated[Account, Depends(shown_account(PAGE))]
Posted = Annotated[Account, Depends(posted_account(PAGE, "sessions"))]
OTHERS = "others"
"""The form's value to end every session except this one."""


@router.get(PAGE)
async def show_sessions(account: Page, db: ReadingDb, settings: Settings, now: Clock) -> Response:
    """List a person's sessions, with this browser's marked."""
    sessions = [
        {
            "name": describe_user_agent(session.user_agent),
            "session": session,
            "is_this": session.session_hash == account.signed_in.session.session_hash,
            "handle": _handle(session),
        }
        for session in await _list(account, db, settings, now())
    ]
    return account.answer(
        "account/sessions.html",
        section="sessions",
        sessions=sessions,
        others=OTHERS,
        proof=account.forms.make("sessions"),
    )


@router.post(f"{PAGE}/end")
async def end(form: Form, account: Posted, db: Db, settings: Settings, now: Clock) -> Response:
    """End one of the person's other sessions, or all of them."""
    named = form.get("session")
    ended = 0
    for session in await _list(account, db, settings, now()):
        is_this = session.session_hash == account.signed_in.session.session_hash
        if not is_this and named in (_handle(session), OTHERS):
            ended += await end_session_of(db, account.person_id, session.session_hash, now=now())
    if ended:
        entry = Audit("session.ended", person_id=account.person_id, detail={"sessions": ended})
        await record(db, entry, now=now())
    return account.lead_back(PAGE)


async def _list(
    account: Account, db: DbSession, settings: AuthServerSettings, now: datetime
) -> Sequence[Session]:
    return await list_sessions(
        db,
        account.person_id,
        now=now,
        idle=settings.session_idle_lifetime,
    )


def _handle(session: Session) -> str:
    # Identifies a session among a person's own. The cookie can't be derived from this hash.
    return session.session_hash[:16]
