"""The question on a page: tools, data and durations to choose from, with the earlier choice."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from auth_server.db.engine import DbSession
from auth_server.flow.next_step import AskConsent
from auth_server.flow.pending import PendingAuthorization
from auth_server.pages.picker.data_choice import DataOffer, choose_data, offer_data
from auth_server.pages.picker.duration import choose_duration, offer_durations
from auth_server.pages.picker.offer import Offer, offer_tools
from auth_server.records.catalogues.store import find_catalogue
from auth_server.records.grants.store import find_live_grant
from auth_server.records.grants.table import Grant
from auth_server.records.tenants.policy import TenantPolicy
from auth_server.settings import AuthServerSettings
from auth_server.web.forms import Parameters
from gatepost.catalogue import CatalogueDocument
from gatepost.data_scope import DataScope, parse_data_scope
from gatepost.scopes import parse_scope


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice: names of tools, data entries as in the form, and a duration."""

    tools: frozenset[str]
    data: frozenset[str]
    lasts: timedelta


@dataclass(frozen=True, slots=True)
class Question:
    """Everything to choose from on a page; `before` is the live grant that a choice would change."""

    catalogue: CatalogueDocument
    offer: Offer
    data: DataOffer
    durations: tuple[timedelta, ...]
    before: Grant | None
    suggested: Choice

    def read_choice(self, form: Parameters) -> Choice:
        """Read the selected tools or preset, ignoring tools that were not offered."""
        ticked = frozenset(form.all("tool")) & self.offer.names
        presets = {preset.key: preset.tools for preset in self.offer.presets}
        return Choice(
            tools=presets.get(form.get("preset") or "", ticked),
            data=frozenset(form.all("data")),
            lasts=choose_duration(self.durations, form.get("lasts")),
        )

    def read_data(self, choice: Choice) -> DataScope:
        """Return the data scope of a choice.

        Raises:
            NothingChosen: no value of a kind is selected.
        """
        return choose_data(self.data, choice.data)

    @property
    def data_is_new(self) -> bool:
        """Whether the page offers data that the person has not decided about yet."""
        offered = {f"{kind.name}:{value}" for kind in self.data.kinds for value in kind.values}
        return not offered <= self.data.suggested

    @property
    def kept(self) -> tuple[str, ...]:
        """The names of the tools that stay in the grant unchanged."""
        return tuple(sorted(tool.name for tool in self.offer.kept))

    @property
    def shown_data(self) -> str:
        """The offered data, as the form's proof covers it."""
        return " ".join(f"{kind.name}:{','.join(kind.values)}" for kind in self.data.kinds)

    def shown(self, step: AskConsent) -> tuple[str, ...]:
        """Return the values that the form's proof covers: person, tenant, data and catalogue.

        It also covers the kept tools, because the form does not contain them.
        """
        membership = step.membership
        policy = f"{membership.policy.read_only} {self.durations[-1]}"
        return (
            step.person.person_id,
            membership.tenant_id,
            self.shown_data,
            policy,
            self.catalogue.hash,
            " ".join(self.kept),
        )


def longest_grant(policy: TenantPolicy, settings: AuthServerSettings) -> timedelta:
    """Return how long a connection may last: the shorter limit of the server and the tenant."""
    longest = settings.refresh_absolute_lifetime
    return longest if policy.longest_grant is None else min(longest, policy.longest_grant)


async def ask(
    pending: PendingAuthorization,
    step: AskConsent,
    catalogue: CatalogueDocument,
    db: DbSession,
    settings: AuthServerSettings,
    now: datetime,
    *,
    lock: bool = False,
) -> Question:
    """Make the question of the consent page.

    Args:
        pending: the pending authorization.
        step: the person and the tenant.
        catalogue: the catalogue that the page shows.
        db: an open database session.
        settings: the server's settings, for its limit on durations.
        now: the time.
        lock: whether to lock the grant that a choice changes.
    """
    before = await find_live_grant(
        db,
        person_id=step.person.person_id,
        client_id=pending.client.client_id,
        tenant_id=step.membership.tenant_id,
        resource=pending.authorization_request.resource,
        lock=lock,
    )
    if before is not None and before.expires_at <= now:
        before = None
    shown_before = None
    if before is not None:
        version = before.catalogue_hash
        shown_before = await find_catalogue(db, before.resource, version=version)
    offer = await offer_tools(
        catalogue,
        parse_scope(pending.authorization_request.scope),
        step.membership.policy,
        before=before,
        shown_before=shown_before,
    )
    held_before = parse_data_scope(before.data_scope) if before is not None else None
    data = offer_data(step.membership.data_scope, held_before)
    durations = offer_durations(longest_grant(step.membership.policy, settings))
    lasts = before.expires_at - before.approved_at if before is not None else durations[-1]
    suggested = Choice(
        tools=offer.suggested,
        data=data.suggested,
        lasts=max((time for time in durations if time <= lasts), default=durations[0]),
    )
    return Question(catalogue, offer, data, durations, before, suggested)
