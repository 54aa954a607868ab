"""Signing keys: published before and after they sign, and replaced by age and by command."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from click.testing import CliRunner
from sqlalchemy import update
from sqlmodel import select

from auth_server.cli import keys
from auth_server.db.engine import open_database
from auth_server.maintenance import maintain
from auth_server.records.signing_keys.table import SigningKey
from auth_server.tokens.keyring import AFTER_USE, BEFORE_USE, JWKS_MAX_AGE
from support.in_process.auth_server import ISSUER, RESOURCE, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.grants import connect_without_pages
from support.processes.configuration import issuing, write_config

pytestmark = pytest.mark.both_databases

SECRET = "for-tests-only-0123456789abcdef0123456789"


async def published(server: AuthServer) -> list[str]:
    """Read the ids of the published keys: the active one, the next one, the retiring ones."""
    document = (await server.http.get("/jwks.json")).json()
    return [key["kid"] for key in document["keys"]]


async def signing(server: AuthServer) -> str:
    """Connect, and tell which key signed the token."""
    client = await server.client()
    tokens = await connect_without_pages(server, client)
    kid: str = jwt.get_unverified_header(tokens["access_token"])["kid"]
    return kid


async def stored(server: AuthServer) -> list[SigningKey]:
    """Read every stored key."""
    database = open_database(server.database_url)
    async with database.reading() as db:
        rows = list((await db.execute(select(SigningKey))).scalars())
    await database.engine.dispose()
    return rows


async def test_an_old_key_hands_over_without_a_moment_in_which_verifiers_lack_one_a112_a114(
    auth_server: AuthServer, clock: Clock
) -> None:
    """A112: the next key is published longer than any key set is cached before it signs."""
    first = await signing(auth_server)
    active, coming = await published(auth_server)
    assert active == first

    clock.advance(days=59)
    await maintain(auth_server.opened)
    assert await signing(auth_server) == first
    assert await published(auth_server) == [first, coming]

    clock.advance(days=1)
    await maintain(auth_server.opened)
    assert await signing(auth_server) == coming
    third = (await published(auth_server))[1]
    assert await published(auth_server) == [coming, third, first]

    clock.advance(seconds=AFTER_USE.total_seconds())
    await maintain(auth_server.opened)
    assert await published(auth_server) == [coming, third]
    assert BEFORE_USE > JWKS_MAX_AGE
    assert auth_server.settings.longest_token_lifetime < AFTER_USE


async def test_a_key_stays_published_longer_than_the_longest_token_lives(
    sqlite_url: str, clock: Clock
) -> None:
    lifetimes = {"claude.ai": timedelta(hours=24)}
    async with running_auth_server(sqlite_url, clock, client_token_lifetimes=lifetimes) as server:
        first = await signing(server)
        for step in (timedelta(days=60) - BEFORE_USE, BEFORE_USE, timedelta(hours=24)):
            clock.advance(seconds=step.total_seconds())
            await maintain(server.opened)
        verifiable = await published(server)
        clock.advance(hours=1)
        await maintain(server.opened)

        assert await signing(server) != first
        assert (first in verifiable, first in await published(server)) == (True, False)


async def test_a_retired_keys_private_half_is_gone(auth_server: AuthServer, clock: Clock) -> None:
    """A dump can't leak a key that is not stored."""
    clock.advance(days=60)
    for step in (timedelta(0), BEFORE_USE, AFTER_USE):
        clock.advance(seconds=step.total_seconds())
        await maintain(auth_server.opened)

    states = {row.state: row.private_sealed for row in await stored(auth_server)}

    assert states["retired"] == b""
    assert states["active"] != b""


async def test_two_processes_that_start_together_agree_on_one_key(
    database_url: str, clock: Clock
) -> None:
    """Several replicas share one database."""
    async with (
        running_auth_server(database_url, clock) as one,
        running_auth_server(database_url, clock) as other,
    ):
        assert await published(one) == await published(other)
        assert await signing(one) == await signing(other)


async def test_keys_stay_readable_when_the_secret_key_is_replaced(
    database_url: str, clock: Clock
) -> None:
    """The newest secret seals; former ones open until everything is sealed again."""
    async with running_auth_server(database_url, clock, secret_key=SECRET) as server:
        before = await signing(server)
    fresh = SECRET[::-1]
    both = {"secret_key": fresh, "previous_secret_keys": (SECRET,)}
    async with running_auth_server(database_url, clock, **both) as server:
        assert await signing(server) == before

    async with running_auth_server(database_url, clock, secret_key=fresh) as server:
        assert await signing(server) == before


async def test_a_lost_secret_key_is_named_at_start(database_url: str, clock: Clock) -> None:
    """The server refuses to start rather than silently replace keys."""
    async with running_auth_server(database_url, clock, secret_key=SECRET):
        pass

    with pytest.raises(Exception, match="previous_secret_keys"):
        async with running_auth_server(database_url, clock, secret_key=SECRET[::-1]):
            pass


async def test_a_refresh_inside_the_grace_window_survives_a_new_secret_key(
    database_url: str, clock: Clock
) -> None:
    """The successor of a used token is found under the former secret too."""
    async with running_auth_server(database_url, clock, secret_key=SECRET) as server:
        client = await server.client()
        tokens = await connect_without_pages(server, client)
        first = (await client.refresh(tokens["refresh_token"])).json()
    changed = {"secret_key": SECRET[::-1], "previous_secret_keys": (SECRET,)}
    async with running_auth_server(database_url, clock, **changed) as server:
        client.http = server.http
        again = (await client.refresh(tokens["refresh_token"])).json()

    assert again["refresh_token"] == first["refresh_token"]


def config_of(server: AuthServer, folder: Path) -> str:
    """Write the server's configuration for the command line."""
    section = issuing(ISSUER, RESOURCE, database_url=server.database_url)
    return str(write_config(folder, secret=SECRET, auth_server=section))


async def run(*arguments: str) -> Any:
    """Run `gatepost keys …` beside the running server."""
    import anyio.to_thread

    return await anyio.to_thread.run_sync(lambda: CliRunner().invoke(keys, arguments))


async def test_an_operator_rotates_by_command_and_no_sooner_than_is_safe(
    auth_server: AuthServer, tmp_path: Path
) -> None:
    """`gatepost keys rotate`."""
    config = config_of(auth_server, tmp_path)

    first = await run("rotate", "--config", config)
    again = await run("rotate", "--config", config)

    assert "published as the next key" in first.output
    assert "Run this again after" in again.output
    assert len(await published(auth_server)) == 2
    listed = await run("list", "--config", config)
    assert "active" in listed.output
    assert "next" in listed.output


async def test_the_next_key_takes_over_by_command_and_leaves_another_one_ready(
    auth_server: AuthServer, tmp_path: Path, clock: Clock
) -> None:
    """It was published long enough before, so the first command suffices."""
    first, coming = await published(auth_server)
    past = clock() - timedelta(hours=1)
    database = open_database(auth_server.database_url)
    async with database.writing() as db, db.begin():
        await db.execute(update(SigningKey).values(created_at=past, changed_at=past))
    await database.engine.dispose()

    result = await run("rotate", "--config", config_of(auth_server, tmp_path))

    assert f"{coming} signs now" in result.output
    assert await signing(auth_server) == coming
    assert (await published(auth_server))[2] == first


async def test_a_compromised_key_is_withdrawn_at_once_a113(
    auth_server: AuthServer, tmp_path: Path
) -> None:
    """A113: `gatepost keys rotate --now`."""
    compromised = await signing(auth_server)

    result = await run("rotate", "--now", "--config", config_of(auth_server, tmp_path))

    assert result.exit_code == 0, result.output
    assert compromised not in await published(auth_server)
    assert await signing(auth_server) != compromised


async def test_every_process_signs_with_a_key_that_verifiers_know_when_one_is_withdrawn_a113(
    database_url: str, clock: Clock, tmp_path: Path
) -> None:
    """A process that went on with the old key would issue tokens that every gateway refuses."""
    async with (
        running_auth_server(database_url, clock) as one,
        running_auth_server(database_url, clock) as other,
    ):
        compromised, *known = await published(one)
        assert {await signing(one), await signing(other)} == {compromised}

        for _ in range(2):
            await run("rotate", "--now", "--config", config_of(one, tmp_path))
            used = {await signing(one), await signing(other)}
            assert used <= set(known)
            assert len(used) == 1
            _, *known = await published(one)
