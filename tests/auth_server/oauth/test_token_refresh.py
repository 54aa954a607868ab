"""Refresh tokens: rotated at each use, with a grace window, and reuse ends the family."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from auth_server.db import purge
from auth_server.maintenance import maintain
from auth_server.records.authorization_codes.table import AuthorizationCode
from auth_server.records.clients.table import Client
from auth_server.records.people.table import Person as PersonRow
from auth_server.records.refresh_tokens.table import RefreshToken
from auth_server.records.tenants.table import Membership, Tenant
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.grants import connect_without_pages
from support.in_process.oauth_client import OAuthClient, answer_of

pytestmark = pytest.mark.both_databases

GRACE, IDLE, ABSOLUTE = 120, 30 * 86400, 180 * 86400


@dataclass
class Connection:
    """A connected client and every refresh token it was given."""

    client: OAuthClient
    tokens: list[str] = field(default_factory=list)

    async def refresh(self, generation: int = -1, **changes: str | None) -> httpx2.Response:
        """Use one of the refresh tokens; a new successor joins the others."""
        answer = await self.client.refresh(self.tokens[generation], **changes)
        if answer.status_code == 200:
            successor = answer.json()["refresh_token"]
            if successor not in self.tokens:
                self.tokens.append(successor)
        return answer


async def connect(server: AuthServer, client: OAuthClient | None = None) -> Connection:
    """Let Ada connect a client."""
    client = client or await server.client()
    tokens = await connect_without_pages(server, client)
    return Connection(client, [tokens["refresh_token"]])


def error_of(answer: httpx2.Response) -> tuple[int, str]:
    """Read a refusal."""
    return answer.status_code, answer.json().get("error", "none")


DEAD = (400, "invalid_grant")


async def test_a_refresh_gives_new_tokens_with_the_same_access(
    auth_server: AuthServer, read_token: Any
) -> None:
    """OAuth 2.1 §4.3."""
    client = await auth_server.client()
    first = await connect_without_pages(auth_server, client)
    auth_server.clock.advance(minutes=11)

    second = (await client.refresh(first["refresh_token"], resource=auth_server.resource)).json()

    before = await read_token(auth_server, first["access_token"])
    after = await read_token(auth_server, second["access_token"])
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"iat", "exp", "jti"}
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == first["scope"]


async def test_a_refresh_token_used_twice_in_a_hurry_has_one_successor(
    auth_server: AuthServer,
) -> None:
    """A96, A97: real clients refresh in parallel, and lose answers on the way."""
    connection = await connect(auth_server)

    first = (await connection.refresh(0)).json()
    auth_server.clock.advance(seconds=GRACE)
    second = (await connection.refresh(0)).json()

    assert first["refresh_token"] == second["refresh_token"]
    assert first["access_token"] != second["access_token"]


async def test_fifty_refreshes_at_once_converge_on_one_successor_a96(
    auth_server: AuthServer,
) -> None:
    """A96, Keycloak CVE-2026-1035: one conditional statement decides who was first."""
    connection = await connect(auth_server)

    answers = await asyncio.gather(*(connection.refresh(0) for _ in range(50)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    assert (await connection.refresh()).status_code == 200


async def test_without_a_grace_window_exactly_one_of_fifty_gets_a_successor_a96(
    database_url: str, clock: Clock
) -> None:
    """A96: with an empty window, which still includes the instant of the first use."""
    async with running_auth_server(database_url, clock, refresh_grace=0) as server:
        connection = await connect(server)
        answers = await asyncio.gather(*(connection.refresh(0) for _ in range(50)))
        clock.advance(seconds=1)
        late = await connection.refresh(0)
        after = await connection.refresh()

    assert len({answer.json().get("refresh_token") for answer in answers}) == 1
    assert error_of(late) == error_of(after) == DEAD


async def test_a_token_that_comes_back_after_the_window_ends_the_whole_family_a95(
    auth_server: AuthServer,
) -> None:
    """RFC 9700 §4.14.2. A95: either the thief or the owner has a copy."""
    connection = await connect(auth_server)
    await connection.refresh(0)
    await connection.refresh(1)
    auth_server.clock.advance(seconds=GRACE + 1)

    assert error_of(await connection.refresh(0)) == DEAD
    for generation in range(3):
        assert error_of(await connection.refresh(generation)) == DEAD


async def test_coming_back_does_not_keep_the_window_open_a97(auth_server: AuthServer) -> None:
    """A97: it is anchored at the first use, however often the token is shown again."""
    connection = await connect(auth_server)
    await connection.refresh(0)
    for _ in range(4):
        auth_server.clock.advance(seconds=GRACE / 4)
        assert (await connection.refresh(0)).status_code == 200
    auth_server.clock.advance(seconds=1)

    assert error_of(await connection.refresh(0)) == DEAD
    assert len(connection.tokens) == 2


async def test_an_old_token_leads_to_its_own_successor_and_never_to_a_second_chain_a97(
    sqlite_server: AuthServer,
) -> None:
    """A97: three generations within the window are still one chain."""
    connection = await connect(sqlite_server)
    for generation in (0, 1, 2, 0, 1, 2, 0):
        answer = (await connection.refresh(generation)).json()
        assert answer["refresh_token"] == connection.tokens[generation + 1]

    assert len(connection.tokens) == 4


async def test_the_owner_coming_back_after_a_month_still_uncovers_the_thief(
    sqlite_server: AuthServer,
) -> None:
    """A95: the copy that was used first keeps the family alive; the old one ends it, however old."""
    connection = await connect(sqlite_server)
    for _ in range(3):
        await connection.refresh()
        sqlite_server.clock.advance(days=20)

    assert error_of(await connection.refresh(0)) == DEAD
    assert error_of(await connection.refresh()) == DEAD


async def test_a_family_that_is_unused_for_a_month_ends_a101(auth_server: AuthServer) -> None:
    """A101: idle lifetime, counted from the latest rotation."""
    kept, left = await connect(auth_server), await connect(auth_server)
    auth_server.clock.advance(days=29, hours=23)
    assert (await kept.refresh()).status_code == 200
    auth_server.clock.advance(hours=1)

    assert error_of(await left.refresh()) == DEAD
    assert (await kept.refresh()).status_code == 200


async def test_no_family_outlives_half_a_year_however_often_it_is_used_a101(
    auth_server: AuthServer,
) -> None:
    """A101: absolute lifetime, counted from the approval."""
    connection = await connect(auth_server)
    for _ in range(8):
        auth_server.clock.advance(days=20)
        assert (await connection.refresh()).status_code == 200
    auth_server.clock.advance(days=19, hours=23, minutes=59)
    assert (await connection.refresh()).status_code == 200
    auth_server.clock.advance(minutes=1)

    assert error_of(await connection.refresh()) == DEAD
    assert error_of(await connection.refresh(-2)) == DEAD


async def test_a_scope_narrows_one_access_token_and_leaves_the_next_as_wide_a99(
    sqlite_server: AuthServer, read_token: Any
) -> None:
    """RFC 6749 §6. A99."""
    connection = await connect(sqlite_server)

    narrow = (await connection.refresh(scope="mcp:read")).json()
    wide = (await connection.refresh()).json()

    assert (narrow["scope"], wide["scope"]) == ("mcp:read", "mcp:read mcp:write")
    claims = await read_token(sqlite_server, narrow["access_token"])
    assert claims["scope"] == "mcp:read"


@pytest.mark.parametrize(
    "scope",
    ["mcp:admin", "mcp:read mcp:admin", "offline_access mcp:admin", "mcp:other", 'x"', "mcp:rëad"],
)
async def test_a_scope_never_widens_and_trying_costs_nothing_a99(
    table_server: AuthServer, scope: str
) -> None:
    """RFC 6749 §6. A99."""
    connection = await connect(table_server)

    assert error_of(await connection.refresh(scope=scope)) == (400, "invalid_scope")
    assert (await connection.refresh()).status_code == 200


async def use_for_hours(connection: Connection, server: AuthServer) -> None:
    """Use a connection at times, and let the server forget what it does not need."""
    for _ in range(4):
        assert (await connection.refresh()).status_code == 200
        server.clock.advance(hours=2)
        await maintain(server.opened)


async def count_rows(server: AuthServer) -> int:
    """Count the refresh tokens in the database."""
    async with server.opened.database.reading() as db:
        counted = await db.execute(select(func.count()).select_from(RefreshToken))
        return counted.scalar_one()


async def test_a_connection_in_daily_use_leaves_a_handful_of_rows(
    sqlite_server: AuthServer,
) -> None:
    connection = await connect(sqlite_server)
    for _ in range(40):
        assert (await connection.refresh()).status_code == 200
        sqlite_server.clock.advance(minutes=10)
        await maintain(sqlite_server.opened)

    assert await count_rows(sqlite_server) <= 8


async def test_a_stolen_token_of_long_ago_ends_the_family_although_its_row_is_gone(
    auth_server: AuthServer,
) -> None:
    """RFC 9700 §4.14.2: a thief who went on with the family is locked out as well."""
    connection = await connect(auth_server)
    await use_for_hours(connection, auth_server)
    stranger = await auth_server.client()

    assert error_of(await stranger.refresh(connection.tokens[0])) == DEAD
    assert error_of(await connection.client.refresh(f"{connection.tokens[0]}x")) == DEAD
    assert (await connection.refresh()).status_code == 200, "nobody else ends it"
    assert error_of(await connection.refresh(0)) == DEAD
    assert error_of(await connection.refresh()) == DEAD


async def test_an_old_token_ends_the_family_while_its_newest_is_used(
    auth_server: AuthServer,
) -> None:
    """A95, A96: the successor that is made at this moment ends too."""
    connection = await connect(auth_server)
    await use_for_hours(connection, auth_server)
    newest = len(connection.tokens) - 1

    uses = [connection.refresh(newest), *(connection.refresh(0) for _ in range(49))]
    answers = await asyncio.gather(*uses)

    assert {error_of(answer) for answer in answers[1:]} == {DEAD}
    for generation in range(len(connection.tokens)):
        assert error_of(await connection.refresh(generation)) == DEAD


async def test_an_old_token_ends_the_family_after_the_secret_key_was_replaced(
    sqlite_url: str, clock: Clock
) -> None:
    async with running_auth_server(sqlite_url, clock, secret_key="a" * 64) as server:
        connection = await connect(server)
        await use_for_hours(connection, server)
    changed = {"secret_key": "b" * 64, "previous_secret_keys": ("a" * 64,)}
    async with running_auth_server(sqlite_url, clock, **changed) as server:
        await maintain(server.opened)
    async with running_auth_server(sqlite_url, clock, secret_key="b" * 64) as server:
        connection.client.http = server.http
        await use_for_hours(connection, server)

        assert error_of(await connection.refresh(0)) == DEAD
        assert error_of(await connection.refresh()) == DEAD


async def test_a_token_that_does_not_name_its_family_ends_it_too(auth_server: AuthServer) -> None:
    """Earlier versions issued such tokens; their rows are kept."""
    client = await auth_server.client()
    code = answer_of(await auth_server.person().approve(client.authorize_url()))["code"]
    async with auth_server.opened.transaction() as db:
        await db.execute(update(AuthorizationCode).values(family_id="named-otherwise"))
    connection = Connection(client, [(await client.redeem(code)).json()["refresh_token"]])
    await use_for_hours(connection, auth_server)
    assert not any("." in token for token in connection.tokens)

    assert error_of(await connection.refresh(0)) == DEAD
    assert error_of(await connection.refresh()) == DEAD


async def test_a_client_that_lost_its_newest_token_can_revoke_by_an_older_one(
    sqlite_server: AuthServer,
) -> None:
    """RFC 7009 §2.1."""
    connection = await connect(sqlite_server)
    await use_for_hours(connection, sqlite_server)

    form = {"token": connection.tokens[0], "client_id": connection.client.client_id}
    assert (await sqlite_server.http.post("/revoke", data=form)).status_code == 200
    assert error_of(await connection.refresh()) == DEAD


async def test_a_purge_deletes_every_row_that_is_over_in_several_steps(
    auth_server: AuthServer, monkeypatch: Any
) -> None:
    monkeypatch.setattr(purge, "AT_ONCE", 2)
    connection = await connect(auth_server)
    for _ in range(7):
        await connection.refresh()
    auth_server.clock.advance(hours=2)
    await maintain(auth_server.opened)

    assert await count_rows(auth_server) == 1
    assert (await connection.refresh()).status_code == 200


@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        ("mcp:read offline_access", "mcp:read"),
        ("openid profile email mcp:read mcp:write", "mcp:read mcp:write"),
        ("offline_access", "mcp:read mcp:write"),
    ],
)
async def test_a_client_may_repeat_scopes_that_its_authorization_left_out(
    table_server: AuthServer, scope: str, granted: str
) -> None:
    connection = await connect(table_server)

    answer = await connection.refresh(scope=scope)
    assert (answer.status_code, answer.json()["scope"]) == (200, granted)


@pytest.mark.parametrize(
    "resource", ["https://evil.example/mcp", "http://127.0.0.1:8411/mcp", "x", "http://["]
)
async def test_another_resource_is_refused_and_leaves_the_token_usable_a100(
    table_server: AuthServer, resource: str
) -> None:
    """RFC 8707 §2.2. A100, A131: refused before anything is written."""
    connection = await connect(table_server)

    assert error_of(await connection.refresh(resource=resource)) == (400, "invalid_target")
    assert (await connection.refresh()).status_code == 200
    assert len(connection.tokens) == 2


async def test_another_client_can_neither_use_nor_end_a_family_a98(
    sqlite_server: AuthServer,
) -> None:
    """A98, A28: also with a token that is used up."""
    connection, stranger = await connect(sqlite_server), await sqlite_server.client()
    await connection.refresh(0)
    sqlite_server.clock.advance(seconds=GRACE + 1)

    for generation in (0, 1):
        stolen = await connection.refresh(generation, client_id=stranger.client_id)
        assert error_of(stolen) == DEAD
    assert (await connection.refresh(1)).status_code == 200


@pytest.mark.parametrize("token", ["", "x", "x" * 10_000, "é", "a\nb", "0" * 64, ".", "x.y"])
async def test_an_invented_refresh_token_is_refused(table_server: AuthServer, token: str) -> None:
    """A156."""
    client = await table_server.client()

    status, error = error_of(await client.refresh(token))

    assert (status, error) == (400, "invalid_grant" if token else "invalid_request")


async def test_an_access_token_or_a_code_is_not_a_refresh_token_a107(
    auth_server: AuthServer,
) -> None:
    """A107: one artefact never stands in for another."""
    client = await auth_server.client()
    tokens = await connect_without_pages(auth_server, client)

    assert error_of(await client.refresh(tokens["access_token"])) == DEAD
    assert error_of(await client.redeem(tokens["refresh_token"])) == DEAD


SHRUNK: dict[str, tuple[type, Any, dict[str, Any], dict[str, Any]]] = {
    "fewer teams": (
        Membership,
        ("usr_ada", "org_acme"),
        {"data_scope": "team:design"},
        {"data_scope": "team:design"},
    ),
    "one more kind": (
        Membership,
        ("usr_ada", "org_acme"),
        {"data_scope": "team:design team:engineering region:eu"},
        {"data_scope": "region:eu team:design team:engineering"},
    ),
    "more teams than were allowed": (
        Membership,
        ("usr_ada", "org_acme"),
        {"data_scope": "team:design team:engineering team:sales"},
        {"data_scope": "team:design team:engineering"},
    ),
    "restriction removed": (
        Membership,
        ("usr_ada", "org_acme"),
        {"data_scope": ""},
        {"data_scope": "team:design team:engineering"},
    ),
    "another plan": (Tenant, "org_acme", {"rate_limit_tier": "free"}, {"rate_limit_tier": "free"}),
}


@pytest.mark.parametrize("shrunk", SHRUNK)
async def test_a_refresh_follows_the_persons_current_data_within_their_consent_a102_a153(
    auth_server: AuthServer, change_row: Any, read_token: Any, shrunk: str
) -> None:
    """A102, A153: every policy is read again at each refresh."""
    connection = await connect(auth_server)
    table, key, changes, expected = SHRUNK[shrunk]
    await change_row(auth_server, table, key, **changes)

    tokens = (await connection.refresh()).json()

    claims = await read_token(auth_server, tokens["access_token"])
    assert {name: claims[name] for name in expected} == expected


ENDED: dict[str, tuple[type, Any, dict[str, Any]]] = {
    "the person was disabled": (PersonRow, "usr_ada", {"disabled_at": ...}),
    "the person was deleted": (PersonRow, "usr_ada", {}),
    "the tenant was disabled": (Tenant, "org_acme", {"disabled_at": ...}),
    "the membership ended": (Membership, ("usr_ada", "org_acme"), {}),
    "no data is left in common": (
        Membership,
        ("usr_ada", "org_acme"),
        {"data_scope": "team:sales"},
    ),
}


@pytest.mark.parametrize("ended", ENDED)
async def test_a_connection_ends_with_the_records_it_depends_on_a102(
    auth_server: AuthServer, change_row: Any, ended: str
) -> None:
    """A53, A102."""
    connection = await connect(auth_server)
    table, key, changes = ENDED[ended]
    moment = {n: auth_server.clock() if v is ... else v for n, v in changes.items()}
    await change_row(auth_server, table, key, **moment)

    assert error_of(await connection.refresh()) == DEAD


async def test_a_disabled_client_is_refused(auth_server: AuthServer, change_row: Any) -> None:
    """A102."""
    connection = await connect(auth_server)
    await change_row(
        auth_server, Client, connection.client.client_id, disabled_at=auth_server.clock()
    )

    assert error_of(await connection.refresh()) == (401, "invalid_client")


async def test_a_refusal_for_a_while_does_not_use_the_token_up(
    sqlite_server: AuthServer, change_row: Any
) -> None:
    """A person who was suspended by mistake finds the connection unchanged."""
    connection = await connect(sqlite_server)
    await change_row(sqlite_server, PersonRow, "usr_ada", disabled_at=sqlite_server.clock())
    assert error_of(await connection.refresh()) == DEAD
    await change_row(sqlite_server, PersonRow, "usr_ada", disabled_at=None)

    assert (await connection.refresh()).status_code == 200


async def test_a_later_consent_counts_for_the_connections_from_before_a48(
    sqlite_server: AuthServer, read_token: Any
) -> None:
    """A48: narrowing by approving again reaches the older refresh token."""
    client = await sqlite_server.client()
    first = await client.connect(sqlite_server.person())
    connection = Connection(client, [first["refresh_token"]])
    url = client.authorize_url()
    await sqlite_server.person().approve(url, untick=["create_task", "list_projects"])

    tokens = (await connection.refresh()).json()

    claims = await read_token(sqlite_server, tokens["access_token"])
    assert (claims["allowed_tools"], claims["scope"]) == (["list_tasks"], "mcp:read")
    assert claims["grant_version"] == 2


async def test_two_connections_of_one_client_have_families_of_their_own(
    sqlite_server: AuthServer,
) -> None:
    """A laptop's theft does not sign out the phone."""
    client = await sqlite_server.client()
    laptop, phone = await connect(sqlite_server, client), await connect(sqlite_server, client)
    await laptop.refresh(0)
    sqlite_server.clock.advance(seconds=GRACE + 1)

    assert error_of(await laptop.refresh(0)) == DEAD
    assert error_of(await laptop.refresh(1)) == DEAD
    assert (await phone.refresh()).status_code == 200


@dataclass
class Model:
    """The expected state of one family: when each generation was first used."""

    now: float = 0.0
    first_used: list[float | None] = field(default_factory=lambda: [None])
    issued: list[float] = field(default_factory=lambda: [0.0])
    ended: bool = False

    def use(self, generation: int) -> int | None:
        """Predict which generation a use answers with; None where it is refused."""
        if self.ended or self.now >= ABSOLUTE:
            return None
        used = self.first_used[generation]
        if used is None:
            if self.now >= self.issued[generation] + IDLE:
                return None
            self.first_used[generation] = self.now
            self.first_used.append(None)
            self.issued.append(self.now)
            return generation + 1
        if self.now <= used + GRACE:
            return generation + 1
        self.ended = True
        return None


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("use"), st.integers(0, 5)),
        st.tuples(
            st.just("wait"),
            st.sampled_from([1, GRACE - 1, GRACE, GRACE + 1, IDLE - 1, IDLE, 60 * 86400]),
        ),
    ),
    max_size=12,
)


@given(steps=STEPS)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_any_sequence_of_uses_and_pauses_follows_the_rules(
    table_server: AuthServer, steps: list[tuple[str, int]]
) -> None:
    """A95 to A97, A101: against a model of ten lines."""
    connection, model = await connect(table_server), Model()
    for step, value in steps:
        if step == "wait":
            table_server.clock.advance(seconds=value)
            model.now += value
            continue
        generation = value % len(connection.tokens)
        expected = model.use(generation)
        answer = await connection.refresh(generation)
        if expected is None:
            assert error_of(answer) == DEAD
        else:
            assert answer.json()["refresh_token"] == connection.tokens[expected]
            assert len(connection.tokens) == len(model.first_used)
