"""Any sequence of codes, refreshes, revocations, pauses and changes of policy, against a model."""

import shutil
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlmodel import SQLModel

from auth_server.records.clients.table import Client
from auth_server.records.people.table import Person as PersonRow
from auth_server.records.tenants.table import Membership, Tenant
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.oauth_client import OAuthClient, answer_of

pytestmark = pytest.mark.whole_machine

CODE, GRACE, IDLE, ABSOLUTE = 60, 120, 30 * 86400, 180 * 86400
INVALID_GRANT, INVALID_CLIENT = (400, "invalid_grant"), (401, "invalid_client")
READ, WRITE = frozenset({"list_projects", "list_tasks"}), frozenset({"create_task", "delete_task"})
# All visible records, with a team that some data scope names or another, and likewise a region.
RECORDS = tuple(
    frozenset(record)
    for record in product(
        ("team:design", "team:engineering", "team:sales", "team:other"),
        ("region:eu", "region:other"),
    )
)

Refusal = tuple[int, str]


def visible(data_scope: str) -> frozenset[frozenset[str]]:
    """List the records that a data scope allows: they match an entry of each kind it names."""
    entries = set(data_scope.split())
    kinds = [
        {other for other in entries if other.startswith(entry.partition(":")[0] + ":")}
        for entry in entries
    ]
    return frozenset(record for record in RECORDS if all(record & kind for kind in kinds))


class Seat(NamedTuple):
    """A person's membership in a tenant."""

    person: str
    email: str
    tenant: str
    tenant_name: str


ADA_ACME = Seat("usr_ada", "ada@acme.example", "org_acme", "Acme")
ADA_GLOBEX = Seat("usr_ada", "ada@acme.example", "org_globex", "Globex")
BO_GLOBEX = Seat("usr_bo", "bo@globex.example", "org_globex", "Globex")
SEATS = (ADA_ACME, ADA_GLOBEX, BO_GLOBEX)


@dataclass(frozen=True)
class Consent:
    """The tools that a person last allowed a client."""

    version: int
    tools: frozenset[str]
    data: frozenset[frozenset[str]]

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes of the tools."""
        kinds = {"mcp:read": READ, "mcp:write": WRITE}
        return frozenset(scope for scope, tools in kinds.items() if tools & self.tools)


@dataclass
class Family:
    """A code and the refresh tokens that came of it: when each was issued and first used."""

    client: str
    seat: Seat
    scopes: frozenset[str]
    approved: float
    presented: bool = False
    ended: bool = False
    issued: list[float] = field(default_factory=list)
    first_used: list[float | None] = field(default_factory=list)


@dataclass(frozen=True)
class Success:
    """Which generation of refresh token is answered, and what the access token claims."""

    generation: int
    claims: dict[str, object]
    data: frozenset[frozenset[str]]


@dataclass
class Model:
    """A model of the specification, independent of the server's code."""

    now: float = 0.0
    disabled: set[str] = field(default_factory=set)
    plans: dict[str, str] = field(default_factory=lambda: {"org_acme": "pro", "org_globex": "free"})
    seats: dict[Seat, str | None] = field(
        default_factory=lambda: {
            ADA_ACME: "team:engineering team:design",
            ADA_GLOBEX: "team:sales",
            BO_GLOBEX: "",
        }
    )
    consents: dict[tuple[str, Seat], Consent] = field(default_factory=dict)

    def may_approve(self, client: str, seat: Seat) -> bool:
        """Tell whether this person can answer this client for this tenant."""
        barred = {client, seat.person, seat.tenant} & self.disabled
        return not barred and self.seats[seat] is not None

    def approve(self, client: str, seat: Seat, tools: frozenset[str]) -> Family:
        """Take the person's latest answer; it also counts for what came of earlier ones."""
        before = self.consents.get((client, seat))
        version = before.version + 1 if before else 1
        consent = Consent(version, tools, visible(self.seats[seat] or ""))
        self.consents[client, seat] = consent
        return Family(client, seat, consent.scopes, self.now)

    def worth(self, family: Family, asked: frozenset[str] | None) -> tuple[Any, Any] | None:
        """Work out the claims and the records of a token now; None where nothing is left."""
        consent, seat = self.consents[family.client, family.seat], family.seat
        place = self.seats[seat]
        if place is None or {seat.person, seat.tenant} & self.disabled:
            return None
        data = consent.data & visible(place)
        if not data:
            return None
        scopes = consent.scopes & family.scopes & (asked or family.scopes)
        claims = {
            "sub": seat.person,
            "client_id": family.client,
            "tenant_id": seat.tenant,
            "scope": " ".join(sorted(scopes)),
            "allowed_tools": sorted(consent.tools),
            "rate_limit_tier": self.plans[seat.tenant],
            "grant_version": consent.version,
        }
        return claims, data

    def is_over(self, family: Family) -> bool:
        """Tell whether this code or connection has ended."""
        if not family.issued:
            return family.presented or self.now >= family.approved + CODE
        lapses = min(family.issued[0] + ABSOLUTE, family.issued[-1] + IDLE)
        return family.ended or self.now >= lapses

    def redeem(self, family: Family, client: str, *, right: bool) -> Success | Refusal:
        """Present a code, with its own verifier or another (OAuth 2.1 §4.1.3; A24 to A28)."""
        if client in self.disabled:
            return INVALID_CLIENT
        if client != family.client:
            return INVALID_GRANT
        if family.presented:
            family.ended = True
            return INVALID_GRANT
        if self.now >= family.approved + CODE:
            return INVALID_GRANT
        if not right:
            family.presented = True
            return INVALID_GRANT
        worth = self.worth(family, None)
        if worth is None:
            return INVALID_GRANT
        family.presented = True
        family.issued.append(self.now)
        family.first_used.append(None)
        return Success(0, *worth)

    def refresh(
        self, family: Family, generation: int, client: str, asked: frozenset[str] | None = None
    ) -> Success | Refusal:
        """Present a refresh token (OAuth 2.1 §4.3; A95 to A102)."""
        if client in self.disabled:
            return INVALID_CLIENT
        if client != family.client or family.ended:
            return INVALID_GRANT
        if self.now >= family.issued[0] + ABSOLUTE:
            return INVALID_GRANT
        used = family.first_used[generation]
        if used is None and self.now >= family.issued[generation] + IDLE:
            return INVALID_GRANT
        if used is not None and self.now > used + GRACE:
            family.ended = True
            return INVALID_GRANT
        worth = self.worth(family, asked)
        if worth is None:
            return INVALID_GRANT
        if used is None:
            family.first_used[generation] = self.now
            family.first_used.append(None)
            family.issued.append(self.now)
        return Success(generation + 1, *worth)

    def revoke(self, family: Family, client: str, *, refresh_token: bool) -> Refusal:
        """Present one of a family's tokens for revocation (RFC 7009 §2)."""
        if client in self.disabled:
            return INVALID_CLIENT
        if refresh_token and client == family.client:
            family.ended = True
        return (200, "none")


@dataclass
class Connection:
    """A family, with the tokens of its client and of a thief."""

    family: Family
    code: str
    verifier: str
    refresh_tokens: list[str] = field(default_factory=list)
    access_token: str = "none-yet"


PICK = st.integers(0, 5)
WHO = st.sampled_from(["owner", "owner", "owner", "owner", "other"])
# Counted from the newest, which apps use most.
AGE = st.sampled_from([0, 0, 0, 1, 1, 2, 5])
ENABLED = st.sampled_from([True, True, False])


class TokenStates(RuleBasedStateMachine):
    """Performs actions on a server, and fails if a result differs from the model."""

    def __init__(self, portal: BlockingPortal, database: Path, read_token: Any) -> None:
        """Start a server on a separate database, with two clients."""
        super().__init__()
        self.portal, self.read_token, self.clock = portal, read_token, Clock()
        self.running = portal.wrap_async_context_manager(
            running_auth_server(f"sqlite+aiosqlite:///{database}", self.clock)
        )
        self.server: AuthServer = self.running.__enter__()
        self.clients: list[OAuthClient] = [self.call(self.server.client) for _ in range(2)]
        self.people = {seat.email: self.server.person(seat.email) for seat in SEATS}
        self.model, self.connections, self.seen = Model(), list[Connection](), set[str]()

    def call(self, work: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **named: Any) -> Any:
        """Run a coroutine of the server or a client in their event loop."""
        return self.portal.call(lambda: work(*args, **named))

    def teardown(self) -> None:
        """Restore everything: live connections work again, and ended ones stay ended."""
        try:
            for whom in ("usr_ada", "usr_bo", "org_acme", "org_globex", 0, 1):
                self.somebody_is_disabled_or_enabled(whom, enabled=True)
            for seat in SEATS:
                self.seat_person(seat, "")
            for connection in self.connections:
                if connection.refresh_tokens:
                    self.present(connection, age=0, who="owner", scope=None)
        finally:
            self.running.__exit__(None, None, None)

    # Actions of apps and thieves

    @initialize(seat=st.sampled_from(SEATS))
    def somebody_connects(self, seat: Seat) -> None:
        """Start with one connection."""
        self.approve(0, seat, READ | WRITE)
        self.exchange(self.connections[0], who="owner", right=True)

    @precondition(lambda self: len(self.living()) < 3)
    @rule(
        client=st.integers(0, 1),
        seat=st.sampled_from(SEATS),
        tools=st.sampled_from([READ, READ | WRITE, READ | {"create_task"}, {"list_tasks"}]),
        redeemed=st.booleans(),
    )
    def a_person_approves(
        self, client: int, seat: Seat, tools: frozenset[str], redeemed: bool
    ) -> None:
        """Issue a code, unless the person can't reach the page."""
        if self.model.may_approve(self.clients[client].client_id, seat):
            self.approve(client, seat, frozenset(tools))
            if redeemed:
                self.exchange(self.connections[-1], who="owner", right=True)

    @rule(
        pick=PICK,
        who=WHO,
        right=st.sampled_from([True, True, False]),
        again=st.booleans(),
    )
    def a_code_is_presented(self, pick: int, who: str, right: bool, again: bool) -> None:
        """Redeem a code for the first time or, less often, again, with correct parameters or not."""
        connection = self.pick(pick)
        if again or not connection.family.presented:
            self.exchange(connection, who=who, right=right)

    @rule(pick=PICK, age=AGE, who=WHO, scope=st.sampled_from([None, None, "mcp:read"]))
    def a_refresh_token_is_presented(
        self, pick: int, age: int, who: str, scope: str | None
    ) -> None:
        """Any known generation."""
        connection = self.pick(pick)
        if connection.refresh_tokens:
            self.present(connection, age=age, who=who, scope=scope)

    @rule(pick=PICK, age=AGE, who=WHO, refresh_token=st.booleans())
    def a_token_is_revoked(self, pick: int, age: int, who: str, refresh_token: bool) -> None:
        """A refresh token of any generation, or an access token."""
        connection = self.pick(pick)
        if not connection.refresh_tokens:
            return
        client = self.client_of(connection, who)
        token = connection.refresh_tokens[max(0, len(connection.refresh_tokens) - 1 - age)]
        answer = self.call(
            client.http.post,
            f"{client.issuer}/revoke",
            data={
                "client_id": client.client_id,
                "token": token if refresh_token else connection.access_token,
            },
        )
        expected = self.model.revoke(
            connection.family, client.client_id, refresh_token=refresh_token
        )
        assert refusal_of(answer) == expected

    @rule(
        pick=PICK,
        wait=st.sampled_from([0, GRACE, GRACE + 1, 86400]),
        who=WHO,
        suspended=st.booleans(),
    )
    def a_used_refresh_token_comes_back(
        self, pick: int, wait: int, who: str, suspended: bool
    ) -> None:
        """Refresh as an impatient client or a thief; the person may be suspended meanwhile."""
        connection = self.pick(pick)
        if not connection.refresh_tokens:
            return
        person = connection.family.seat.person
        self.present(connection, age=0, who="owner", scope=None)
        self.time_passes(wait)
        if suspended:
            self.somebody_is_disabled_or_enabled(person, enabled=False)
        self.present(connection, age=1, who=who, scope=None)
        if suspended:
            self.somebody_is_disabled_or_enabled(person, enabled=True)

    @precondition(lambda self: len(self.living()) < 3)
    @rule(seat=st.sampled_from(SEATS), suspended=st.booleans())
    def a_code_is_guessed_at(self, seat: Seat, suspended: bool) -> None:
        """Redeem with a wrong verifier, then the right one; the person may be suspended meanwhile."""
        client = self.clients[0].client_id
        if not self.model.may_approve(client, seat):
            return
        self.approve(0, seat, READ)
        if suspended:
            self.somebody_is_disabled_or_enabled(seat.person, enabled=False)
        self.exchange(self.connections[-1], who="owner", right=False)
        if suspended:
            self.somebody_is_disabled_or_enabled(seat.person, enabled=True)
        self.exchange(self.connections[-1], who="owner", right=True)

    # Time

    @rule(wait=st.sampled_from([1, CODE - 1, CODE, GRACE - 1, GRACE, GRACE + 1]))
    def time_passes(self, wait: int) -> None:
        """Wait within a window, to its end, or past it."""
        self.clock.advance(seconds=wait)
        self.model.now += wait

    @rule(wait=st.sampled_from([86400, IDLE - 1, IDLE]))
    def much_time_passes(self, wait: int) -> None:
        """Wait a day, the idle lifetime, or just less."""
        self.time_passes(wait)

    @rule(pick=PICK, months=st.integers(2, 7))
    def a_connection_is_used_every_month(self, pick: int, months: int) -> None:
        """Wait for the end of a family's absolute lifetime, if there are enough of them."""
        for _ in range(months):
            self.time_passes(29 * 86400)
            self.a_refresh_token_is_presented(pick, age=0, who="owner", scope=None)

    # Actions of administrators

    @rule(
        whom=st.sampled_from(["usr_ada", "usr_bo", "org_acme", "org_globex", 0, 1]),
        enabled=ENABLED,
    )
    def somebody_is_disabled_or_enabled(self, whom: str | int, enabled: bool) -> None:
        """Suspend or restore a person, a tenant or a client."""
        if isinstance(whom, int):
            self.enable(Client, self.clients[whom].client_id, enabled=enabled)
        else:
            table = PersonRow if whom.startswith("usr_") else Tenant
            self.enable(table, whom, enabled=enabled)

    @rule(
        seat=st.sampled_from(SEATS),
        data_scope=st.sampled_from(
            [None, "", "team:design", "team:design team:sales", "team:sales region:eu"]
        ),
    )
    def a_membership_changes(self, seat: Seat, data_scope: str | None) -> None:
        """End or restore a membership, or change its data."""
        self.seat_person(seat, data_scope)

    @rule(
        tenant=st.sampled_from(["org_acme", "org_globex"]),
        plan=st.sampled_from(["free", "pro", "scale"]),
    )
    def a_plan_changes(self, tenant: str, plan: str) -> None:
        """Change the tenant's tier."""
        self.call(self.change, Tenant, tenant, rate_limit_tier=plan)
        self.model.plans[tenant] = plan

    # How

    def living(self) -> list[Connection]:
        """List the connections that have not ended."""
        return [one for one in self.connections if not self.model.is_over(one.family)]

    def pick(self, pick: int) -> Connection:
        """Choose one of the connections, preferably a live one."""
        among = (pick < 5 and self.living()) or self.connections
        return among[pick % len(among)]

    def client_of(self, connection: Connection, who: str) -> OAuthClient:
        """Choose the connection's own client, or the other."""
        own = connection.family.client
        return next(c for c in self.clients if (c.client_id == own) == (who == "owner"))

    def approve(self, client: int, seat: Seat, tools: frozenset[str]) -> None:
        """Have a person allow these tools, signing in if they are not signed in any more."""
        app = self.clients[client]
        answer = answer_of(
            self.call(
                self.people[seat.email].approve,
                app.authorize_url(prompt="consent"),
                tenant=seat.tenant_name,
                tick=tools,
                untick=(READ | WRITE) - tools,
            )
        )
        family = self.model.approve(app.client_id, seat, tools)
        self.connections.append(Connection(family, answer["code"], app.verifier))

    def exchange(self, connection: Connection, *, who: str, right: bool) -> None:
        """Present a code."""
        client = self.client_of(connection, who)
        answer = self.call(
            client.redeem,
            connection.code,
            code_verifier=connection.verifier if right else "x" * 43,
        )
        expected = self.model.redeem(connection.family, client.client_id, right=right)
        self.compare(connection, answer, expected)

    def present(self, connection: Connection, *, age: int, who: str, scope: str | None) -> None:
        """Present a refresh token."""
        client = self.client_of(connection, who)
        generation = max(0, len(connection.refresh_tokens) - 1 - age)
        answer = self.call(client.refresh, connection.refresh_tokens[generation], scope=scope)
        asked = frozenset({scope}) if scope else None
        expected = self.model.refresh(connection.family, generation, client.client_id, asked)
        self.compare(connection, answer, expected)

    def compare(
        self, connection: Connection, answer: httpx2.Response, expected: Success | Refusal
    ) -> None:
        """Compare an answer of the token endpoint with the model."""
        if not isinstance(expected, Success):
            assert refusal_of(answer) == expected, answer.text
            return
        assert answer.status_code == 200, answer.text
        body = answer.json()
        connection.access_token = body["access_token"]
        claims = self.call(self.read_token, self.server, body["access_token"])
        assert {name: claims[name] for name in expected.claims} == expected.claims
        assert visible(claims["data_scope"]) == expected.data
        assert body["scope"] == claims["scope"]
        assert claims["iat"] == int(self.clock().timestamp())
        if expected.generation == len(connection.refresh_tokens):
            assert body["refresh_token"] not in self.seen
            connection.refresh_tokens.append(body["refresh_token"])
        assert body["refresh_token"] == connection.refresh_tokens[expected.generation]
        assert claims["jti"] not in self.seen
        self.seen |= {body["refresh_token"], claims["jti"]}

    def enable(self, table: type[SQLModel], key: str, *, enabled: bool) -> None:
        """Disable a person, client or tenant, or enable it again."""
        self.call(self.change, table, key, disabled_at=None if enabled else self.clock())
        (self.model.disabled.discard if enabled else self.model.disabled.add)(key)

    def seat_person(self, seat: Seat, data_scope: str | None) -> None:
        """Give a person a membership with a data scope; None removes it."""
        key = (seat.person, seat.tenant)
        if self.model.seats[seat] is None and data_scope is not None:
            place = Membership(person_id=seat.person, tenant_id=seat.tenant, data_scope=data_scope)
            self.call(self.add, place)
        elif self.model.seats[seat] is not None:
            changes = {} if data_scope is None else {"data_scope": data_scope}
            self.call(self.change, Membership, key, **changes)
        self.model.seats[seat] = data_scope

    async def add(self, row: SQLModel) -> None:
        """Store a row, as an administrator's tool would."""
        async with self.server.opened.database.writing() as db, db.begin():
            db.add(row)

    async def change(self, table: type[SQLModel], key: object, **changes: object) -> None:
        """Change a row, as an administrator's tool would; without changes it is deleted."""
        async with self.server.opened.database.writing() as db, db.begin():
            row = await db.get(table, key)
            assert row is not None
            if not changes:
                await db.delete(row)
            for name, value in changes.items():
                setattr(row, name, value)


def refusal_of(answer: httpx2.Response) -> Refusal:
    """Read a refusal."""
    return answer.status_code, answer.json().get("error", "none") if answer.content else "none"


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    """A separate event loop for a state machine that is not a coroutine."""
    with start_blocking_portal("asyncio") as portal:
        yield portal


def test_any_actions_of_apps_thieves_and_administrators_follow_the_rules(
    portal: BlockingPortal, seeded_sqlite: Path, tmp_path: Path, read_token: Any
) -> None:
    """A24 to A28, A95 to A102: answers, successors, ends and claims, in any order."""

    class FromTheStart(TokenStates):
        def __init__(self) -> None:
            for stale in tmp_path.iterdir():
                stale.unlink()
            database = tmp_path / "gatepost.db"
            shutil.copy(seeded_sqlite, database)
            super().__init__(portal, database, read_token)

    run_state_machine_as_test(
        FromTheStart,
        settings=settings(
            max_examples=30,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
