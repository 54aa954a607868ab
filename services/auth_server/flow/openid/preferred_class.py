"""Find whether a person could sign in as strongly as an app prefers."""

from auth_server.db.engine import DbSession
from auth_server.flow.signed_in import SignedIn
from auth_server.records.authorization_requests.table import AuthorizationRequest
from auth_server.records.second_factors.store import has_second_factor, list_passkeys
from auth_server.tokens.authentication_context import PHISHING_RESISTANT_CLASS, reaches


async def can_step_up(
    db: DbSession, authorization_request: AuthorizationRequest, signed_in: SignedIn | None
) -> bool:
    """Return whether the person has what the sign-in that the app prefers takes, and did not use it.

    A person without a second factor is not asked to add one: the app only prefers it (OpenID Connect
    Core §5.5.1.1). What another provider could ask for is not known here.
    """
    wanted = authorization_request.wanted_class
    if wanted is None or signed_in is None or authorization_request.silent:
        return False
    session, person_id = signed_in.session, signed_in.person.person_id
    if reaches(session.level, session.method, wanted) or signed_in.own_provider is not None:
        return False
    if wanted == PHISHING_RESISTANT_CLASS:
        return bool(await list_passkeys(db, person_id))
    return await has_second_factor(db, person_id)
