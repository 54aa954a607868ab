"""An admin of a tenant at its pages: everything there is refused to everybody else (A151)."""

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request

from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.flow.signed_in import SignedIn
from auth_server.pages.account.frame import require_signed_in
from auth_server.records.tenants.store import TenantMembership, find_tenant_membership
from auth_server.runtime import Runtime

LIST = "/account/organisations"
PAGE = "/account/organisation"


@dataclass(frozen=True, slots=True)
class Admin:
    """A visit of a person who is an admin of the tenant that they look at."""

    signed_in: SignedIn
    membership: TenantMembership

    @property
    def person_id(self) -> str:
        """Who decides."""
        return self.signed_in.person.person_id

    @property
    def page(self) -> str:
        """The tenant's page, as `lead_back` takes it."""
        return f"{PAGE}?{urlencode({'tenant': self.membership.tenant_id})}"


async def require_admin(
    request: Request, tenant_id: str | None, db: DbSession, opened: Runtime
) -> Admin:
    """Find the admin who is signed in, as surely as their tenant asks of everybody.

    Raises:
        SignInFirst: nobody is signed in.
        PageError: in the same words whether or not there is such a tenant.
    """
    signed_in = await require_signed_in(request, db, opened, page=LIST)
    membership = await find_tenant_membership(db, signed_in.person.person_id, tenant_id or "")
    if membership is None or not membership.is_admin:
        raise PageError(
            "You can't manage this organisation",
            "Only its admins can. Ask one of them.",
            status=403,
            detail="no admin of this tenant",
        )
    require_level(signed_in, membership)
    return Admin(signed_in, membership)


def require_level(signed_in: SignedIn, membership: TenantMembership) -> None:
    """Refuse what a tenant allows only to those who signed in more surely.

    Raises:
        PageError: the session's level is below the tenant's.
    """
    if signed_in.session.level < membership.policy.required_level:
        raise PageError(
            "Two-step verification required",
            "This organisation requires it. Set it up under Sign-in methods, then sign out and "
            "sign in again.",
            status=403,
            detail="session level below the tenant's",
        )
