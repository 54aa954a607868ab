"""Sign in, and who am I."""

from fastapi import APIRouter

from demo_saas.access.caller import IdentifiedCaller
from demo_saas.accounts.models import Credentials, Me, Session
from demo_saas.accounts.store import describe_user, issue_session
from demo_saas.errors import Forbidden, Unauthenticated
from demo_saas.openapi import describes
from demo_saas.resources import Db, Opened

router = APIRouter(prefix="/v1", tags=["Account"])


@router.post("/sessions", status_code=201, responses=describes(401, 422))
def create_session(credentials: Credentials, opened: Opened, db: Db) -> Session:
    """Sign in with an email address and a password; the response contains a session token.

    This is for people and their own programs. Sessions end after twelve hours.
    """
    session = issue_session(db, credentials, now=opened.now())
    if session is None:
        raise Unauthenticated("The email address or the password is wrong.")
    return session


@router.get("/me", responses=describes(401, 403))
def get_me(caller: IdentifiedCaller, db: Db) -> Me:
    """Get the signed-in person: name, email address, and the organisations they may work in.

    Call this first to learn the `org_id` that every other operation needs.
    """
    me = describe_user(db, caller.user_id, tenant_id=caller.tenant_id, teams=caller.teams)
    if not me.organisations:
        raise Forbidden("You are not a member of this organisation.")
    return me
