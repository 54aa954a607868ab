"""Require an admin for the pages of a tenant, which refuse everybody else (A151)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends

from auth_server.db.engine import DbSession
from auth_server.errors import EnrolmentRequired, OwnProviderRequired, PageError
from auth_server.flow.own_provider import may_act, may_manage
from auth_server.flow.sign_in_purpose import is_account_page, requested_page
from auth_server.flow.signed_in import SignedIn
from auth_server.pages.account.frame import Account, AccountResolver, Accounts
from auth_server.pages.account.onward import ENROL, Onward
from auth_server.pages.sign_in.own_provider import lead_to_own_provider
from auth_server.records.tenants.store import TenantMembership, find_tenant_membership
from auth_server.web.dependencies import Db
from auth_server.web.forms import Parameters
from auth_server.web.posted_form import PostedForm

LIST = "/account/organisations"
PAGE = "/account/organisation"


@dataclass(frozen=True, slots=True)
class Admin:
    """The account pages of an admin, with their membership in the tenant shown."""

    account: Account
    membership: TenantMembership

    @property
    def person_id(self) -> str:
        """The admin's id."""
        return self.account.person_id

    def proof(self, *shown: str) -> str:
        """Make the proof of a tenant's forms; `shown` contains what else they are about."""
        return self.account.forms.make("organisation", self.membership.tenant_id, *shown)

    @property
    def page(self) -> str:
        """The tenant's page, as `lead_back` takes it."""
        return f"{PAGE}?{urlencode({'tenant': self.membership.tenant_id})}"


async def require_admin(accounts: AccountResolver, tenant_id: str | None, db: DbSession) -> Admin:
    """Find the signed-in admin, whose sign-in must be as strong as the tenant requires.

    Args:
        accounts: finds the browser's account.
        tenant_id: the tenant that the request names.
        db: an open database session.

    Raises:
        SignInRequired: the browser has no session, or the admin's second factor is missing.
        EnrolmentRequired: the tenant requires a second factor, and the admin has none yet.
        OwnProviderRequired: the tenant requires its own provider, and the session is not from there.
        PageError: the person is not an admin; the page is the same if the tenant does not exist.
    """
    account = await accounts.require_full_sign_in(db, requested_page(accounts.request, LIST))
    membership = await find_tenant_membership(db, account.person_id, tenant_id or "")
    if membership is None or not membership.is_admin:
        raise PageError(
            "You can't manage this organisation",
            "Only its admins can. Ask one of them.",
            status=403,
            detail="not an admin of this tenant",
        )
    admin = Admin(account, membership)
    require_level(account.signed_in, membership, admin.page)
    return admin


def posted_admin(posted: PostedForm) -> Callable[..., Awaitable[Admin]]:
    """Make the dependency of a form that an admin posts about their tenant."""

    async def resolve(
        form: Annotated[Parameters, Depends(posted)], db: Db, accounts: Accounts
    ) -> Admin:
        admin = await require_admin(accounts, form.get("tenant"), db)
        admin.account.forms.require(form.get("proof"), "organisation", admin.membership.tenant_id)
        return admin

    return resolve


def require_level(
    signed_in: SignedIn, membership: TenantMembership, page: str, *, acts: bool = False
) -> None:
    """Refuse a session whose sign-in is weaker than the tenant requires, or not from its provider.

    Args:
        signed_in: the person and their session.
        membership: their membership.
        page: the page to return to after setting up a second factor.
        acts: whether the page lets agents and programs act for the tenant, so that sessions of its
            break-glass admins don't open it.

    Raises:
        OwnProviderRequired: the session is not from the provider that the tenant requires.
        EnrolmentRequired: the person can set up a second factor here.
        PageError: the person signs in with a provider, which has to ask for the second factor.
    """
    if not (may_act if acts else may_manage)(signed_in, membership):
        back = page if is_account_page(page) else LIST
        raise OwnProviderRequired(lead_to_own_provider(membership.tenant_id, back))
    if signed_in.session.level >= membership.policy.required_level:
        return
    if signed_in.person.password_hash is not None:
        waiting = Onward("return_to", page, page) if is_account_page(page) else Onward()
        raise EnrolmentRequired(waiting.on(ENROL))
    raise PageError(
        "Two-step verification required",
        "Set it up at the service that you sign in with, then sign out and sign in again.",
        status=403,
        detail="session level below the tenant's",
    )
