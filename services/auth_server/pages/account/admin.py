"""An admin of a tenant at its pages: everything there is refused to everybody else (A151)."""

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request

from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.pages.account.frame import Visit, require_visit
from auth_server.records.tenants.store import Seat, find_seat
from auth_server.runtime import Resources

LIST = "/account/organisations"
PAGE = "/account/organisation"


@dataclass(frozen=True, slots=True)
class Admin:
    """A visit of a person who is an admin of the tenant that they look at."""

    visit: Visit
    seat: Seat

    @property
    def person_id(self) -> str:
        """Who decides."""
        return self.visit.person.person_id

    @property
    def page(self) -> str:
        """The tenant's page, as `lead_back` takes it."""
        return f"{PAGE}?{urlencode({'tenant': self.seat.tenant_id})}"


async def require_admin_visit(
    request: Request, tenant_id: str | None, db: DbSession, opened: Resources
) -> Admin:
    """Find the admin who is signed in, as surely as their tenant asks of everybody.

    Raises:
        SignInFirst: nobody is signed in.
        PageError: in the same words whether or not there is such a tenant.
    """
    visit = await require_visit(request, db, opened, page=LIST)
    seat = await find_seat(db, visit.person.person_id, tenant_id or "")
    if seat is None or not seat.is_admin:
        raise PageError(
            "This is not yours to manage",
            "Only an administrator of the organisation can. Ask one of yours.",
            status=403,
            detail="no admin of this tenant",
        )
    require_level(visit, seat)
    return Admin(visit, seat)


def require_level(visit: Visit, seat: Seat) -> None:
    """Refuse what a tenant allows only to those who signed in more surely.

    Raises:
        PageError: the session's level is below the tenant's.
    """
    if visit.session.level < seat.policy.required_level:
        raise PageError(
            "Sign in with a second factor first",
            "The organisation asks for one. Set one up under Sign-in methods, sign out, and sign "
            "in with it.",
            status=403,
            detail="session level below the tenant's",
        )
