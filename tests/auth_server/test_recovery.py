"""After something is lost, apps go on or connect again, and operators can do what recovery.md says."""

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from joserfc.jwk import ECKey
from structlog.testing import capture_logs

from auth_server.cli import auth_server, keys
from auth_server.outbound.guarded_fetch import Fetched
from auth_server.settings import ResourceSettings
from gatepost.health import REPORTS_PATH
from mcp_gateway.signing_key import publish_key
from support.in_process.auth_server import ISSUER, RESOURCE, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.full_disk import full_disk
from support.in_process.revocations import assertions
from support.processes.configuration import issuing, write_config

NEW_SECRET = "another-one-0123456789abcdef0123456789abcdef"


def copy_database(url: str, to: Path) -> None:
    """Back a database up while it is in use."""
    with (
        closing(sqlite3.connect(url.partition(":///")[2])) as live,
        closing(sqlite3.connect(to)) as to_db,
    ):
        live.backup(to_db)


def put_back(url: str, backup: Path) -> None:
    """Restore a backup in place of the database."""
    file = Path(url.partition(":///")[2])
    for rest in file.parent.glob(f"{file.name}*"):
        rest.unlink()
    shutil.copy(backup, file)


async def operate(folder: Path, url: str, secret: str, *words: str) -> Result:
    """Run a command with a secret key."""
    section = issuing(ISSUER, RESOURCE, database_url=url)
    config = write_config(folder, secret=secret, auth_server=section)
    group = keys if words[0] == "rotate" else auth_server
    arguments = [*words, "--config", str(config)]
    return await asyncio.to_thread(CliRunner().invoke, group, arguments)


async def test_apps_go_on_or_connect_again_after_the_database_went_back_to_a_point(
    sqlite_url: str, clock: Clock, tmp_path: Path
) -> None:
    """And access that ended since then is back until an operator ends it again."""
    backup = tmp_path / "backup.db"
    async with running_auth_server(sqlite_url, clock) as server:
        idle, busy, ended = [await server.client() for _ in range(3)]
        tokens = {
            name: await client.connect(server.person())
            for name, client in (("idle", idle), ("busy", busy), ("ended", ended))
        }
        await asyncio.to_thread(copy_database, sqlite_url, backup)
        clock.advance(minutes=30)
        newer = (await busy.refresh(tokens["busy"]["refresh_token"])).json()
        ending = {"client_id": ended.client_id, "token": tokens["ended"]["refresh_token"]}
        assert (await server.http.post("/revoke", data=ending)).status_code == 200
        new = await server.client()
        tokens["new"] = await new.connect(server.person())
    await asyncio.to_thread(put_back, sqlite_url, backup)

    async with running_auth_server(sqlite_url, clock) as server:
        for client in (idle, busy, ended, new):
            client.http = server.http
        goes_on = await idle.refresh(tokens["idle"]["refresh_token"])
        lost = await busy.refresh(newer["refresh_token"])
        unknown = await new.refresh(tokens["new"]["refresh_token"])
        again = await busy.connect(server.person())
        revived = await ended.refresh(tokens["ended"]["refresh_token"])
        end = ("grants", "end", "--tenant", "org_acme")
        done = await operate(
            tmp_path, sqlite_url, server.settings.secret_key.get_secret_value(), *end
        )
        over = await ended.refresh(revived.json()["refresh_token"])

    assert goes_on.status_code == 200
    assert (lost.status_code, lost.json()["error"]) == (400, "invalid_grant")
    assert (unknown.status_code, unknown.json()["error"]) == (401, "invalid_client")
    assert again["access_token"]
    assert revived.status_code == 200
    assert (done.exit_code, over.json()["error"]) == (0, "invalid_grant")


async def test_an_operator_goes_on_without_a_lost_secret_key(
    sqlite_url: str, clock: Clock, tmp_path: Path
) -> None:
    """Two withdrawals replace both keys that nobody can open; apps and people don't notice."""
    async with running_auth_server(sqlite_url, clock) as server:
        client = await server.client()
        tokens = await client.connect(server.person())
    with pytest.raises(Exception, match="previous_secret_keys"):
        async with running_auth_server(sqlite_url, clock, secret_key=NEW_SECRET):
            pass
    for _ in range(2):
        done = await operate(tmp_path, sqlite_url, NEW_SECRET, "rotate", "--now")
        assert done.exit_code == 0, done.output
    accepted = await operate(tmp_path, sqlite_url, NEW_SECRET, "audit-verify", "--accept")

    async with running_auth_server(sqlite_url, clock, secret_key=NEW_SECRET) as server:
        client.http = server.http
        refreshed = await client.refresh(tokens["refresh_token"])
        verified = await operate(tmp_path, sqlite_url, NEW_SECRET, "backup-verify")
    assert accepted.exit_code == 0
    assert refreshed.status_code == 200
    assert verified.exit_code == 0


async def test_a_gateway_that_lost_its_disk_is_known_again_with_its_new_key(
    sqlite_url: str, clock: Clock
) -> None:
    url = "http://gateway.internal/.well-known/jwks.json"
    gateway = ResourceSettings(resource=RESOURCE, gateway_jwks_url=url)

    async def report(server: AuthServer, key: ECKey) -> int:
        body = {**assertions(clock, key=key).form(), "report": None}
        return (await server.http.post(REPORTS_PATH, json=body)).status_code

    former, fresh = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
    async with running_auth_server(sqlite_url, clock, resources=(gateway,)) as server:
        seen = []
        for key in (former, fresh):
            document = json.dumps(dict(publish_key(key))).encode()
            server.web[url] = Fetched(document, "application/json", "")
            clock.advance(seconds=60)
            seen.append(await report(server, key))
        seen.append(await report(server, former))
    # The empty report is refused with 400, and an unknown gateway with 401.
    assert seen == [400, 400, 401]


async def test_a_full_disk_makes_apps_wait_and_costs_no_token(sqlite_server: AuthServer) -> None:
    client = await sqlite_server.client()
    tokens = await client.connect(sqlite_server.person())
    with capture_logs():
        with full_disk():
            refused = await client.refresh(tokens["refresh_token"])
            metadata = await sqlite_server.http.get("/.well-known/oauth-authorization-server")
        later = await client.refresh(tokens["refresh_token"])

    assert (refused.status_code, refused.json()["error"]) == (503, "temporarily_unavailable")
    assert int(refused.headers["retry-after"]) > 0
    assert metadata.status_code == 200
    assert later.status_code == 200
