"""Strangers can't fill the server with clients, or displace clients in use."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from structlog.testing import capture_logs

from auth_server.db.engine import open_database
from auth_server.maintenance import maintain
from auth_server.oauth.register.quota import RegistrationQuota
from auth_server.records.clients.table import Client
from auth_server.records.grants.table import Grant
from auth_server.web.address import count_as, resolve_address
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.grants import connect_without_pages
from support.in_process.oauth_client import OAuthClient
from support.in_process.oauth_client import register as register_client

DOCUMENT = {"redirect_uris": ["http://127.0.0.1/cb"]}
METADATA = "/.well-known/oauth-authorization-server"


async def register(server: AuthServer, forwarded_for: str = "") -> httpx2.Response:
    """Register the smallest client."""
    headers = {"x-forwarded-for": forwarded_for} if forwarded_for else {}
    return await server.http.post("/register", json=DOCUMENT, headers=headers)


async def how_many_clients(server: AuthServer) -> int:
    """Count the stored clients."""
    database = open_database(server.database_url)
    async with database.reading() as db:
        count = (await db.execute(select(func.count()).select_from(Client))).scalar_one()
    await database.engine.dispose()
    return count


def assert_wait(answer: httpx2.Response, seconds: int) -> None:
    """The client learns when to retry."""
    assert (answer.status_code, answer.json()["error"]) == (429, "temporarily_unavailable")
    assert answer.headers["retry-after"] == str(seconds)
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_an_address_registers_five_clients_a_minute_and_learns_when_to_retry_a59(
    database_url: str, clock: Clock
) -> None:
    """A59: and a hundred attempts leave no more rows than that."""
    usual = {"registrations_per_minute": 5, "registrations_per_day": 50}
    async with running_auth_server(database_url, clock, **usual) as server:
        before = await how_many_clients(server)
        answers = [await register(server) for _ in range(100)]
        clock.advance(seconds=20)
        assert_wait(await register(server), 40)
        after = await how_many_clients(server)
        clock.advance(seconds=40)
        later = await register(server)

    assert [answer.status_code for answer in answers] == [201] * 5 + [429] * 95
    assert_wait(answers[-1], 60)
    assert answers[-1].json()["error_description"].endswith("try again in 60 seconds")
    assert (after - before, later.status_code) == (5, 201)


@pytest.mark.parametrize(
    "setting",
    ["registrations_per_minute", "registrations_per_day", "registrations_overall_per_minute"],
)
async def test_the_log_names_the_limit_that_an_office_behind_one_address_reached(
    sqlite_url: str, clock: Clock, setting: str
) -> None:
    async with running_auth_server(sqlite_url, clock, **{setting: 1}) as server:
        await register(server)
        with capture_logs() as logs:
            assert (await register(server)).status_code == 429
    assert [entry["detail"] for entry in logs] == [f"the limit is the setting {setting}"]


async def test_requests_refused_for_another_reason_do_not_count(
    database_url: str, clock: Clock
) -> None:
    """An error in a registration does not lock the developer out."""
    async with running_auth_server(database_url, clock, registrations_per_minute=1) as server:
        wrong = [await server.http.post("/register", json={}) for _ in range(3)]
        right = await register(server)

    assert [answer.status_code for answer in (*wrong, right)] == [400, 400, 400, 201]


async def test_an_invented_forwarding_header_makes_no_other_address_a59(
    database_url: str, clock: Clock
) -> None:
    """A59: without a trusted proxy, forwarding headers are ignored."""
    async with running_auth_server(database_url, clock, registrations_per_minute=2) as server:
        answers = [await register(server, f"198.51.100.{n}") for n in range(4)]

    assert [answer.status_code for answer in answers] == [201, 201, 429, 429]


async def test_behind_a_trusted_proxy_each_caller_has_a_quota_and_all_have_one(
    database_url: str, clock: Clock
) -> None:
    """A59: entries before the proxy's own may be forged."""
    changes = {
        "trusted_proxies": 1,
        "registrations_per_minute": 1,
        "registrations_overall_per_minute": 3,
    }
    async with running_auth_server(database_url, clock, **changes) as server:
        answers = [
            await register(server, callers)
            for callers in ("8.8.8.8, 198.51.100.1", "9.9.9.9, 198.51.100.1")
        ]
        others = [await register(server, f"198.51.100.{n}") for n in (2, 3, 4)]

    assert [answer.status_code for answer in answers] == [201, 429]
    assert [answer.status_code for answer in others] == [201, 201, 429]


async def test_with_registration_off_it_is_neither_advertised_nor_possible(
    database_url: str, clock: Clock
) -> None:
    """A59; clients registered before keep working and manage themselves."""
    async with running_auth_server(database_url, clock) as server:
        before = (await register(server)).json()
    async with running_auth_server(database_url, clock, registration="off") as server:
        metadata = (await server.http.get(METADATA)).json()
        refused = await register(server)
        kept = await server.http.get(
            before["registration_client_uri"],
            headers={"authorization": f"Bearer {before['registration_access_token']}"},
        )

    assert "registration_endpoint" not in metadata
    assert (refused.status_code, refused.json()["error"]) == (404, "invalid_request")
    assert kept.status_code == 200


async def known(server: AuthServer, client: OAuthClient) -> bool:
    """Tell whether the server still knows a client."""
    answer = await client.token(grant_type="refresh_token", refresh_token="x")
    error: str = answer.json()["error"]
    assert error in {"invalid_client", "invalid_grant"}
    return error == "invalid_grant"


@pytest.mark.both_databases
async def test_an_unused_client_is_deleted_after_an_hour_a59(
    auth_server: AuthServer, clock: Clock
) -> None:
    """A59; this does not apply to the operator's own clients."""
    client = await auth_server.client()
    clock.advance(minutes=59)
    await maintain(auth_server.opened)
    still = await known(auth_server, client)
    clock.advance(minutes=2)
    await maintain(auth_server.opened)

    assert (still, await known(auth_server, client)) == (True, False)
    assert await how_many_clients(auth_server) == 1


async def test_a_person_who_is_about_to_answer_still_can_a60(
    auth_server: AuthServer, clock: Clock
) -> None:
    """A60: the hour ends while the consent page is open."""
    client, person = await auth_server.client(), auth_server.person()
    clock.advance(minutes=55)
    page = await person.reach_consent(client.authorize_url())
    clock.advance(minutes=10)
    await maintain(auth_server.opened)

    assert (await person.press(page, "Approve")).moves_on_to


@pytest.mark.both_databases
async def test_a_client_in_use_is_never_deleted_a60(auth_server: AuthServer, clock: Clock) -> None:
    """A60: neither its age nor the number of other clients matters."""
    client = await auth_server.client()
    tokens = await connect_without_pages(auth_server, client)
    for _ in range(5):
        clock.advance(days=25)
        await auth_server.client()
        await maintain(auth_server.opened)
        tokens = (await client.refresh(tokens["refresh_token"])).json()
        assert "refresh_token" in tokens


@pytest.mark.both_databases
async def test_a_client_is_deleted_ninety_days_after_its_last_connection(
    auth_server: AuthServer, clock: Clock, change_row: Any
) -> None:
    """A59, A60: clients keep their id, and can be connected again for a long while."""
    client, person = await auth_server.client(), auth_server.person()
    await client.connect(person)
    database = open_database(auth_server.database_url)
    async with database.reading() as db:
        (grant_id,) = (await db.execute(select(Grant.grant_id))).scalars()  # type: ignore[call-overload]
    await database.engine.dispose()
    await change_row(auth_server, Grant, grant_id, revoked_at=clock())
    clock.advance(days=89)
    await maintain(auth_server.opened)
    still = await known(auth_server, client)
    clock.advance(days=2)
    await maintain(auth_server.opened)

    assert (still, await known(auth_server, client)) == (True, False)


@pytest.mark.both_databases
async def test_a_client_that_ended_itself_leaves_no_row_for_long(
    auth_server: AuthServer, clock: Clock
) -> None:
    """A59."""
    body = (await register(auth_server)).json()
    await auth_server.http.delete(
        body["registration_client_uri"],
        headers={"authorization": f"Bearer {body['registration_access_token']}"},
    )
    clock.advance(hours=2)
    await maintain(auth_server.opened)

    assert await how_many_clients(auth_server) == 1


@pytest.mark.both_databases
async def test_a_forgotten_client_can_register_again_at_once(
    auth_server: AuthServer, clock: Clock
) -> None:
    """`invalid_client` tells client libraries to."""
    client = await auth_server.client()
    clock.advance(hours=2)
    await maintain(auth_server.opened)
    refused = await client.token(grant_type="refresh_token", refresh_token="x")
    again = await register_client(auth_server.http, auth_server.issuer, auth_server.resource)

    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert await again.connect(auth_server.person())


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "trusted", "found"),
    [
        ("192.0.2.1", [], 0, "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.1"], 0, "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.1"], 1, "198.51.100.1"),
        ("192.0.2.1", ["203.0.113.9, 198.51.100.1"], 1, "198.51.100.1"),
        ("192.0.2.1", ["203.0.113.9", "198.51.100.1"], 1, "198.51.100.1"),
        ("192.0.2.1", ["203.0.113.9, 198.51.100.1"], 2, "203.0.113.9"),
        ("192.0.2.1", ["198.51.100.1"], 3, "198.51.100.1"),
        ("192.0.2.1", [], 2, "192.0.2.1"),
        ("192.0.2.1", ["", " , "], 1, "192.0.2.1"),
        ("", [], 0, ""),
    ],
)
def test_the_address_is_the_one_that_the_outermost_trusted_proxy_saw(
    peer: str, forwarded_for: list[str], trusted: int, found: str
) -> None:
    assert resolve_address(peer, forwarded_for, trusted_proxies=trusted) == found


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("198.51.100.1:4711", "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]:4711", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        *((nobody, "") for nobody in ("", "unknown", "_hidden", "1.2.3.4.5", "[", "::ffff:x")),
    ],
)
def test_one_customers_addresses_count_as_one(address: str, counted: str) -> None:
    """A /64 is what a provider gives to one household, and holds 2^64 addresses."""
    assert count_as(address) == counted


@given(address=st.text(max_size=40))
def test_any_text_counts_as_something(address: str) -> None:
    assert isinstance(count_as(address), str)


@given(
    calls=st.lists(
        st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 40_000)), max_size=60
    ),
    per_minute=st.integers(1, 3),
    per_day=st.integers(1, 5),
    overall=st.integers(1, 4),
)
def test_no_window_ever_holds_more_than_the_quota_and_the_wait_is_exact(
    calls: list[tuple[str, int]], per_minute: int, per_day: int, overall: int
) -> None:
    """A59."""
    quota = RegistrationQuota(per_minute=per_minute, per_day=per_day, overall_per_minute=overall)
    now, minute, day = datetime(2026, 1, 1, tzinfo=UTC), timedelta(minutes=1), timedelta(days=1)
    let_in: list[tuple[str, datetime]] = []

    def fits(address: str, at: datetime) -> bool:
        own = [then for who, then in let_in if who == address]
        return (
            sum(at - minute < then for then in own) < per_minute
            and sum(at - day < then for then in own) < per_day
            and sum(at - minute < then for _, then in let_in) < overall
        )

    for address, seconds in calls:
        now += timedelta(seconds=seconds)
        may = fits(address, now)
        wait = quota.spend(address, now)
        assert (wait is None) == may
        if wait is None:
            let_in.append((address, now))
        else:
            assert fits(address, now + wait.time)
            assert not fits(address, now + wait.time - timedelta(microseconds=1))
