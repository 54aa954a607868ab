"""What strangers name and send costs the clients that people use nothing."""

import asyncio
import json
import socket
import threading
from typing import Any

import pytest

from auth_server.maintenance import maintain
from auth_server.outbound.cache import DocumentUnavailable, FetchCache
from auth_server.outbound.guarded_fetch import Fetched, FetchRefused
from auth_server.outbound.named_documents import Asker, NamedDocuments
from auth_server.outbound.resolver import Resolver
from auth_server.records.clients.table import Client
from support.in_process.assertions import KeyPair, jwks, signed_by, statement
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.oauth_client import OAuthClient, answer_of

URL = "https://app.example/oauth/client.json"
KEYS = "https://app.example/oauth/jwks.json"
KEY, NEXT_KEY = KeyPair(kid="one"), KeyPair(kid="two")


def publish(server: AuthServer, url: str = URL, **members: Any) -> OAuthClient:
    """Put a client's document on the web."""
    document = {
        "client_id": url,
        "client_name": "App",
        "redirect_uris": ["https://app.example/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        **members,
    }
    server.web[url] = Fetched(json.dumps(document).encode(), "application/json", "")
    return OAuthClient(
        server.http, server.issuer, server.resource, url, "https://app.example/callback"
    )


def publish_keys(server: AuthServer, *keys: KeyPair, url: str = KEYS) -> None:
    """Put a key set on the web."""
    server.web[url] = Fetched(json.dumps(jwks(*keys)).encode(), "application/json", "")


async def start(server: AuthServer, url: str) -> int:
    """Start an authorization as the client with this id; answers the status."""
    client = OAuthClient(
        server.http, server.issuer, server.resource, url, "https://app.example/callback"
    )
    return (await server.http.get(client.authorize_url())).status_code


def proof(server: AuthServer, key: KeyPair, client_id: str = URL, **header: Any) -> dict[str, str]:
    """Sign a client's statement."""
    return signed_by(key.sign(statement(client_id, server.issuer, server.clock()), **header))


async def refresh(server: AuthServer, key: KeyPair, client: OAuthClient) -> tuple[int, str]:
    """Try a refresh token that does not exist: `invalid_grant` shows that the client was believed."""
    answer = await client.refresh("unknown", client_id=None, **proof(server, key))
    return answer.status_code, answer.json()["error"]


BELIEVED = (400, "invalid_grant")
REFUSED = (401, "invalid_client")
LATER = (503, "temporarily_unavailable")


@pytest.mark.parametrize(
    "where", ["https://app.example/nothing/{}", "https://stranger{}.example/x"]
)
async def test_names_that_strangers_invent_keep_nobody_from_an_app_in_use(
    sqlite_server: AuthServer, clock: Clock, where: str
) -> None:
    client = publish(sqlite_server)
    await client.connect(sqlite_server.person())
    clock.advance(minutes=6)

    for number in range(130):
        await start(sqlite_server, where.format(number))

    assert await start(sqlite_server, URL) == 303
    assert sqlite_server.fetched.count(URL) == 2


async def test_names_that_one_stranger_invents_keep_nobody_else_from_a_new_app(
    sqlite_url: str, clock: Clock
) -> None:
    async with running_auth_server(sqlite_url, clock, trusted_proxies=1) as server:
        client = publish(server)
        for number in range(40):
            await start(server, f"https://app.example/nothing/{number}")
        url = client.authorize_url()
        there = await server.http.get(url, headers={"x-forwarded-for": "192.0.2.7"})

    assert there.status_code == 303
    assert len(server.fetched) == 31


@pytest.mark.both_databases
async def test_an_app_in_use_connects_while_its_host_is_down_for_a_day(
    database_url: str, clock: Clock
) -> None:
    async with running_auth_server(database_url, clock) as server:
        client = publish(server)
        await client.connect(server.person())
        clock.advance(hours=23)
        del server.web[URL]
        same_process = await start(server, URL)
    async with running_auth_server(database_url, clock) as server:
        after_a_restart = await start(server, URL)
        clock.advance(hours=2)
        next_day = await start(server, URL)

    assert (same_process, after_a_restart, next_day) == (303, 303, 400)


async def test_a_document_that_became_unusable_counts_at_once_though_its_host_fails_next(
    sqlite_server: AuthServer, clock: Clock
) -> None:
    client = publish(sqlite_server)
    await client.connect(sqlite_server.person())
    clock.advance(minutes=6)
    publish(sqlite_server, redirect_uris=["https://app.example/other"])
    changed = await start(sqlite_server, URL)
    clock.advance(minutes=6)
    publish(sqlite_server, client_id="https://other.example/client.json")

    assert (changed, await start(sqlite_server, URL)) == (400, 400)


async def test_an_address_that_keeps_failing_is_asked_ever_less_often(
    sqlite_server: AuthServer, clock: Clock
) -> None:
    for _ in range(100):
        assert await start(sqlite_server, URL) == 400
        clock.advance(seconds=6)
    asked = len(sqlite_server.fetched)
    publish(sqlite_server)
    clock.advance(minutes=5)

    assert 5 <= asked <= 10
    assert await start(sqlite_server, URL) == 303


@pytest.mark.both_databases
async def test_two_processes_keep_the_document_that_was_read_last(
    database_url: str, clock: Clock
) -> None:
    async with running_auth_server(database_url, clock) as first:
        await publish(first, client_name="Old name").connect(first.person())
        clock.advance(minutes=1)
        async with running_auth_server(database_url, clock) as second:
            client = publish(second, client_name="New name")
            await second.person().reach_consent(client.authorize_url())
        page = await first.person().reach_consent(client.authorize_url())

    assert "New name" in page.text
    assert "Old name" not in page.text


@pytest.mark.both_databases
async def test_people_who_use_a_new_app_at_the_same_moment_all_get_on(
    auth_server: AuthServer,
) -> None:
    publish(auth_server)

    answers = await asyncio.gather(*(start(auth_server, URL) for _ in range(12)))

    assert set(answers) == {303}


@pytest.mark.both_databases
async def test_documents_that_nobody_approved_are_forgotten_and_a_blocked_one_stays_blocked(
    auth_server: AuthServer, clock: Clock, change_row: Any
) -> None:
    used, blocked = publish(auth_server), "https://blocked.example/client.json"
    await used.connect(auth_server.person())
    publish(auth_server, blocked)
    await start(auth_server, blocked)
    await change_row(auth_server, Client, blocked, disabled_at=clock())
    for number in range(20):
        url = f"https://s{number}.example/client.json"
        publish(auth_server, url)
        await start(auth_server, url)
    clock.advance(hours=2)
    await maintain(auth_server.opened)

    async with auth_server.opened.database.reading() as db:
        known = [await db.get(Client, URL), await db.get(Client, blocked)]
        gone = [await db.get(Client, f"https://s{n}.example/client.json") for n in range(20)]
    assert None not in known
    assert gone == [None] * 20
    assert (await start(auth_server, URL), await start(auth_server, blocked)) == (303, 400)


# --- keys -----------------------------------------------------------------------------------------


async def signing_client(server: AuthServer, **keys: Any) -> OAuthClient:
    """Let a person connect a client that signs."""
    client = publish(server, token_endpoint_auth_method="private_key_jwt", **keys)
    code = answer_of(await server.person().approve(client.authorize_url()))["code"]
    tokens = await client.redeem(code, client_id=None, **proof(server, KEY))
    assert tokens.status_code == 200
    return client


async def register_signing(server: AuthServer, jwks_uri: str) -> str:
    """Register a client that says where its keys are."""
    document = {
        "redirect_uris": ["https://stranger.example/callback"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": jwks_uri,
    }
    client_id: str = (await server.http.post("/register", json=document)).json()["client_id"]
    return client_id


async def test_keys_that_strangers_place_at_an_apps_host_keep_the_app_from_nothing(
    sqlite_server: AuthServer, clock: Clock
) -> None:
    publish_keys(sqlite_server, KEY)
    client = await signing_client(sqlite_server, jwks_uri=KEYS)
    clock.advance(minutes=6)
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    for number in range(5):
        stranger = await register_signing(sqlite_server, f"https://app.example/nothing/{number}")
        for _ in range(30):
            junk = proof(sqlite_server, NEXT_KEY, stranger)
            await sqlite_server.http.post("/token", data={**form, **junk})
            clock.advance(seconds=0.1)

    assert await refresh(sqlite_server, KEY, client) == BELIEVED


async def test_an_app_is_believed_by_its_last_known_keys_while_their_host_is_down(
    sqlite_server: AuthServer, clock: Clock
) -> None:
    publish_keys(sqlite_server, KEY)
    client = await signing_client(sqlite_server, jwks_uri=KEYS)
    clock.advance(hours=23)
    del sqlite_server.web[KEYS]
    known, forged = (
        await refresh(sqlite_server, KEY, client),
        await refresh(sqlite_server, KeyPair(kid="one"), client),
    )
    new_key = await refresh(sqlite_server, NEXT_KEY, client)
    clock.advance(hours=2)
    next_day = await refresh(sqlite_server, KEY, client)
    clock.advance(minutes=5)
    publish_keys(sqlite_server, KEY)

    assert (known, forged, new_key, next_day) == (BELIEVED, REFUSED, LATER, LATER)
    assert await refresh(sqlite_server, KEY, client) == BELIEVED


async def test_keys_that_an_app_withdrew_are_not_last_known_ones(
    sqlite_server: AuthServer, clock: Clock
) -> None:
    publish_keys(sqlite_server, KEY)
    client = await signing_client(sqlite_server, jwks_uri=KEYS)
    clock.advance(minutes=6)
    publish_keys(sqlite_server)
    withdrawn = await refresh(sqlite_server, KEY, client)
    del sqlite_server.web[KEYS]

    assert (withdrawn, await refresh(sqlite_server, KEY, client)) == (LATER, LATER)


async def test_a_key_that_an_app_replaces_in_its_document_counts_within_half_a_minute(
    sqlite_server: AuthServer, clock: Clock
) -> None:
    client = await signing_client(sqlite_server, jwks=jwks(KEY))
    publish(sqlite_server, token_endpoint_auth_method="private_key_jwt", jwks=jwks(NEXT_KEY))
    clock.advance(seconds=31)

    replaced = await refresh(sqlite_server, NEXT_KEY, client)

    assert (replaced, await refresh(sqlite_server, KEY, client)) == (BELIEVED, REFUSED)


async def test_a_key_that_an_app_removed_from_its_document_counts_for_a_day_at_most(
    sqlite_server: AuthServer, clock: Clock
) -> None:
    client = await signing_client(sqlite_server, jwks=jwks(KEY))
    publish(sqlite_server, token_endpoint_auth_method="private_key_jwt", jwks=jwks(NEXT_KEY))
    clock.advance(minutes=6)

    assert await refresh(sqlite_server, KEY, client) == REFUSED


async def test_a_restarted_server_believes_a_stored_key_while_the_documents_host_is_down(
    sqlite_url: str, clock: Clock
) -> None:
    async with running_auth_server(sqlite_url, clock) as server:
        client = await signing_client(server, jwks=jwks(KEY))
    async with running_auth_server(sqlite_url, clock) as server:
        client.http = server.http
        clock.advance(minutes=1)
        known, new_key = (
            await refresh(server, KEY, client),
            await refresh(server, NEXT_KEY, client),
        )
        clock.advance(hours=25)
        next_day = await refresh(server, KEY, client)

    assert (known, new_key, next_day) == (BELIEVED, LATER, LATER)


# --- threads and slots ----------------------------------------------------------------------------


async def test_hosts_whose_name_servers_hang_delay_no_other_look_up_and_no_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hang = threading.Event()
    looked_up = socket.getaddrinfo

    def look_up(host: str, *more: Any, **named: Any) -> Any:
        if host == "hangs.example":
            assert hang.wait(30)
        return looked_up("127.0.0.1", *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    before = threading.active_count()
    strangers, in_use = Resolver(threads=2), Resolver(threads=2)
    hanging = [asyncio.create_task(strangers("hangs.example", 443)) for _ in range(50)]
    await asyncio.sleep(0)
    try:
        assert await in_use("app.example", 443) == ["127.0.0.1"]
        assert await asyncio.to_thread(lambda: "read") == "read"
        assert threading.active_count() < before + 20
        for task in hanging[2:]:
            task.cancel()
    finally:
        hang.set()
    answers = await asyncio.gather(*hanging, return_exceptions=True)
    assert answers[:2] == [["127.0.0.1"]] * 2
    assert await strangers("app.example", 443) == ["127.0.0.1"]


async def test_strangers_who_use_up_every_fetch_and_hold_every_slot_delay_no_app_in_use() -> None:
    clock, release = Clock(), asyncio.Event()
    asked: list[str] = []

    async def strangers(url: str) -> Fetched:
        asked.append(url)
        await release.wait()
        raise FetchRefused("status 404")

    async def in_use(_: str) -> Fetched:
        return Fetched(b"{}", "application/json", "")

    async def yes() -> bool:
        return True

    async def no() -> bool:
        return False

    documents = NamedDocuments(in_use, strangers, lambda url, _: url, clock)
    junk = [
        asyncio.create_task(
            documents.read(f"https://s{n}.example/x", f"s{n}.example", Asker(f"address {n}", no))
        )
        for n in range(700)
    ]
    await asyncio.sleep(0)
    copy = await documents.read(URL, "app.example", Asker("", yes))
    release.set()
    answers = await asyncio.gather(*junk, return_exceptions=True)

    assert copy.value == URL
    assert len(asked) == 600
    assert all(isinstance(answer, DocumentUnavailable) for answer in answers)


async def test_documents_that_strangers_publish_push_out_none_of_an_app_in_use() -> None:
    clock = Clock()
    asked: list[str] = []

    async def fetch(url: str) -> Fetched:
        asked.append(url)
        return Fetched(b"{}", "application/json", "max-age=86400")

    async def yes() -> bool:
        return True

    async def no() -> bool:
        return False

    documents = NamedDocuments(fetch, fetch, lambda url, _: url, clock)
    await documents.read(URL, "app.example", Asker("", no))
    await documents.read(URL, "app.example", Asker("", yes), suffices=lambda _: False)
    for number in range(1100):
        clock.advance(seconds=1)
        url = f"https://s{number}.example/x"
        await documents.read(url, f"s{number}.example", Asker(f"address {number}", no))
    await documents.read(URL, "app.example", Asker("", yes))

    assert asked.count(URL) == 2
    assert len(asked) == 1102


async def test_a_cache_that_strangers_fill_keeps_as_many_documents_and_failures_as_it_may() -> None:
    clock = Clock()

    async def fetch(url: str) -> Fetched:
        if "bad" in url:
            raise FetchRefused("status 404")
        return Fetched(b"{}", "application/json", "")

    cache = FetchCache(fetch, lambda url, _: url, clock, most=10)
    for number in range(50):
        await cache.fetch(f"good{number}", "origin")
        for _ in range(3):
            with pytest.raises(DocumentUnavailable, match="404"):
                await cache.fetch(f"bad{number}", "origin")

    assert [cache.recall(f"good{n}") is not None for n in range(50)] == [False] * 40 + [True] * 10
    assert len(cache._failures) == 10
