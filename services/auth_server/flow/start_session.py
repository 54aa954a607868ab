"""Start a session, always with a new id."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.flow.known_browser import is_known
from auth_server.flow.own_provider import is_strong_local, may_act, may_manage
from auth_server.flow.sign_in_purpose import SignInPurpose
from auth_server.flow.signed_in import SignedIn
from auth_server.flow.user_agent import describe_user_agent
from auth_server.keys import Keys
from auth_server.records.audit.store import Audit, record
from auth_server.records.factor_recoveries.store import was_completed
from auth_server.records.people.store import note_language, trust_password
from auth_server.records.people.table import Person
from auth_server.records.sessions.store import add_session, end_session
from auth_server.records.sessions.table import (
    MUST_ENROL,
    ONE_FACTOR,
    TWO_FACTORS,
    Session,
    SessionLevel,
)
from auth_server.records.tenants.store import list_tenant_memberships
from auth_server.secrets import NewSecret, hash_secret
from auth_server.settings import AuthServerSettings
from auth_server.web.address import address_of
from auth_server.web.browser import read_known, read_session, set_browser, set_session
from auth_server.web.dependencies import Clock, KeysInUse, LocalizedPages, SecretMaker, Settings
from gatepost.clock import Now


@dataclass(frozen=True, slots=True)
class SessionStarter:
    """Signs people in with the browser that sends a request."""

    request: Request
    settings: AuthServerSettings
    keys: Keys
    now: Now
    new_secret: NewSecret
    language: str
    """The language of the page, which becomes that of mails to the person."""

    async def begin(
        self,
        db: DbSession,
        person: Person,
        *,
        level: SessionLevel,
        method: str,
        client_id: str = "",
        factor_added_at: datetime | None = None,
    ) -> tuple[str, Session]:
        """End the browser's session, and begin one for a person who has authenticated.

        Args:
            db: the open transaction.
            person: the person who signed in.
            level: the strength of the sign-in; one factor becomes 0 for a person whose lost second
                factors were removed, until they have added one.
            method: the `method` of the session.
            client_id: the id of the app whose request is pending, if any.
            factor_added_at: when the second factor that was used here was added.

        Returns:
            The secret for the browser's cookie, and the session.
        """
        settings, now = self.settings, self.now()
        if old := read_session(self.request, settings):
            await end_session(db, hash_secret(old), now=now)
        if (
            level == ONE_FACTOR
            and method == "password"
            and await was_completed(db, person.person_id)
        ):
            level = MUST_ENROL
        if level == TWO_FACTORS and method.startswith("password and"):
            await trust_password(db, person.person_id)
        secret = self.new_secret()
        session = Session(
            session_hash=hash_secret(secret),
            person_id=person.person_id,
            level=level,
            method=method,
            factor_added_at=factor_added_at,
            user_agent=self.request.headers.get("user-agent", "")[:200],
            address=address_of(self.request, settings),
            signed_in_at=now,
            last_seen_at=now,
            expires_at=now + settings.session_absolute_lifetime,
        )
        await add_session(db, session)
        if person.language != self.language:
            await note_language(db, person.person_id, self.language)
        signed_in = Audit(
            "signed_in",
            person_id=person.person_id,
            client_id=client_id,
            detail={"level": level, "method": method, **self._describe_browser(person)},
        )
        await record(db, signed_in, now=now)
        await self._note_break_glass(db, person, session)
        return secret, session

    async def _note_break_glass(self, db: DbSession, person: Person, session: Session) -> None:
        """Record, for each tenant that this session opens without the tenant's provider, that it does.

        The notices of the audit log tell the admins.
        """
        if not is_strong_local(session):
            return  # without a look-up, since most sessions are not
        signed_in = SignedIn(session, person)
        for membership in await list_tenant_memberships(db, person.person_id):
            if not may_act(signed_in, membership) and may_manage(signed_in, membership):
                used = Audit(
                    "break_glass.used",
                    person_id=person.person_id,
                    tenant_id=membership.tenant_id,
                    detail={"method": session.method},
                )
                await record(db, used, now=session.signed_in_at)

    def _describe_browser(self, person: Person) -> dict[str, str | bool]:
        known = read_known(self.request, self.settings)
        seen = describe_user_agent(self.request.headers.get("user-agent", ""))
        return {
            "known_browser": known is not None and is_known(known, person.person_id, self.keys),
            "browser": ", ".join(part for part in (seen.browser, seen.system) if part),
        }

    async def start(
        self,
        db: DbSession,
        person: Person,
        purpose: SignInPurpose,
        *,
        level: SessionLevel,
        method: str,
        factor_added_at: datetime | None = None,
    ) -> Response:
        """Begin a session; return the response that sets its cookie and redirects the browser."""
        secret, _ = await self.begin(
            db,
            person,
            level=level,
            method=method,
            client_id=purpose.client_id,
            factor_added_at=factor_added_at,
        )
        response = purpose.answers()
        set_browser(response, self.settings, purpose.browser)
        self.set_cookie(response, secret)
        return response

    def set_cookie(self, response: Response, secret: str) -> None:
        """Set the cookie of a session."""
        set_session(response, self.settings, secret, self.settings.session_absolute_lifetime)


async def _starter(
    request: Request,
    settings: Settings,
    keys: KeysInUse,
    now: Clock,
    new_secret: SecretMaker,
    pages: LocalizedPages,
) -> SessionStarter:
    return SessionStarter(request, settings, keys, now, new_secret, pages.language)


NewSession = Annotated[SessionStarter, Depends(_starter)]
