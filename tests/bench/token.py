"""CPU of one refresh and of one authorization code, beside npm `oidc-provider`.

`./dev bench token`: our server on SQLite and on PostgreSQL, durable, and oidc-provider with its
in-memory adapter, each a separate process. They get the same requests in turns, over connections
that stay open. It counts the CPU time of the server's process, user and system; the databases'
own is not in it. Ratios are of requests for each second of CPU: above 1 is more than oidc-provider.

`--dpop` adds our server with a DPoP proof in each request.
"""

import argparse
import asyncio
import json
import os
import secrets
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import aiohttp
from sqlmodel import SQLModel

sys.path.insert(0, str(Path(__file__).parents[1]))

from auth_server.db.engine import open_database
from auth_server.keys import make_keys
from auth_server.records.authorization_codes.table import AuthorizationCode
from auth_server.records.clients.table import Client
from auth_server.records.grants.table import Grant
from auth_server.records.refresh_tokens.table import RefreshToken
from auth_server.secrets import hash_secret, s256
from auth_server.tokens.refresh_token import make_first_token, name_new_family
from gatepost.clock import utc_now
from support.in_process.auth_server import RESOURCE, prepare_database
from support.in_process.dpop import DpopKey
from support.processes.configuration import issuing, write_config
from support.processes.postgres import running_postgres
from support.processes.services import Service, free_port, running_service

NODE = Path(__file__).parents[1] / "node"
CLIENT_ID, REDIRECT_URI, SCOPE = "bench", "http://127.0.0.1/callback", "mcp:read mcp:write"
TOOLS = ["create_task", "list_tasks"]
VERIFIER, SECRET_KEY = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
KEYS = make_keys(SECRET_KEY).refresh
KINDS = ("refresh_token", "authorization_code")
# Few enough for oidc-provider's adapter, which keeps only a thousand entries.
BATCH = 150
CONNECTIONS = 8
PEER = "oidc-provider, memory"
Fill = Callable[[str, int], Awaitable[list[str]]]


@dataclass
class Contender:
    """A running server: where its tokens come from, and the CPU seconds it has used, by kind."""

    name: str
    service: Service
    fill: Fill
    key: DpopKey | None = None
    """Signs a proof for each request."""
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(KINDS, 0.0))

    def headers(self) -> dict[str, str]:
        """Make the headers of one request."""
        if self.key is None:
            return {}
        return {"DPoP": self.key.prove(utc_now(), f"{self.service.url}/token")}

    def cpu(self) -> float:
        """CPU seconds that the process has used."""
        stat = Path(f"/proc/{self.service.process.pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Start the servers, drive them in turns, write the table as Markdown."""
    parser = argparse.ArgumentParser(prog="./dev bench token", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help=f"batches of {BATCH} of each kind")
    parser.add_argument("--no-postgresql", action="store_true", help="leave PostgreSQL out")
    parser.add_argument("--dpop", action="store_true", help="also with a DPoP proof")
    options = parser.parse_args()
    with ExitStack() as running, tempfile.TemporaryDirectory(prefix="gatepost-bench-") as folder:
        urls = {"Gatepost, SQLite": f"sqlite+aiosqlite:///{folder}/gatepost.db"}
        if not options.no_postgresql:
            postgres = running.enter_context(running_postgres())
            urls["Gatepost, PostgreSQL"] = postgres.create_database()
        contenders = [
            running.enter_context(start_ours(name, url, Path(folder))) for name, url in urls.items()
        ]
        if options.dpop:
            ours = tuple(contenders)
            contenders += [
                Contender(f"{one.name}, DPoP", one.service, one.fill, DpopKey()) for one in ours
            ]
        contenders.append(running.enter_context(start_peer(Path(folder))))
        asyncio.run(drive(contenders, options.rounds))
        report(contenders, options.rounds * BATCH)


@contextmanager
def start_ours(name: str, database_url: str, folder: Path) -> Iterator[Contender]:
    """Start our server on a separate database, with a client that a person has connected."""
    prepare_database(database_url)
    rows = Rows(database_url)
    asyncio.run(rows.connect())
    url = f"http://127.0.0.1:{free_port()}"
    place = folder / name
    place.mkdir()
    section = issuing(url, RESOURCE, database_url=database_url)
    config = write_config(place, secret=SECRET_KEY, auth_server=section)
    serve = ("-m", "gatepost_cli", "auth-server", "serve", "--config", config)
    port = ("--port", url.rpartition(":")[2])
    argv, log = (sys.executable, *serve, *port), folder / f"{name}.log"
    with running_service(argv, url=url, log=log, ready_path="/livez") as service:
        yield Contender(name, service, rows.fill)


@dataclass(frozen=True)
class Rows:
    """Writes what an approved connection would have left in the database."""

    database_url: str

    async def connect(self) -> None:
        """Add the client and the grant."""
        now = utc_now()
        client = Client(
            client_id=CLIENT_ID,
            source="dynamic",
            name="Bench",
            redirect_uris=[REDIRECT_URI],
            grant_types=list(KINDS),
            token_endpoint_auth_method="none",
            application_type="native",
            created_at=now,
        )
        grant = Grant(
            grant_id="grant_bench",
            person_id="usr_ada",
            client_id=CLIENT_ID,
            tenant_id="org_acme",
            resource=RESOURCE,
            scope=SCOPE,
            asked_scope=SCOPE,
            tools=TOOLS,
            data_scope="team:engineering",
            redirect_host="127.0.0.1",
            client_snapshot={},
            catalogue_hash="0" * 64,
            created_at=now,
            updated_at=now,
            approved_at=now,
            expires_at=now + timedelta(days=180),
        )
        await self._add([client])
        await self._add([grant])

    async def fill(self, kind: str, count: int) -> list[str]:
        """Add refresh tokens, each the first of its family, or codes."""
        made, now = [], utc_now()
        rows: list[SQLModel] = []
        for _ in range(count):
            secret = secrets.token_urlsafe(32)
            family_id = name_new_family(KEYS, secret)
            if kind == "refresh_token":
                secret = make_first_token(KEYS, secret, code=secret, family_id=family_id)
            made.append(secret)
            hashed = hash_secret(secret)
            if kind == "refresh_token":
                row: SQLModel = RefreshToken(
                    token_hash=hashed,
                    family_id=family_id,
                    generation=1,
                    grant_id="grant_bench",
                    client_id=CLIENT_ID,
                    resource=RESOURCE,
                    scope=f"offline_access {SCOPE}",
                    idle_expires_at=now + timedelta(days=30),
                    absolute_expires_at=now + timedelta(days=180),
                )
            else:
                row = AuthorizationCode(
                    code_hash=hashed,
                    family_id=family_id,
                    grant_id="grant_bench",
                    client_id=CLIENT_ID,
                    redirect_uri=REDIRECT_URI,
                    resource=RESOURCE,
                    scope=f"offline_access {SCOPE}",
                    code_challenge=s256(VERIFIER),
                    expires_at=now + timedelta(minutes=10),
                )
            rows.append(row)
        await self._add(rows)
        return made

    async def _add(self, rows: list[SQLModel]) -> None:
        database = open_database(self.database_url)
        try:
            async with database.writing() as db, db.begin():
                db.add_all(rows)
        finally:
            await database.close()


@contextmanager
def start_peer(folder: Path) -> Iterator[Contender]:
    """Start oidc-provider with the same client, and tokens of the same content."""
    url = f"http://127.0.0.1:{free_port()}"
    setup = {
        "issuer": url,
        "clientId": CLIENT_ID,
        "redirectUri": REDIRECT_URI,
        "resource": RESOURCE,
        "scope": SCOPE,
        "challenge": s256(VERIFIER),
        "claims": {
            "tenant_id": "org_acme",
            "allowed_tools": TOOLS,
            "data_scope": "team:engineering",
            "rate_limit_tier": "pro",
            "grant_id": "grant_bench",
            "grant_version": 1,
            "env": "live",
        },
    }

    async def fill(kind: str, count: int) -> list[str]:
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{url}/fill", params={"kind": kind, "count": count}) as answer,
        ):
            made: list[str] = await answer.json(content_type=None)
            return made

    argv = (NODE / "node_modules/.bin/node", NODE / "oidc-provider.mjs", json.dumps(setup))
    ready = "/.well-known/openid-configuration"
    log = folder / "oidc-provider.log"
    # Node's production mode, which also avoids a log line for each request.
    env = {"NODE_ENV": "production"}
    with running_service(argv, url=url, log=log, ready_path=ready, env=env) as service:
        yield Contender(PEER, service, fill)


async def drive(contenders: list[Contender], rounds: int) -> None:
    """Send every contender a batch of each kind in turn; the first round warms up, uncounted."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as http:
        for number in range(rounds + 1):
            for kind in KINDS:
                for contender in contenders:
                    presented = await contender.fill(kind, BATCH)
                    before = contender.cpu()
                    await redeem_all(http, contender, kind, presented)
                    if number:
                        contender.seconds[kind] += contender.cpu() - before


async def redeem_all(
    http: aiohttp.ClientSession, contender: Contender, kind: str, presented: list[str]
) -> None:
    """Redeem each token or code once, over a few connections at once."""
    url = contender.service.url
    waiting = iter(presented)

    async def work() -> None:
        for secret in waiting:
            form = {"grant_type": kind, "client_id": CLIENT_ID}
            if kind == "refresh_token":
                form |= {"refresh_token": secret}
            else:
                form |= {"code": secret, "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER}
            headers = contender.headers()
            async with http.post(f"{url}/token", data=form, headers=headers) as answer:
                body = await answer.json(content_type=None)
            if answer.status != 200 or not {"access_token", "refresh_token"} <= body.keys():
                raise SystemExit(f"{url} refused: {answer.status} {body}")

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))


def report(contenders: list[Contender], count: int) -> None:
    """Write CPU for each request, and the ratio of rates to oidc-provider's."""
    peer = next(contender for contender in contenders if contender.name == PEER)
    lines = [
        f"{count} of each, in turns of {BATCH}, {CONNECTIONS} connections.\n",
        "| server | refresh, CPU ms | ratio | code, CPU ms | ratio |",
        "| --- | --- | --- | --- | --- |",
    ]
    for contender in contenders:
        cells = [contender.name]
        for kind in KINDS:
            used = contender.seconds[kind]
            cells += [f"{1000 * used / count:.3f}", f"{peer.seconds[kind] / used:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
