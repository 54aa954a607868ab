"""Identify the caller by Orbit's own session token or the gateway's assertion, never by both."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request

from demo_saas.access.assertion import AssertionRefused
from demo_saas.accounts.store import find_session_user, user_exists
from demo_saas.errors import Forbidden, ProblemError, Unauthenticated
from demo_saas.resources import Db, Opened

ASSERTION_HEADER = "Gatepost-Assertion"

_session = HTTPBearer(
    scheme_name="session",
    description="The session token that `createSession` answers.",
    auto_error=False,
)
_assertion = APIKeyHeader(
    name=ASSERTION_HEADER,
    scheme_name="gatepostAssertion",
    description="The Gatepost gateway's signed assertion of the caller, the organisation and the "
    "teams. The gateway signs one for each request.",
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
    _: Annotated[str | None, Security(_assertion)],
) -> Caller:
    """Accept one credential.

    Raises:
        ProblemError: the request has two credentials (400).
        Unauthenticated: it has none, or the credential is not accepted.
        Forbidden: the data scope asks for a restriction that Orbit does not support.
    """
    assertions = request.headers.getlist(ASSERTION_HEADER)
    authorizations = request.headers.getlist("Authorization")
    if len(assertions) + len(authorizations) > 1:
        raise ProblemError(f"Send either Authorization or {ASSERTION_HEADER}, once.")
    if assertions:
        return _accept_assertion(request, opened, db, assertions[0])
    if session is None:
        raise Unauthenticated("Send `Authorization: Bearer <token>`; createSession gives a token.")
    user_id = find_session_user(db, session.credentials, now=opened.now())
    if user_id is None:
        raise Unauthenticated("The session token is unknown or has expired; sign in again.")
    return Caller(user_id)


def _accept_assertion(request: Request, opened: Opened, db: Db, compact: str) -> Caller:
    url = opened.settings.public_url + request.scope["raw_path"].decode("latin-1")
    if request.scope["query_string"]:
        url += "?" + request.scope["query_string"].decode("latin-1")
    try:
        assertion = opened.assertions.verify(
            compact, method=request.method, url=url, body=request.state.body
        )
    except AssertionRefused as refused:
        raise Unauthenticated(f"{ASSERTION_HEADER} is not accepted: {refused}.") from None
    if not user_exists(db, assertion.sub):
        raise Unauthenticated(f"{ASSERTION_HEADER} is not accepted: sub is unknown here.")
    return Caller(assertion.sub, assertion.tenant_id, _read_teams(assertion.data_scope))


def _read_teams(data_scope: str) -> frozenset[str] | None:
    """Read the teams of a data scope such as `team:design team:engineering`.

    Raises:
        Forbidden: it contains another kind of restriction, which Orbit can't enforce.
    """
    entries = [entry.partition(":") for entry in data_scope.split()]
    if any(kind != "team" or not value for kind, _, value in entries):
        raise Forbidden("The data scope contains a restriction that this API does not support.")
    return frozenset(value for _, _, value in entries) if entries else None


IdentifiedCaller = Annotated[Caller, Depends(identify_caller)]
