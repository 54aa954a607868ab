"""Limits on strangers' guesses, requests and refusals, and their log."""

import base64
import json
import tracemalloc
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import col, select

from auth_server.db.engine import open_database
from auth_server.maintenance import maintain
from auth_server.rate_limits.buckets import Buckets
from auth_server.rate_limits.recent import MOST_KEYS, Recent
from auth_server.rate_limits.sliding_windows import SlidingWindows
from auth_server.records.audit.denials import Denials
from auth_server.records.audit.table import AuditEntry
from auth_server.records.audit.verify import find_break
from auth_server.records.clients.table import Client
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.grants import connect_without_pages

A_SECRET = {"token_endpoint_auth_method": "client_secret_basic"}


@pytest.fixture
async def strict(database_url: str, clock: Clock) -> AsyncIterator[AuthServer]:
    """A server behind a proxy that allows five wrong guesses and three new requests a minute."""
    limits = {"wrong_guesses_per_minute": 5, "authorizations_per_minute": 3}
    async with running_auth_server(database_url, clock, trusted_proxies=1, **limits) as server:
        yield server


def from_address(address: str) -> dict[str, str]:
    """Send a request that the proxy forwards from this address."""
    return {"x-forwarded-for": address}


async def guess(
    server: AuthServer, client_id: str, secret: str, *, address: str = "192.0.2.1", path: str = ""
) -> httpx2.Response:
    """Try a secret."""
    credentials = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return await server.http.post(
        path or "/token",
        data={"grant_type": "authorization_code", "code": "x", "token": "x"},
        headers={**from_address(address), "authorization": f"Basic {credentials}"},
    )


async def confidential(server: AuthServer) -> tuple[str, str]:
    """Register a client with a secret."""
    document = {"redirect_uris": ["https://app.example/cb"], **A_SECRET}
    body = (await server.http.post("/register", json=document)).json()
    return body["client_id"], body["client_secret"]


def assert_wait(answer: httpx2.Response, seconds: int) -> None:
    """The client learns when to retry, and nothing about its guess."""
    assert (answer.status_code, answer.json()["error"]) == (429, "temporarily_unavailable")
    assert answer.headers["retry-after"] == str(seconds)


@pytest.mark.parametrize("path", ["/token", "/revoke", "/introspect"])
async def test_after_some_wrong_secrets_even_the_right_one_is_refused_a91(
    strict: AuthServer, path: str
) -> None:
    client_id, secret = await confidential(strict)
    wrong = [await guess(strict, client_id, f"wrong{n}", path=path) for n in range(5)]

    assert [answer.status_code for answer in wrong] == [401] * 5
    assert_wait(await guess(strict, client_id, secret, path=path), 12)
    strict.clock.advance(seconds=12)
    assert (await guess(strict, client_id, secret, path=path)).status_code not in {401, 429}


async def test_one_address_guessing_keeps_no_other_from_its_client_a91(strict: AuthServer) -> None:
    client_id, secret = await confidential(strict)
    other_id, other_secret = await confidential(strict)
    for n in range(6):
        await guess(strict, client_id, f"wrong{n}")

    elsewhere = await guess(strict, client_id, secret, address="192.0.2.2")
    beside = await guess(strict, other_id, other_secret)

    assert (elsewhere.json()["error"], beside.json()["error"]) == ("invalid_request",) * 2


async def test_an_address_that_invents_clients_is_stopped_as_well_a93(strict: AuthServer) -> None:
    for n in range(50):
        assert (await guess(strict, f"client_{n}", "x")).status_code == 401

    assert_wait(await guess(strict, "client_next", "x"), 2)


async def test_codes_that_never_were_run_out_a31(strict: AuthServer) -> None:
    client = await strict.client()
    answers = [await client.redeem(f"code{n}" * 10, code_verifier="v" * 43) for n in range(6)]

    assert [answer.status_code for answer in answers] == [400] * 5 + [429]


async def test_correct_guesses_are_never_counted(strict: AuthServer) -> None:
    client, person = await strict.client(), strict.person()
    tokens = await client.connect(person)
    for _ in range(10):
        answer = await client.refresh(tokens["refresh_token"])
        tokens = answer.json()

    assert answer.status_code == 200


async def test_asking_about_tokens_that_are_none_runs_out_a135(
    strict: AuthServer, change_row: Any
) -> None:
    client_id, secret = await confidential(strict)
    await change_row(strict, Client, client_id, source="managed", introspects=True)
    client = await strict.client()
    token = (await connect_without_pages(strict, client))["access_token"]
    credentials = base64.b64encode(f"{client_id}:{secret}".encode()).decode()

    async def ask(token: str) -> httpx2.Response:
        headers = {**from_address("192.0.2.1"), "authorization": f"Basic {credentials}"}
        return await strict.http.post("/introspect", data={"token": token}, headers=headers)

    living = [(await ask(token)).json()["active"] for _ in range(8)]
    scanned = [await ask(f"token{n}") for n in range(5)]

    assert living == [True] * 8
    assert [answer.json() for answer in scanned] == [{"active": False}] * 5
    assert_wait(await ask("token6"), 12)


async def test_an_address_begins_no_more_apps_than_a_person_could_a77(strict: AuthServer) -> None:
    client = await strict.client()
    url = client.authorize_url()

    begun = [await strict.http.get(url, headers=from_address("192.0.2.1")) for _ in range(4)]
    elsewhere = await strict.http.get(url, headers=from_address("192.0.2.2"))
    strict.clock.advance(seconds=20)
    later = await strict.http.get(url, headers=from_address("192.0.2.1"))

    assert [answer.status_code for answer in begun] == [303, 303, 303, 429]
    assert begun[3].headers["retry-after"] == "20"
    assert begun[3].headers["content-type"].startswith("text/html")
    assert (elsewhere.status_code, later.status_code) == (303, 303)


@given(st.lists(st.floats(0, 30), max_size=40), st.integers(1, 10))
def test_a_bucket_never_gives_more_than_the_units_of_two_minutes_in_a_minute(
    pauses: list[float], per_minute: int
) -> None:
    """A bucket starts full and refills; a caller who waits as told is admitted."""
    clock, buckets, taken = Clock(), Buckets(per_minute), list[float]()
    for pause in pauses:
        clock.advance(seconds=pause)
        wait = buckets.wait("a", clock())
        if wait:
            clock.advance(seconds=wait)
            assert buckets.wait("a", clock()) == 0
        buckets.take("a", clock())
        taken.append(clock().timestamp())
        assert sum(at > taken[-1] - 60 for at in taken) <= 2 * per_minute


async def test_a_stranger_who_invents_long_client_ids_fills_no_memory_and_stops_no_client(
    auth_server: AuthServer,
) -> None:
    client, person = await auth_server.client(), auth_server.person()
    tokens = await client.connect(person)
    padding = "x" * 60_000

    async def guess_with(number: int) -> None:
        form = {"grant_type": "authorization_code", "client_id": f"{number}{padding}"}
        await auth_server.http.post("/token", data=form)

    await guess_with(0)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(1, 60):
        await guess_with(number)
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()

    assert kept < 10 * len(padding)
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200


async def test_long_addresses_that_a_stranger_forges_are_not_kept(
    database_url: str, clock: Clock
) -> None:
    async with running_auth_server(database_url, clock, trusted_proxies=2) as server:
        padding = "1" * 30_000
        await guess(server, "client_0", "x", address=f"{padding}0")
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for number in range(60):
            await guess(server, "client_0", "x", address=f"{padding}{number}")
        kept = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()

    assert kept < 10 * len(padding)


def test_limits_forget_strangers_as_soon_as_they_may_come_again() -> None:
    clock, buckets = Clock(), Buckets(10)
    windows = SlidingWindows(10, timedelta(minutes=1))
    for number in range(3000):
        buckets.take(number, clock())
        windows.add(number, clock())
    clock.advance(minutes=2)
    buckets.take("somebody", clock())
    windows.add("somebody", clock())

    assert (len(buckets), len(windows)) == (1, 1)


def test_a_full_table_drops_the_oldest_stranger_and_keeps_who_is_still_counted() -> None:
    clock, buckets = Clock(), Buckets(1)
    for number in range(MOST_KEYS):
        buckets.take(number, clock())
        if number % 1000 == 0:
            buckets.take("known", clock())
    buckets.take("one more", clock())

    assert len(buckets) == MOST_KEYS
    assert buckets.wait("known", clock()) > 0
    assert buckets.wait(MOST_KEYS - 1, clock()) > 0
    assert buckets.wait(0, clock()) == 0


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3))))
def test_a_table_of_strangers_never_holds_more_than_it_may(
    puts: list[tuple[int, int]],
) -> None:
    """It holds what was put latest and is not over, and every key by its latest value."""
    table, now = Recent[int](5), 0
    latest: dict[int, int] = {}
    for key, pause in puts:
        now += pause
        table.put(key, now + 4, is_over=lambda end: end <= now)  # noqa: B023 - called at once
        latest.pop(key, None)
        latest[key] = now + 4
        living = [key for key, end in latest.items() if end > now][-5:]
        assert len(table) == len(living)
        assert [table.get(key) for key in living] == [latest[key] for key in living]


# --- the audit log --------------------------------------------------------------------------------


async def told(server: AuthServer) -> list[dict[str, Any]]:
    """Read what the audit log tells of refusals; its chain must hold."""
    database = open_database(server.database_url)
    async with database.reading() as db:
        query = select(AuditEntry).where(col(AuditEntry.event) == "denied")
        rows = list((await db.execute(query.order_by(col(AuditEntry.number)))).scalars())
        assert await find_break(db) is None
    await database.engine.dispose()
    return [json.loads(row.detail) for row in rows]


@pytest.mark.both_databases
async def test_a_flood_of_refusals_is_one_entry_of_the_audit_log_for_each_kind(
    auth_server: AuthServer,
) -> None:
    client = await auth_server.client()
    for n in range(30):
        await guess(auth_server, f"client_{n}", "x")
    await client.redeem("never-was", code_verifier="v" * 43)
    await auth_server.http.get(client.authorize_url(redirect_uri="https://evil.example/"))
    await auth_server.http.get(client.authorize_url(scope="mcp:everything"))

    assert await told(auth_server) == []
    await maintain(auth_server.opened)
    await maintain(auth_server.opened)

    one = {"times": 1, "addresses": 1}
    assert await told(auth_server) == [
        {"path": "/authorize", "error": "invalid_request", **one},
        {"path": "/authorize", "error": "invalid_scope", **one},
        {"path": "/token", "error": "invalid_client", "times": 30, "addresses": 1},
        {"path": "/token", "error": "invalid_grant", **one},
    ]


async def test_a_stopping_server_logs_its_counts(database_url: str, clock: Clock) -> None:
    async with running_auth_server(database_url, clock) as server:
        await guess(server, "client_unknown", "x")

    assert [entry["error"] for entry in await told(server)] == ["invalid_client"]


@given(st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9), st.text(max_size=3))))
def test_every_kind_of_refusal_is_counted(
    refused: list[tuple[str, str, str]],
) -> None:
    denials = Denials()
    for path, error, address in refused:
        denials.count(path, error, address)

    entries = denials.take()

    assert sum(int(entry["times"]) for entry in entries) == len(refused)
    assert len(entries) <= 201
    assert denials.take() == []
