"""What a person is asked, all of it worked out: tools, data, time, and what they said before."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from auth_server.db.engine import DbSession
from auth_server.flow.next_step import AskConsent
from auth_server.flow.pending import PendingAuthorization
from auth_server.pages.picker.data_choice import DataOffer, choose_data, offer_data
from auth_server.pages.picker.duration import choose_duration, offer_durations
from auth_server.pages.picker.offer import Offer, make_offer
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
    """What is ticked: names of tools, entries of data as they stand in the form, and a time."""

    tools: frozenset[str]
    data: frozenset[str]
    lasts: timedelta


@dataclass(frozen=True, slots=True)
class Question:
    """Everything that one page offers; `before` is the live grant that its answer would change."""

    catalogue: CatalogueDocument
    offer: Offer
    data: DataOffer
    durations: tuple[timedelta, ...]
    before: Grant | None
    suggested: Choice

    def read_choice(self, form: Parameters) -> Choice:
        """Read what is ticked, or the preset that was pressed; what is not on offer is left out."""
        ticked = frozenset(form.all("tool")) & self.offer.names
        presets = {preset.key: preset.tools for preset in self.offer.presets}
        return Choice(
            tools=presets.get(form.get("preset") or "", ticked),
            data=frozenset(form.all("data")),
            lasts=choose_duration(self.durations, form.get("lasts")),
        )

    def read_data(self, choice: Choice) -> DataScope:
        """Answer the data scope that a choice means.

        Raises:
            NothingChosen: of one kind.
        """
        return choose_data(self.data, choice.data)

    @property
    def data_is_new(self) -> bool:
        """Whether there is data on offer that the person has not decided about before."""
        offered = {f"{kind.name}:{value}" for kind in self.data.kinds for value in kind.values}
        return not offered <= self.data.suggested

    @property
    def kept(self) -> tuple[str, ...]:
        """The tools that the answer leaves as they are."""
        return tuple(sorted(tool.name for tool in self.offer.kept))

    @property
    def shown_data(self) -> str:
        """The data on offer, as the form's proof covers it."""
        return " ".join(f"{kind.name}:{','.join(kind.values)}" for kind in self.data.kinds)

    def shown(self, step: AskConsent) -> tuple[str, ...]:
        """Tell what the form's proof covers: an answer is about this person, tenant, data and list.

        And about what is kept, since nothing of that is ticked in the form.
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
    """Tell how long a connection may last: the server's limit, or the tenant's where shorter."""
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
    """Work out what the page asks.

    Args:
        pending: the app's request.
        step: who answers, in which tenant.
        catalogue: the tool list that is shown.
        db: an open session.
        settings: the limit of a connection's life.
        now: the time.
        lock: hold on to the grant that the answer changes.
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
    offer = make_offer(
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
