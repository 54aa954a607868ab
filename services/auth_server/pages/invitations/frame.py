"""The pages of one invitation, in a browser that may be signed in."""

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.errors import PageError, SignInRequired
from auth_server.flow.flow_state import FlowState, FlowStates, Sealer, over
from auth_server.flow.sign_in_purpose import PurposeResolver, Purposes, SignInPurpose
from auth_server.pages.account.frame import Account, AccountResolver, Accounts
from auth_server.records.invitations.store import find_open_invitation
from auth_server.records.invitations.table import Invitation
from auth_server.records.people.store import find_person
from auth_server.records.tenants.store import find_tenant
from auth_server.records.tenants.table import Tenant
from auth_server.rendering.render import Pages
from auth_server.secrets import NewSecret
from auth_server.settings import AuthServerSettings
from auth_server.tenancy.invitations import page_of
from auth_server.web.browser import set_browser
from auth_server.web.dependencies import Clock, LocalizedPages, SecretMaker, Settings
from auth_server.web.forms import Parameters
from gatepost.clock import Now

WELCOME = "/account/welcome"


@dataclass(frozen=True, slots=True)
class Invited:
    """An open invitation, and the browser that shows it.

    Attributes:
        invitation: the invitation.
        tenant: the tenant that the person is invited to.
        admin: how the admin who invited them is known; empty for an operator.
        account: the account that is signed in, or None.
        purpose: leads back to the invitation after a sign-in; its proofs are bound to the browser.
        pages: the pages in the person's language.
        settings: the server's settings.
        sealer: seals what the steps of the proof of the address hand on.
        new_secret: makes secrets.
    """

    invitation: Invitation
    tenant: Tenant
    admin: str
    account: Account | None
    purpose: SignInPurpose
    pages: Pages
    settings: AuthServerSettings
    sealer: FlowStates
    new_secret: NewSecret

    @property
    def is_theirs(self) -> bool:
        """Whether the signed-in account has the invited address, verified or not."""
        return self.account is not None and (
            self.account.signed_in.person.email == self.invitation.email
        )

    @property
    def welcome(self) -> str:
        """The page that comes after joining."""
        return f"{WELCOME}?{urlencode({'tenant': self.tenant.tenant_id})}"

    def proof(self, form: str, *shown: str) -> str:
        """Make the proof of a form; all are about this invitation and browser."""
        return self.purpose.forms.make(form, *shown)

    def require_proof(self, form: Parameters, name: str, *shown: str) -> None:
        """Refuse a form that was not made for this invitation and browser."""
        self.purpose.forms.require(form.get("proof"), name, *shown)

    def seal(self, way: str, secret: str) -> str:
        """Seal a step of the proof of the address, for this browser and ten minutes."""
        made = FlowState(
            way=way,
            field="invitation",
            value=self.invitation.invitation_id,
            nonce=self.new_secret(),
            secret=secret,
            left_at=int(self.sealer.now().timestamp()),
        )
        return self.sealer.seal(made, self.purpose.browser)

    def unseal(self, text: str, way: str) -> FlowState:
        """Unseal a step.

        Raises:
            PageError: it is too old, or of another browser, step or invitation.
        """
        flow_state = self.sealer.unseal(text, self.purpose.browser)
        wanted = (way, self.invitation.invitation_id)
        if flow_state is None or (flow_state.way, flow_state.value) != wanted:
            raise over()
        return flow_state

    def answer(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """Render a page of the invitation."""
        response = self.pages.answer(
            template,
            status=status,
            invitation=self.invitation,
            address=_mask(self.invitation.email),
            tenant=self.tenant,
            admin=self.admin,
            person=self.account.signed_in.person if self.account else None,
            purpose=self.purpose,
            **values,
        )
        set_browser(response, self.settings, self.purpose.browser)
        return response


@dataclass(frozen=True, slots=True)
class InvitationResolver:
    """Finds the invitation that a request names."""

    settings: AuthServerSettings
    accounts: AccountResolver
    purposes: PurposeResolver
    pages: Pages
    sealer: FlowStates
    new_secret: NewSecret
    now: Now

    async def require(self, invitation_id: str | None, db: DbSession) -> Invited:
        """Find an open invitation.

        Raises:
            PageError: there is none with this id. The page is the same whether it never existed,
                expired, was withdrawn or accepted.
            SignInRequired: only the second factor of the signed-in person is missing.
        """
        invitation = await find_open_invitation(db, invitation_id or "", now=self.now())
        tenant = await find_tenant(db, invitation.tenant_id) if invitation else None
        if invitation is None or tenant is None:
            raise PageError(
                "This invitation no longer works",
                "It was accepted or withdrawn, or is older than a week. Ask an admin for a new one.",
                status=404,
            )
        admin = await find_person(db, invitation.invited_by or "")
        page = page_of(invitation.invitation_id)
        purpose = await self.purposes.resolve(Parameters({"return_to": (page,)}), db)
        account: Account | None = None
        try:
            account = await self.accounts.require_full_sign_in(db, page)
        except SignInRequired as required:
            if required.second_factor:
                raise
        return Invited(
            invitation,
            tenant,
            admin.known_as if admin else "",
            account,
            purpose,
            self.pages,
            self.settings,
            self.sealer,
            self.new_secret,
        )


def _mask(email: str) -> str:
    """Show whom the invitation is for without telling the address to anybody who has the link."""
    name, _, domain = email.rpartition("@")
    return f"{name[:1]}…@{domain}"


async def _invitations(
    settings: Settings,
    accounts: Accounts,
    purposes: Purposes,
    pages: LocalizedPages,
    sealer: Sealer,
    new_secret: SecretMaker,
    now: Clock,
) -> InvitationResolver:
    return InvitationResolver(settings, accounts, purposes, pages, sealer, new_secret, now)


Invitations = Annotated[InvitationResolver, Depends(_invitations)]
