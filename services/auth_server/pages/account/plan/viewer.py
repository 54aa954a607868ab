"""Require a member of the tenant whose plan is shown; only its admins change anything."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends

from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.flow.sign_in_purpose import requested_page
from auth_server.pages.account.admin import LIST, require_admin, require_level
from auth_server.pages.account.frame import Account, AccountResolver, Accounts
from auth_server.records.tenants.store import TenantMembership, find_tenant_membership
from auth_server.web.dependencies import OpenDatabase
from auth_server.web.posted_form import Form

PAGE = "/account/plan"


@dataclass(frozen=True, slots=True)
class Viewer:
    """The account pages of a member, with their membership in the tenant shown."""

    account: Account
    membership: TenantMembership

    @property
    def tenant_id(self) -> str:
        """The tenant's id."""
        return self.membership.tenant_id

    @property
    def person_id(self) -> str:
        """The member's id."""
        return self.account.person_id

    @property
    def page(self) -> str:
        """The page of this tenant's plan, as `lead_back` takes it."""
        return page_of(self.tenant_id)

    def proof(self) -> str:
        """Make the proof of the page's forms."""
        return self.account.forms.make("plan", self.tenant_id)


def page_of(tenant_id: str) -> str:
    """Write the path of a tenant's page."""
    return f"{PAGE}?{urlencode({'tenant': tenant_id})}"


async def require_viewer(accounts: AccountResolver, tenant_id: str | None, db: DbSession) -> Viewer:
    """Find the signed-in member, whose sign-in must be as strong as the tenant requires.

    Raises:
        SignInRequired: the browser has no session, or the person's second factor is missing.
        PageError: the person is not a member; the page is the same if the tenant does not exist.
    """
    account = await accounts.require_full_sign_in(db, requested_page(accounts.request, LIST))
    membership = await find_tenant_membership(db, account.person_id, tenant_id or "")
    if membership is None:
        raise PageError(
            "You are not a member of this organisation",
            "Only its members can see its plan. Check which account you are signed in with.",
            status=403,
            detail="not a member of this tenant",
        )
    require_level(account.signed_in, membership, page_of(membership.tenant_id))
    return Viewer(account, membership)


async def require_admin_viewer(
    accounts: AccountResolver, tenant_id: str | None, db: DbSession
) -> Viewer:
    """Find the signed-in admin, as `require_admin` does, who returns to the plan after a sign-in."""
    admin = await require_admin(accounts, tenant_id, db)
    return Viewer(admin.account, admin.membership)


def _posted(
    require: Callable[[AccountResolver, str | None, DbSession], Awaitable[Viewer]],
) -> Callable[..., Awaitable[Viewer]]:
    """Make the dependency of a form on the page.

    It keeps no database session open, because some forms wait for Stripe.
    """

    async def resolve(form: Form, database: OpenDatabase, accounts: Accounts) -> Viewer:
        async with database.reading() as db:
            viewer = await require(accounts, form.get("tenant"), db)
        viewer.account.forms.require(form.get("proof"), "plan", viewer.tenant_id)
        return viewer

    return resolve


PostedMember = Annotated[Viewer, Depends(_posted(require_viewer))]
PostedAdmin = Annotated[Viewer, Depends(_posted(require_admin_viewer))]
