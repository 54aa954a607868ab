"""Identify the caller by Orbit's own session token or the gateway's assertion, never by both."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from demo_saas.accounts.store import find_session_user, user_exists
from demo_saas.errors import ProblemError, Unauthenticated
from demo_saas.resources import Db, Opened
from gatepost_verify import HEADER
from gatepost_verify import Caller as AssertedCaller
from gatepost_verify.fastapi import current_caller

_session = HTTPBearer(
    scheme_name="session",
    description="The session token that `createSession` answers.",
    auto_error=False,
)


@dataclass(frozen=True, slots=True)
class Caller:
    """A person, and the limits of this request."""

    user_id: str
    tenant_id: str | None = None
    """The only organisation this request may touch; None: all of the person's organisations."""
    teams: frozenset[str] | None = None
    """The only teams this request may touch; None: all."""


def identify_caller(
    request: Request,
    opened: Opened,
    db: Db,
    session: Annotated[HTTPAuthorizationCredentials | None, Security(_session)],
    asserted: Annotated[AssertedCaller | None, Depends(current_caller)],
) -> Caller:
    """Accept one credential. `GatepostMiddleware` has verified the assertion.

    Raises:
        ProblemError: the request has two credentials (400).
        Unauthenticated: it has none, or the credential is not accepted.
    """
    if asserted is not None:
        if "Authorization" in request.headers:
            raise ProblemError(f"Send either Authorization or {HEADER}.")
        # A service client acts without a person, and Orbit's rows belong to people.
        if asserted.person is None or not user_exists(db, asserted.person):
            raise Unauthenticated(f"{HEADER} is not accepted: sub is unknown here.")
        # The verifier refuses restrictions by anything but the team.
        return Caller(asserted.person, asserted.tenant_id, asserted.data_scope.get("team"))
    if session is None:
        raise Unauthenticated("Send `Authorization: Bearer <token>`; createSession gives a token.")
    user_id = find_session_user(db, session.credentials, now=opened.now())
    if user_id is None:
        raise Unauthenticated("The session token is unknown or has expired; sign in again.")
    return Caller(user_id)


IdentifiedCaller = Annotated[Caller, Depends(identify_caller)]
