"""Revoking tokens: by their client, by replay and reuse, by an operator; and announcing it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from joserfc.jwk import ECKey
from sqlalchemy import text
from sqlmodel import select

from auth_server.records.audit.table import AuditEntry
from auth_server.records.refresh_tokens.table import RefreshToken
from auth_server.records.revocations.table import RevocationRow
from auth_server.revocations import revoke as ending
from auth_server.tokens.keyring import withdraw
from gatepost.revocations import REVOCATIONS_PATH, RevocationList, RevocationsPage
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.grants import connect_without_pages
from support.in_process.oauth_client import OAuthClient, answer_of
from support.in_process.revocations import (
    GATEWAY,
    ask_in_process,
    assertions,
    commit_revocation,
    following,
    read_unverified,
)


@pytest.fixture
async def server(database_url: str, clock: Clock) -> AsyncIterator[AuthServer]:
    """An authorization server that knows the gateway's keys."""
    async with running_auth_server(database_url, clock, resources=(GATEWAY,)) as running:
        yield running


async def revoke(client: OAuthClient, token: str, **form: str) -> int:
    """Ask to end a token; return the status."""
    data = {"client_id": client.client_id, "token": token, **form}
    answer = await client.http.post("/revoke", data=data)
    return answer.status_code


async def poll(server: AuthServer, **form: str) -> RevocationsPage:
    """Ask for the revocations as the gateway does, without waiting for news."""
    await server.opened.feed.look()
    data = {**assertions(server.clock).form(), "wait": "0", **form}
    answer = await server.http.post(REVOCATIONS_PATH, data=data)
    assert answer.status_code == 200, answer.text
    return RevocationsPage.model_validate_json(answer.content)


async def has_ended(server: AuthServer, access_token: str) -> bool:
    """Tell whether a gateway that asks now learns that a token ended."""
    known = RevocationList((await poll(server)).revocations)
    return known.is_revoked(*read_unverified(access_token))


async def rows(server: AuthServer, table: Any) -> list[Any]:
    """Read a table behind the server's back."""
    async with server.opened.database.reading() as db:
        return list((await db.execute(select(table))).scalars())


@pytest.mark.both_databases
async def test_ending_a_refresh_token_ends_its_family_and_every_access_token_of_it_a137(
    server: AuthServer,
) -> None:
    """RFC 7009 §2.1. A137: the answer is true, because the JWTs end too."""
    client = await server.client()
    first = await connect_without_pages(server, client)
    second = (await client.refresh(first["refresh_token"])).json()

    assert await revoke(client, second["refresh_token"]) == 200

    for tokens in (first, second):
        assert await has_ended(server, tokens["access_token"])
        assert (await client.refresh(tokens["refresh_token"])).status_code == 400


@pytest.mark.both_databases
async def test_a_used_refresh_token_ends_its_family_too(server: AuthServer) -> None:
    """A client that lost the newest answer can still sign out."""
    client = await server.client()
    first = await connect_without_pages(server, client)
    second = (await client.refresh(first["refresh_token"])).json()

    assert await revoke(client, first["refresh_token"]) == 200

    assert await has_ended(server, second["access_token"])
    assert (await client.refresh(second["refresh_token"])).status_code == 400


@pytest.mark.both_databases
async def test_another_connection_of_the_same_grant_is_not_touched(server: AuthServer) -> None:
    """Signing out on one machine leaves the other signed in."""
    client, ada = await server.client(), server.person()
    here, there = await client.connect(ada), await client.connect(ada)

    assert await revoke(client, here["refresh_token"]) == 200

    assert await has_ended(server, here["access_token"])
    assert not await has_ended(server, there["access_token"])
    assert (await client.refresh(there["refresh_token"])).status_code == 200


@pytest.mark.both_databases
async def test_revoking_an_access_token_ends_only_that_token(server: AuthServer) -> None:
    """RFC 7009 §2.1."""
    client = await server.client()
    first = await connect_without_pages(server, client)

    assert await revoke(client, first["access_token"]) == 200

    second = (await client.refresh(first["refresh_token"])).json()
    assert await has_ended(server, first["access_token"])
    assert not await has_ended(server, second["access_token"])


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "saml", ""])
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_a_wrong_or_unknown_hint_changes_nothing_a138(
    server: AuthServer, kind: str, hint: str
) -> None:
    """RFC 7009 §2.1. A138."""
    client = await server.client()
    tokens = await connect_without_pages(server, client)

    assert await revoke(client, tokens[kind], token_type_hint=hint) == 200

    assert await has_ended(server, tokens["access_token"])


@pytest.mark.both_databases
async def test_a_client_can_not_end_the_tokens_of_another_nor_learn_that_they_exist_a136(
    server: AuthServer,
) -> None:
    """RFC 7009 §2.1, §2.2. A136."""
    victim, thief = await server.client(), await server.client()
    tokens = await connect_without_pages(server, victim)

    answers = [
        await server.http.post("/revoke", data={"client_id": thief.client_id, "token": token})
        for token in (tokens["refresh_token"], tokens["access_token"], "nothing", "a.b.c")
    ]

    assert {answer.status_code for answer in answers} == {200}
    assert len({(answer.content, tuple(answer.headers.keys())) for answer in answers}) == 1
    assert not await has_ended(server, tokens["access_token"])
    assert (await victim.refresh(tokens["refresh_token"])).status_code == 200
    assert await rows(server, RevocationRow) == []


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "a.b.c",
        "..",
        "eyJhbGciOiJub25lIn0.e30.",
        "é",
        "[" * 5000,
        "W1tb." * 2 + "x",
        "a" * 20000,
    ],
)
async def test_a_malformed_token_is_answered_like_an_unknown_one(
    server: AuthServer, token: str
) -> None:
    client = await server.client()
    assert await revoke(client, token) == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"token": "x"}, 401, "invalid_client"),
        ({"client_id": "orbit-cli"}, 400, "invalid_request"),
        ({"client_id": "nobody", "token": "x"}, 401, "invalid_client"),
        ({"client_id": "orbit-cli", "client_secret": "s", "token": "x"}, 401, "invalid_client"),
    ],
)
async def test_a_malformed_request_gets_an_error_of_the_token_endpoint(
    server: AuthServer, form: dict[str, str], status: int, error: str
) -> None:
    """RFC 7009 §2.2.1."""
    answer = await server.http.post("/revoke", data=form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


async def test_a_browser_client_may_revoke_but_not_introspect_nor_follow(
    server: AuthServer,
) -> None:
    """CORS only for the endpoints that browser clients call."""
    asked = {"origin": "https://app.example", "access-control-request-method": "POST"}
    headers = {
        path: (await server.http.options(path, headers=asked)).headers
        for path in ("/revoke", "/introspect", REVOCATIONS_PATH)
    }
    allowed = [path for path, sent in headers.items() if "access-control-allow-origin" in sent]
    assert allowed == ["/revoke"]


@pytest.mark.both_databases
async def test_repeating_a_revocation_writes_nothing_more(server: AuthServer) -> None:
    client = await server.client()
    tokens = await connect_without_pages(server, client)
    for _ in range(3):
        await revoke(client, tokens["access_token"])
        await revoke(client, tokens["refresh_token"])

    kinds = [row.kind for row in await rows(server, RevocationRow)]

    assert sorted(kinds) == ["family", "token"]


@pytest.mark.both_databases
async def test_a_replayed_code_ends_the_access_token_it_gave_too_a26(server: AuthServer) -> None:
    """OAuth 2.1 §4.1.3. A26."""
    client = await server.client()
    code = answer_of(await server.person().approve(client.authorize_url()))["code"]
    tokens = (await client.redeem(code)).json()

    assert (await client.redeem(code)).json()["error"] == "invalid_grant"

    assert await has_ended(server, tokens["access_token"])


@pytest.mark.both_databases
async def test_a_reused_refresh_token_ends_the_access_tokens_of_its_family_too_a95(
    server: AuthServer,
) -> None:
    """RFC 9700 §4.14.2. A95."""
    client = await server.client()
    first = await connect_without_pages(server, client)
    second = (await client.refresh(first["refresh_token"])).json()
    server.clock.advance(minutes=3)

    assert (await client.refresh(first["refresh_token"])).status_code == 400

    assert await has_ended(server, first["access_token"])
    assert await has_ended(server, second["access_token"])


@pytest.mark.both_databases
async def test_fewer_tools_at_the_next_consent_end_the_tokens_that_held_more(
    server: AuthServer,
) -> None:
    client, ada = await server.client(), server.person()
    wide = await client.connect(ada)
    same = await client.connect(ada)
    assert not await has_ended(server, wide["access_token"])

    narrow = await client.connect(ada, untick=["list_projects"])

    assert await has_ended(server, wide["access_token"])
    assert await has_ended(server, same["access_token"])
    assert not await has_ended(server, narrow["access_token"])


@pytest.mark.both_databases
async def test_a_grant_that_is_revoked_takes_everything_issued_from_it(server: AuthServer) -> None:
    client, ada = await server.client(), server.person()
    tokens, others = (
        [await client.connect(ada) for _ in range(2)],
        await client.connect(server.person("bo@globex.example")),
    )
    grant_id = read_unverified(tokens[0]["access_token"])[0].grant_id
    lifetime, now = server.settings.access_token_lifetime, server.clock()
    async with server.opened.database.writing() as db, db.begin():
        ended = [
            await ending.revoke_grant(db, grant_id, "by ada", lifetime=lifetime, now=now)
            for _ in range(2)
        ]

    assert ended == [True, False]
    for one in tokens:
        assert await has_ended(server, one["access_token"])
        assert (await client.refresh(one["refresh_token"])).status_code == 400
    assert not await has_ended(server, others["access_token"])
    entries = [e for e in await rows(server, AuditEntry) if e.event == "grant.revoked"]
    assert [(e.grant_id, e.person_id, e.tenant_id) for e in entries] == [
        (grant_id, "usr_ada", "org_acme")
    ]
    anew = await client.connect(ada)
    assert not await has_ended(server, anew["access_token"])


@pytest.mark.both_databases
async def test_ending_everything_of_a_tenant_does_not_affect_other_tenants(
    server: AuthServer,
) -> None:
    """A162: an operator ends a tenant's tokens that a restored backup revived."""
    client, ada = await server.client(), server.person()
    acme = await client.connect(ada)
    globex = await client.connect(server.person("bo@globex.example"))
    lifetime, now = server.settings.access_token_lifetime, server.clock()
    async with server.opened.database.writing() as db, db.begin():
        ended = await ending.revoke_grants(
            db, "restored", tenant_id="org_acme", lifetime=lifetime, now=now
        )

    assert ended == 1
    assert await has_ended(server, acme["access_token"])
    assert (await client.refresh(acme["refresh_token"])).status_code == 400
    assert not await has_ended(server, globex["access_token"])


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("kind", "key"), [("tenant", "org_acme"), ("person", "usr_ada"), ("client", None)]
)
async def test_tokens_from_before_a_change_of_policy_end_and_refreshing_gives_valid_ones(
    server: AuthServer, kind: Any, key: str | None
) -> None:
    client = await server.client()
    before = await connect_without_pages(server, client)
    lifetime = server.settings.access_token_lifetime
    async with server.opened.database.writing() as db, db.begin():
        await ending.outdate_tokens(
            db, kind, key or client.client_id, lifetime=lifetime, now=server.clock()
        )
    server.clock.advance(seconds=1)
    after = (await client.refresh(before["refresh_token"])).json()

    assert await has_ended(server, before["access_token"])
    assert not await has_ended(server, after["access_token"])


@pytest.mark.both_databases
async def test_tokens_of_a_withdrawn_key_are_announced_as_revoked(server: AuthServer) -> None:
    """A113."""
    client = await server.client()
    signed = await connect_without_pages(server, client)
    async with server.opened.database.writing() as db, db.begin():
        await withdraw(db, server.opened.keys, now=server.clock())
    await server.opened.keyring.maintain(server.clock())
    anew = (await client.refresh(signed["refresh_token"])).json()

    assert await has_ended(server, signed["access_token"])
    assert not await has_ended(server, anew["access_token"])


@pytest.mark.both_databases
@pytest.mark.parametrize("how", ["refresh_token", "grant"])
async def test_ending_while_rotating_leaves_nothing_alive_a103(
    server: AuthServer, how: str
) -> None:
    """A103: in either order, the family ends."""
    client = await server.client()
    lifetime, now = server.settings.access_token_lifetime, server.clock()
    for _ in range(3):
        tokens = await connect_without_pages(server, client)

        async def end(tokens: dict[str, Any] = tokens) -> None:
            if how == "refresh_token":
                assert await revoke(client, tokens["refresh_token"]) == 200
                return
            grant_id = read_unverified(tokens["access_token"])[0].grant_id
            async with server.opened.database.writing() as db, db.begin():
                await ending.revoke_grant(db, grant_id, "race", lifetime=lifetime, now=now)

        ended = asyncio.Event()

        async def rotate(
            tokens: dict[str, Any] = tokens, ended: asyncio.Event = ended
        ) -> list[str]:
            held, alive = tokens["refresh_token"], []
            while (answer := await client.refresh(held)).status_code == 200:
                held = answer.json()["refresh_token"]
                alive.append(answer.json()["access_token"])
                if len(alive) == 5:
                    await ended.wait()
            assert answer.json()["error"] == "invalid_grant"
            return alive

        racing = asyncio.create_task(rotate())
        also = [asyncio.create_task(client.refresh(tokens["refresh_token"])) for _ in range(4)]
        await end()
        ended.set()
        for answer in await asyncio.gather(*also):
            if answer.status_code == 200:
                late = await client.refresh(answer.json()["refresh_token"])
                assert late.status_code == 400
                assert await has_ended(server, answer.json()["access_token"])
        for access_token in await racing:
            assert await has_ended(server, access_token)


async def until_somebody_waits_for_a_row(server: AuthServer) -> None:
    """Return once a statement waits for a lock; SQLite has its writers wait from the start."""
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    while "postgresql" in server.database_url:
        async with server.opened.database.reading() as db:
            if (await db.execute(waiting)).scalar_one():
                return


@pytest.mark.both_databases
@pytest.mark.parametrize("how", ["refresh_token", "grant"])
async def test_a_successor_made_at_the_very_moment_of_the_end_is_ended_too(
    server: AuthServer, how: str
) -> None:
    """A103, the worst case: the rotation is written and not committed when the end begins."""
    client = await server.client()
    tokens = await connect_without_pages(server, client)
    (first,) = await rows(server, RefreshToken)
    lifetime, now = server.settings.access_token_lifetime, server.clock()

    async def end() -> None:
        if how == "refresh_token":
            assert await revoke(client, tokens["refresh_token"]) == 200
            return
        async with server.opened.database.writing() as db, db.begin():
            await ending.revoke_grant(db, first.grant_id, "race", lifetime=lifetime, now=now)

    async with server.opened.database.writing() as db, db.begin():
        used = await db.get(RefreshToken, first.token_hash)
        assert used is not None
        used.first_used_at = now
        successor = first.model_dump() | {"token_hash": "0" * 64, "generation": 2}
        db.add(RefreshToken(**successor))
        await db.flush()
        ended = asyncio.create_task(end())
        await until_somebody_waits_for_a_row(server)
    await ended

    assert [row.revoked_at for row in await rows(server, RefreshToken)] == [now, now]


@pytest.mark.both_databases
async def test_a_request_that_waits_is_answered_as_soon_as_something_is_revoked(
    server: AuthServer,
) -> None:
    client = await server.client()
    tokens = await connect_without_pages(server, client)
    async with following(ask_in_process(lambda: server), server.clock) as gateway:
        assert not gateway.knows(tokens["access_token"])
        await revoke(client, tokens["refresh_token"])
        await gateway.until_ended(tokens["access_token"])


async def test_waiting_gateways_are_answered_when_the_server_stops(server: AuthServer) -> None:
    """A stop must not last as long as the longest wait."""
    data = {**assertions(server.clock).form(), "wait": "25"}
    waiting = asyncio.create_task(server.http.post(REVOCATIONS_PATH, data=data))
    await poll(server)
    server.app.state.stopping.end_waits()
    assert (await waiting).status_code == 200


@pytest.mark.both_databases
async def test_an_unknown_position_gets_every_revocation_that_applies_a162(
    server: AuthServer,
) -> None:
    """A162: a restored backup does not know what it had announced."""
    for name in ("one", "two"):
        await commit_revocation(server.database_url, "family", name, clock=server.clock)
        everything = await poll(server)
    assert {found.key for found in everything.revocations} == {"one", "two"}
    assert (await poll(server, after=everything.after)).revocations == ()
    assert (await poll(server, after="lost")).revocations == everything.revocations


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"wait": "soon"}, 400, "invalid_request"),
        ({"wait": "-1"}, 400, "invalid_request"),
        ({"wait": "٣"}, 400, "invalid_request"),
        ({"client_assertion": "a.b.c"}, 401, "invalid_client"),
    ],
)
async def test_a_malformed_poll_is_refused(
    server: AuthServer, changes: dict[str, str], status: int, error: str
) -> None:
    data = {**assertions(server.clock).form(), "wait": "0", **changes}
    answer = await server.http.post(REVOCATIONS_PATH, data=data)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


async def test_nobody_but_a_gateway_follows_revocations(server: AuthServer) -> None:
    """Other gateways do not learn ids of people and tenants."""
    client = await server.client()
    as_client = await server.http.post(REVOCATIONS_PATH, data={"client_id": client.client_id})
    forged = assertions(server.clock, key=ECKey.generate_key("P-256")).form()
    as_forger = await server.http.post(REVOCATIONS_PATH, data={**forged, "wait": "0"})
    as_nobody = await server.http.post(REVOCATIONS_PATH, data={"wait": "0"})
    assert (as_client.status_code, as_client.json()["error"]) == (400, "unauthorized_client")
    assert (as_forger.status_code, as_nobody.status_code) == (401, 401)


@pytest.mark.both_databases
async def test_announced_revocations_are_deleted_after_a_while(server: AuthServer) -> None:
    for name in ("one", "two"):
        await commit_revocation(server.database_url, "family", name, clock=server.clock)
        await poll(server)
    server.clock.advance(minutes=16)
    await commit_revocation(server.database_url, "family", "three", clock=server.clock)
    await poll(server)
    assert [row.key for row in await rows(server, RevocationRow)] == ["three"]
