"""Why a person links an account: an app's request waits for it, or they asked for it in their account."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Request

from auth_server.db.engine import DbSession
from auth_server.errors import OwnProviderRequired, PageError
from auth_server.flow.next_step import LinkAccount
from auth_server.flow.own_provider import may_act
from auth_server.flow.pending import CONTINUE, PendingAuthorization, resolve_pending_authorization
from auth_server.keys import Keys
from auth_server.linking.provider import LinkProvider
from auth_server.pages.account.frame import AccountResolver, Accounts
from auth_server.pages.sign_in.own_provider import lead_to_own_provider
from auth_server.records.people.table import Person
from auth_server.records.tenants.store import TenantMembership, list_tenant_memberships
from auth_server.secrets import NewSecret
from auth_server.settings import AuthServerSettings
from auth_server.web.browser import read_browser
from auth_server.web.dependencies import Clock, KeysInUse, SecretMaker, Settings, part
from auth_server.web.form_proof import FormProof
from auth_server.web.forms import Parameters
from gatepost.clock import Now

PAGE, APPS = "/account/link", "/account/apps"


@dataclass(frozen=True, slots=True)
class LinkPurpose:
    """Whose account is linked, in which tenant, and where the browser goes afterwards.

    Attributes:
        provider: the provider.
        person: the person.
        membership: the tenant in which the account is linked.
        browser: the secret in the browser's cookie.
        fields: the form fields that name the purpose.
        forms: the proofs of forms.
        next_url: where the browser goes afterwards.
        pending: the app's request that waits, or None.
    """

    provider: LinkProvider
    person: Person
    membership: TenantMembership
    browser: str
    fields: Mapping[str, str]
    forms: FormProof
    next_url: str
    pending: PendingAuthorization | None

    @property
    def shown(self) -> tuple[str, str, str]:
        """What the page shows, for the proof of its form."""
        return self.provider.settings.name, self.person.person_id, self.membership.tenant_id


class NothingToLink(Exception):
    """The app's request does not wait for an account any more; `next_url` leads on."""

    def __init__(self, next_url: str) -> None:
        """Take where the browser goes."""
        super().__init__()
        self.next_url = next_url


@dataclass(frozen=True, slots=True)
class LinkPurposeResolver:
    """Reads the purpose from a request of a browser."""

    request: Request
    settings: AuthServerSettings
    keys: Keys
    now: Now
    new_secret: NewSecret
    accounts: AccountResolver
    providers: Mapping[str, LinkProvider]

    async def resolve(self, given: Parameters, db: DbSession) -> LinkPurpose:
        """Read `transaction`, or `provider` and `tenant`.

        Raises:
            NothingToLink: the app's request does not wait for an account any more.
            SignInRequired: the browser has no session.
            OwnProviderRequired: the tenant requires a sign-in with its own identity provider.
            PageError: the request is not pending in this browser, or the provider or the tenant is unknown.
        """
        if (transaction_id := given.get("transaction")) is not None:
            return await self._for_app(transaction_id, db)
        name, tenant_id = given.get("provider") or "", given.get("tenant") or ""
        page = f"{PAGE}?{urlencode({'provider': name, 'tenant': tenant_id})}"
        account = await self.accounts.require(db, page)
        provider = self.providers.get(name)
        memberships = await list_tenant_memberships(db, account.person_id)
        membership = next((one for one in memberships if one.tenant_id == tenant_id), None)
        if provider is None or membership is None:
            raise PageError(
                "There is nothing to link here",
                "The link is out of date, or you are not a member of the organisation.",
                status=404,
            )
        if not may_act(account.signed_in, membership):
            raise OwnProviderRequired(lead_to_own_provider(tenant_id, page))
        return LinkPurpose(
            provider,
            account.signed_in.person,
            membership,
            read_browser(self.request, self.settings) or self.new_secret(),
            {"provider": name, "tenant": tenant_id},
            account.forms,
            f"{self.settings.path}{APPS}",
            None,
        )

    async def _for_app(self, transaction_id: str, db: DbSession) -> LinkPurpose:
        pending = await resolve_pending_authorization(
            self.request, transaction_id, db, self.settings, self.keys, self.now()
        )
        next_url = f"{pending.base}{CONTINUE}?transaction={transaction_id}"
        step = pending.step
        if not isinstance(step, LinkAccount) or step.provider not in self.providers:
            raise NothingToLink(next_url)
        return LinkPurpose(
            self.providers[step.provider],
            step.person,
            step.membership,
            pending.browser,
            {"transaction": transaction_id},
            pending.forms,
            next_url,
            pending,
        )


async def _resolver(
    request: Request,
    settings: Settings,
    keys: KeysInUse,
    now: Clock,
    new_secret: SecretMaker,
    accounts: Accounts,
    providers: Annotated[
        Mapping[str, LinkProvider], Depends(part(lambda runtime: runtime.link_providers))
    ],
) -> LinkPurposeResolver:
    return LinkPurposeResolver(request, settings, keys, now, new_secret, accounts, providers)


LinkPurposes = Annotated[LinkPurposeResolver, Depends(_resolver)]
