"""GET /account/sessions, POST /account/sessions/end: where a person is signed in."""

from collections.abc import Sequence

from fastapi import Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.flow.signed_in import SignedIn
from auth_server.pages.account.frame import (
    account_proof,
    answer_account,
    lead_back,
    require_account_proof,
    require_signed_in,
)
from auth_server.pages.account.user_agent import describe_user_agent
from auth_server.records.audit.store import Audit, record
from auth_server.records.sessions.store import end_session_of, list_sessions
from auth_server.records.sessions.table import Session
from auth_server.runtime import Runtime
from auth_server.web.dependencies import Db, Opened, ReadingDb
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
PAGE = "/account/sessions"
OTHERS = "others"
"""What the form names to end every session but this one."""


@router.get(PAGE)
async def show_sessions(request: Request, db: ReadingDb, opened: Opened) -> Response:
    """List the browsers that a person is signed in with, this one marked."""
    signed_in = await require_signed_in(request, db, opened, page=PAGE)
    sessions = [
        {
            "name": describe_user_agent(session.user_agent),
            "session": session,
            "is_this": session.session_hash == signed_in.session.session_hash,
            "handle": _handle(session),
        }
        for session in await _list(signed_in, db, opened)
    ]
    return answer_account(
        signed_in,
        opened,
        "account/sessions.html",
        section="sessions",
        sessions=sessions,
        others=OTHERS,
        proof=account_proof(signed_in, opened, "sessions"),
    )


@router.post(f"{PAGE}/end")
async def end(request: Request, db: Db, opened: Opened, form: Form) -> Response:
    """Sign one other browser out, or all others."""
    signed_in = await require_signed_in(request, db, opened, page=PAGE)
    require_account_proof(form.get("proof"), signed_in, opened, "sessions")
    named = form.get("session")
    ended = 0
    for session in await _list(signed_in, db, opened):
        is_this = session.session_hash == signed_in.session.session_hash
        if not is_this and named in (_handle(session), OTHERS):
            ended += await end_session_of(
                db, signed_in.person.person_id, session.session_hash, now=opened.now()
            )
    if ended:
        entry = Audit(
            "session.ended", person_id=signed_in.person.person_id, detail={"sessions": ended}
        )
        await record(db, entry, now=opened.now())
    return lead_back(opened, PAGE)


async def _list(signed_in: SignedIn, db: DbSession, opened: Runtime) -> Sequence[Session]:
    return await list_sessions(
        db,
        signed_in.person.person_id,
        now=opened.now(),
        idle=opened.settings.session_idle_lifetime,
    )


def _handle(session: Session) -> str:
    # Names a session among a person's own; of no use as a cookie, which is what is hashed.
    return session.session_hash[:16]
