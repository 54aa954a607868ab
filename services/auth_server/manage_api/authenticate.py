"""Authenticate a person by their component token, and require what their account pages require."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from auth_server.admin_api.authenticate import require_text
from auth_server.administration.errors import Forbidden
from auth_server.administration.operator import ActingOperator
from auth_server.administration.tenancy.component_tokens import PREFIX, ComponentScope
from auth_server.db.engine import DbSession
from auth_server.errors import InvalidToken
from auth_server.flow.own_provider import acts_with
from auth_server.flow.signed_in import lacks_second_factor
from auth_server.rate_limits.wrong_guesses import WrongGuesses
from auth_server.records.admin_tokens.store import is_live
from auth_server.records.audit.store import acting_for, acting_through
from auth_server.records.component_tokens.store import find_component_token
from auth_server.records.people.store import find_person
from auth_server.records.tenants.store import TenantMembership, find_tenant_membership
from auth_server.secrets import hash_secret
from auth_server.web.address import address_of
from auth_server.web.dependencies import Clock, OpenDatabase, Settings, part

_bearer = HTTPBearer(
    scheme_name="component_token",
    description="A token from `POST /admin/v1/tenants/{tenant_id}/component-tokens`.",
    auto_error=False,
)


@dataclass(frozen=True, slots=True)
class ActingPerson:
    """A person whom a SaaS vouches for, in one tenant.

    Attributes:
        person_id: the person.
        membership: their membership in the tenant.
        scopes: what the token allows.
        level: the factors with which they signed in to the SaaS.
        second_factor_missing: whether they have a second factor here, and signed in without one.
        admin_token_id: the admin token of the SaaS that asked for the token.
    """

    person_id: str
    membership: TenantMembership
    scopes: frozenset[str]
    level: int
    second_factor_missing: bool
    admin_token_id: str

    @property
    def tenant_id(self) -> str:
        """The tenant that the token is for."""
        return self.membership.tenant_id

    @property
    def as_reader(self) -> ActingOperator:
        """Who reads about the whole tenant, after `require_admin`."""
        return ActingOperator(self.person_id, frozenset({"tenants:read", "usage:read"}))

    def require(self, scope: ComponentScope) -> None:
        """Refuse a token without a scope.

        Raises:
            Forbidden: the scope is missing.
        """
        if scope not in self.scopes:
            raise Forbidden(scope)

    def act(self, db: DbSession, scope: ComponentScope) -> None:
        """Require a scope, and name the SaaS in every audit entry of the transaction.

        Raises:
            Forbidden: the scope is missing.
        """
        self.require(scope)
        acting_through(db, f"component, token {self.admin_token_id}")

    def require_second_factor(self) -> None:
        """Refuse a sign-in without the second factor that the person has here.

        Raises:
            HTTPException: it is missing.
        """
        if self.second_factor_missing:
            raise _refuse("sign in with your second factor to see this")

    def require_may_act(self) -> None:
        """Refuse changes in a tenant whose members act only in sessions of its own provider.

        Raises:
            HTTPException: the tenant requires its own provider.
        """
        if not acts_with(None, self.membership):
            raise _refuse(
                "this organisation requires its own identity provider; use the account pages of the "
                "authorization server"
            )

    def require_member(self, scope: ComponentScope) -> None:
        """Require what the pages about a tenant require of its members.

        Raises:
            Forbidden: the scope is missing.
            HTTPException: the person signed in with less than the tenant requires.
        """
        self.require(scope)
        self.require_second_factor()
        self.require_may_act()
        if self.level < self.membership.policy.required_level:
            raise _refuse("this organisation requires a sign-in with two factors")

    def require_admin(self, scope: ComponentScope) -> None:
        """Require what a tenant's own pages require of its admins.

        Raises:
            Forbidden: the scope is missing.
            HTTPException: the person is not an admin any more, or signed in with less than the tenant requires.
        """
        self.require_member(scope)
        if not self.membership.is_admin:
            raise _refuse("only admins of the organisation can do this")

    def act_as_admin(self, db: DbSession, scope: ComponentScope) -> None:
        """Require what `require_admin` does, and name the admin and the SaaS in every audit entry.

        Raises:
            Forbidden: the scope is missing.
            HTTPException: as `require_admin`.
        """
        self.act(db, scope)
        self.require_admin(scope)
        acting_for(db, self.person_id)


def _refuse(detail: str) -> HTTPException:
    return HTTPException(403, detail)


async def _authenticate(
    request: Request,
    given: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    database: OpenDatabase,
    settings: Settings,
    wrong_guesses: Annotated[WrongGuesses, Depends(part(lambda runtime: runtime.wrong_guesses))],
    now: Clock,
) -> ActingPerson:
    """Find the caller; the token counts as long as the admin token, the person and the membership do.

    Raises:
        InvalidToken: the token is missing, unknown or expired.
        TooManyRequests: the address has sent too many wrong tokens.
        Refused: a value contains a control character.
    """
    if given is None:
        raise InvalidToken("send a component token as Authorization: Bearer …")
    address, at = address_of(request, settings), now()
    wrong_guesses.require_patience("manage_api", address, at)
    async with database.reading() as db:
        token = None
        if given.credentials.startswith(PREFIX):
            token = await find_component_token(db, hash_secret(given.credentials))
        if token is None:
            wrong_guesses.count("manage_api", address, at)
            raise InvalidToken("the component token is unknown")
        person = await find_person(db, token.person_id)
        membership = await find_tenant_membership(db, token.person_id, token.tenant_id)
        is_over = token.expires_at <= at or not await is_live(db, token.admin_token_id, now=at)
        if is_over or person is None or membership is None:
            # It was right once, so it is not a guess.
            raise InvalidToken("the component token has ended; ask your back end for another")
        caller = ActingPerson(
            person.person_id,
            membership,
            frozenset(token.scopes),
            token.level,
            await lacks_second_factor(db, person.person_id, level=token.level, settings=settings),
            token.admin_token_id,
        )
    await require_text(request)
    return caller


Caller = Annotated[ActingPerson, Depends(_authenticate)]
"""Who calls; each operation requires the scope that it needs."""
