"""The beginning of every session: under a new id, whatever the browser held before."""

from starlette.requests import Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.flow.sign_in_purpose import SignInPurpose
from auth_server.records.audit.store import Audit, record
from auth_server.records.people.table import Person
from auth_server.records.sessions.store import add_session, end_session
from auth_server.records.sessions.table import Level, Session
from auth_server.runtime import Runtime
from auth_server.secrets import hash_secret
from auth_server.web.address import address_of
from auth_server.web.browser import read_session, set_browser, set_session


async def begin_session(
    request: Request,
    person: Person,
    db: DbSession,
    opened: Runtime,
    *,
    level: Level,
    method: str,
    client_id: str = "",
) -> tuple[str, Session]:
    """End the browser's session and begin one for a person who has proved who they are.

    Args:
        request: names the browser.
        person: who signed in.
        db: the open transaction.
        opened: the service's parts.
        level: how surely.
        method: how.
        client_id: the app they do it for, where there is one.

    Returns:
        The secret for the browser's cookie, and the session.
    """
    if old := read_session(request, opened.settings):
        await end_session(db, hash_secret(old), now=opened.now())
    secret, now = opened.new_secret(), opened.now()
    session = Session(
        session_hash=hash_secret(secret),
        person_id=person.person_id,
        level=level,
        method=method,
        user_agent=request.headers.get("user-agent", "")[:200],
        address=address_of(request, opened.settings),
        signed_in_at=now,
        last_seen_at=now,
        expires_at=now + opened.settings.session_absolute_lifetime,
    )
    await add_session(db, session)
    signed_in = Audit(
        "signed_in",
        person_id=person.person_id,
        client_id=client_id,
        detail={"level": level, "method": method},
    )
    await record(db, signed_in, now=now)
    return secret, session


async def start_session(
    request: Request,
    purpose: SignInPurpose,
    person: Person,
    db: DbSession,
    opened: Runtime,
    *,
    level: Level,
    method: str,
) -> Response:
    """Begin a session; answers what signs the browser in and leads it on."""
    secret, _ = await begin_session(
        request, person, db, opened, level=level, method=method, client_id=purpose.client_id
    )
    response = purpose.answers()
    set_browser(response, opened.settings, purpose.browser)
    set_session(response, opened.settings, secret, opened.settings.session_absolute_lifetime)
    return response
