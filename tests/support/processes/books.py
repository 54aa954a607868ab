"""Tenants call tools while every part that counts is killed at random; then the books are compared."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
import orjson
import yaml
from sqlalchemy.exc import OperationalError

from auth_server.db.engine import open_database
from auth_server.gateway_api.events_worker import EventsWorker
from auth_server.records.plans.store import replace_plans
from auth_server.records.plans.terms import SHIPPED, PlanTerms
from auth_server.records.tenants.store import change_plan, put_tenant
from auth_server.records.tenants.table import Tenant
from auth_server.schema.migrate import migrate
from gatepost.clock import utc_now
from gatepost.metering.call_event import PARTITIONS, partition_tag
from gatepost.metering.plans import month_of
from mcp_gateway.limits.local_limits import LocalRates
from mcp_gateway.limits.redis_limits import RedisLimits
from mcp_gateway.redis.connection import RedisConnection
from mcp_gateway.redis.open import open_connection
from support.exports.books import open_books
from support.exports.network import FAULTS
from support.exports.systems import FakeStripe
from support.in_process import tokens
from support.in_process.clock import Clock
from support.processes.configuration import issuing, serving, write_config
from support.processes.deployment import GATEPOST, serve
from support.processes.fork_server import Process, start
from support.processes.postgres import PostgresServer, running_postgres
from support.processes.raw_api import Call, running_raw_api
from support.processes.redis import RedisServer, running_redis
from support.processes.services import POLL_SECONDS, free_port, running_service

TENANTS = [f"org_{number:02}" for number in range(20)]
SMALL_TENANTS = TENANTS[::4]
SMALL_QUOTA = 25
_MOST_CALLS = 500
"""Calls after which a tenant on the small plan should long have used it up."""
SMALL = PlanTerms(
    name="small",
    title="Small",
    per_minute=100_000,
    burst=10_000,
    monthly_units=SMALL_QUOTA,
    allow_uncounted=False,
)
LARGE = PlanTerms(name="large", title="Large", per_minute=100_000, burst=10_000, concurrent=1_000)
_TOOLS = {
    "get_thing": {
        "operation": "GET /things/{id}",
        "deadline": 5,
        "billing": {"meter": "things", "units": 2},
    },
    "add_thing": {
        "operation": "POST /things/{id}",
        "deadline": 5,
        "billing": {"when": "always"},
    },
}
_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
_DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Things", "version": "1"},
    "paths": {
        "/things/{id}": {
            method: {
                "operationId": f"{method}Thing",
                "summary": f"{method.title()} a thing.",
                "parameters": [_ID],
                "responses": {"200": {"description": "The thing."}},
            }
            for method in ("get", "post")
        }
    },
}


@dataclass
class Books:
    """What each party holds of every tenant, once all is quiet."""

    answered: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Ids of the calls whose success a client has seen."""
    refused: Counter[str] = field(default_factory=Counter)
    """Calls beyond a quota, by tenant."""
    unanswered: int = 0
    ledger: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    """Units by call id."""
    hours: Counter[str] = field(default_factory=Counter)
    log: Counter[str] = field(default_factory=Counter)
    quota: Counter[str] = field(default_factory=Counter)
    """Units that Redis counted."""
    exported: Counter[str] = field(default_factory=Counter)
    """Units that the imitated meter counted, after exports on which requests went wrong."""
    unknown: int = 0
    """Calls of unknown outcome."""
    kills: Counter[str] = field(default_factory=Counter)

    def differences(self) -> list[str]:
        """Say where two of the books disagree."""
        said = []
        for tenant in TENANTS:
            units = sum(self.ledger[tenant].values())
            sums = (self.hours, self.log, self.quota, self.exported)
            figures = (units, *(counter[tenant] for counter in sums))
            if len(set(figures)) > 1:
                said.append(f"{tenant}: ledger, hours, log, quota, exported: {figures}")
            if lost := self.answered[tenant] - self.ledger[tenant].keys():
                said.append(f"{tenant}: answered, but not in the ledger: {sorted(lost)}")
        return said


@dataclass
class Part:
    """One process that is killed and started again."""

    name: str
    argv: Sequence[str | Path]
    log: Path
    url: str | None = None
    """Where a service answers; a worker does not."""
    _ending: ExitStack = field(default_factory=ExitStack)
    _process: Process | None = None

    def start(self) -> None:
        """Start it, and wait until a service answers."""
        self._ending = ExitStack()
        if self.url is not None:
            argv = (*self.argv, "--port", str(urlsplit(self.url).port))
            service = running_service(argv, url=self.url, log=self.log, ready_path="/livez")
            self._process = self._ending.enter_context(service).process
            return
        with self.log.open("ab") as output:
            self._process = start([str(part) for part in self.argv], output=output)
        self._ending.callback(self._process.wait)
        self._ending.callback(self._process.terminate)

    def crash(self) -> None:
        """Kill it, and start it again."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self.stop()
        self.start()

    def stop(self) -> None:
        """Ask it to end, and wait."""
        self._ending.close()


class Torture:
    """The services on PostgreSQL and Redis, and clients of twenty tenants."""

    def __init__(self, folder: Path, stack: ExitStack, *, seed: int, api_url: str) -> None:
        """Start everything.

        Args:
            folder: an empty folder.
            stack: ends everything.
            seed: of every choice.
            api_url: where the API answers, which also publishes the keys of the access tokens.
        """
        self.books = Books()
        self._random = random.Random(seed)  # noqa: S311 - not a secret
        self._postgres: PostgresServer = stack.enter_context(running_postgres(durable=True))
        self._redis: RedisServer = stack.enter_context(running_redis(folder, durable=True))
        self._database_url = self._postgres.create_database()
        migrate(self._database_url)
        asyncio.run(_store_tenants(self._database_url))
        self._issuer = f"http://127.0.0.1:{free_port()}"
        urls = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
        self._resource = f"{urls[0]}/mcp"
        configs = self._configure(folder, urls, api_url)
        worker = (*GATEPOST, "auth-server", "events-worker", "--config", configs[0])
        self.gateways = [
            Part(f"gateway-{n}", serve("mcp-gateway", config), folder / f"gateway-{n}.log", url)
            for n, (config, url) in enumerate(zip(configs, urls, strict=True))
        ]
        self.workers = [Part(f"worker-{n}", worker, folder / f"worker-{n}.log") for n in range(2)]
        server = serve("auth-server", configs[0])
        self._server = Part("auth-server", server, folder / "auth-server.log", self._issuer)
        for part in (self._server, *self.gateways, *self.workers):
            part.start()
            stack.callback(part.stop)
        self._endpoints = [f"{url}/mcp" for url in urls]
        self._tokens = {tenant: self._sign(tenant) for tenant in TENANTS}

    def _configure(self, folder: Path, urls: Sequence[str], api_url: str) -> list[Path]:
        (folder / "openapi.json").write_bytes(orjson.dumps(_DOCUMENT))
        manifest = {"version": 1, "name": "Things", "openapi": "openapi.json", "tools": _TOOLS}
        (folder / "tools.yaml").write_text(yaml.safe_dump(manifest))
        shared = {"redis_url": self._redis.url}
        gateway = serving(
            self._issuer,
            self._resource,
            api_url,
            jwks_url=f"{api_url}/jwks.json",
            allowed_hosts=[urlsplit(url).netloc for url in urls],
            **shared,
        )
        server = issuing(self._issuer, self._resource, database_url=self._database_url, **shared)
        second = {**gateway, "event_spool": "second.events.db"}
        return [
            write_config(folder, auth_server=server, mcp_gateway=gateway),
            write_config(folder, name="second.yaml", mcp_gateway=second),
        ]

    def _sign(self, tenant: str) -> str:
        now = utc_now()
        claims = tokens.claims(
            now,
            iss=self._issuer,
            aud=self._resource,
            tenant_id=tenant,
            sub=f"usr_{tenant}",
            grant_id=f"grant_{tenant}",
            exp=int((now + timedelta(hours=5)).timestamp()),
        )
        return tokens.sign(claims)

    async def run(self, *, calls: int, kills: int) -> Books:
        """Let each tenant make so many calls during so many kills; return the books.

        A tenant's calls go on for as long as the kills do, so that each kill meets some of them.
        """
        ended = asyncio.Event()
        async with httpx2.AsyncClient(trust_env=False, timeout=15) as http:
            clients = [
                asyncio.create_task(self._call_on(http, tenant, calls, ended)) for tenant in TENANTS
            ]
            await self._kill(kills)
            ended.set()
            await asyncio.gather(*clients)
        await self._come_to_rest()
        await self._export()
        await self._read()
        return self.books

    async def _kill(self, kills: int) -> None:
        crashes: dict[str, Callable[[], None]] = {
            "redis": self._crash_redis,
            "postgresql": self._postgres.crash,
            **{part.name: part.crash for part in (self._server, *self.gateways, *self.workers)},
        }
        names = list(crashes)
        order = [name for _ in range(-(-kills // len(names))) for name in self._shuffled(names)]
        for name in order[:kills]:
            await asyncio.sleep(self._random.uniform(0.05, 0.4))
            self.books.kills[name] += 1
            await asyncio.to_thread(crashes[name])

    def _shuffled(self, names: Sequence[str]) -> list[str]:
        return self._random.sample(names, len(names))

    def _crash_redis(self) -> None:
        self._redis.stop()
        self._redis.start()

    async def _call_on(
        self, http: httpx2.AsyncClient, tenant: str, calls: int, ended: asyncio.Event
    ) -> None:
        choices = random.Random(f"{tenant}{self._random.random()}")  # noqa: S311 - not a secret
        number = 0
        while number < calls or not ended.is_set() or self._has_units_left(tenant, number):
            number += 1
            try:
                response = await http.send(self._write(http, tenant, number, choices))
            except httpx2.TransportError:
                self.books.unanswered += 1
                await asyncio.sleep(0.05)
                continue
            self._note(tenant, response)
            if number >= calls:
                await asyncio.sleep(0.05)

    def _has_units_left(self, tenant: str, number: int) -> bool:
        """Tell whether a tenant on the small plan, of which many calls may fail, has not used it up yet."""
        return tenant in SMALL_TENANTS and not self.books.refused[tenant] and number < _MOST_CALLS

    def _write(
        self, http: httpx2.AsyncClient, tenant: str, number: int, choices: random.Random
    ) -> httpx2.Request:
        name = choices.choice(list(_TOOLS))
        params = {"name": name, "arguments": {"id": str(number)}}
        message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
        headers = {
            "authorization": f"Bearer {self._tokens[tenant]}",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2025-11-25",
        }
        endpoint = choices.choice(self._endpoints)
        return http.build_request("POST", endpoint, json=message, headers=headers)

    def _note(self, tenant: str, response: httpx2.Response) -> None:
        if response.status_code != 200:
            return
        # The result is the last event, if retries were reported before it.
        result = orjson.loads(response.text.strip().rpartition("data: ")[2])["result"]
        if not result.get("isError"):
            self.books.answered[tenant].add(response.headers["x-request-id"])
        elif result.get("structuredContent", {}).get("error") == "quota_exhausted":
            self.books.refused[tenant] += 1

    async def _come_to_rest(self) -> None:
        """Let the gateways deliver what they keep; then end and write everything that is left."""
        async with httpx2.AsyncClient(trust_env=False) as http:
            for gateway in self.gateways:
                for _ in range(1200):
                    ready = (await http.get(f"{gateway.url}/readyz")).json()
                    if ready["details"]["events"] == "delivered":
                        break
                    await asyncio.sleep(POLL_SECONDS)
        for part in (*self.gateways, *self.workers):
            await asyncio.to_thread(part.stop)
        redis = open_connection(self._redis.url)
        async with redis.connected():
            await self._limits(redis).reap()
        database = open_database(self._database_url)
        worker = EventsWorker(
            self._redis.url,
            issuer=self._issuer,
            database=database,
            name="last",
            now=utc_now,
            claim_after=0,
            block=0.01,
        )
        quiet = 0
        while quiet < 3:
            with suppress(OperationalError):  # the connections of before a crash
                quiet = 0 if await worker.step() else quiet + 1
        await worker.close()
        await database.close()

    def _limits(self, redis: RedisConnection) -> RedisLimits:
        """Return limits by whose clock every lease is over."""

        def later() -> datetime:
            return utc_now() + timedelta(minutes=2)

        return RedisLimits(
            redis,
            issuer=self._issuer,
            journal=cast(Any, None),  # only settlements use it
            rates=LocalRates(later),
            read_usage=cast(Any, None),  # only reservations use it
            now=later,
            by_clock=True,
        )

    async def _export(self) -> None:
        """Export everything to the imitated Stripe, while requests to it go wrong."""
        clock = Clock()
        async with open_books(self._database_url, clock, FakeStripe(clock)) as exports:
            await exports.join(*TENANTS)
            faults = exports.system.network.faults
            faults.extend(self._random.choices(FAULTS, k=3 * len(TENANTS)))
            await exports.settle()
            for tenant in TENANTS:
                self.books.exported[tenant] = exports.counted(tenant)

    async def _read(self) -> None:
        books = self.books
        with self._postgres.connect(urlsplit(self._database_url).path[1:]) as db:
            for tenant, call_id, units in db.execute(
                "SELECT tenant_id, call_id, units FROM ledger"
            ).fetchall():
                books.ledger[tenant][call_id] = units
            for counter, table, units in (
                (books.hours, "usage_hours", "units"),
                (books.log, "call_log", "cost"),
            ):
                query = f"SELECT tenant_id, sum({units}) FROM {table} GROUP BY tenant_id"  # noqa: S608
                for tenant, total in db.execute(query.encode()).fetchall():
                    counter[tenant] = int(total)
            query = "SELECT count(*) FROM call_log WHERE outcome = 'unknown'"
            [(books.unknown,)] = db.execute(query).fetchall()
        with self._redis.connect() as redis:
            for tenant in TENANTS:
                name = f"units:{tenant}:{month_of(utc_now())}"
                for partition in range(PARTITIONS):
                    key = f"gatepost:{partition_tag(self._issuer, partition)}:{name}"
                    books.quota[tenant] += int(redis.hget(key, "total") or 0)


@asynccontextmanager
async def running_torture(folder: Path, *, seed: int) -> AsyncIterator[Torture]:
    """Run the services and the API for as long as the block lasts."""
    async with running_raw_api() as api:
        api.script = _answer
        with ExitStack() as stack:
            yield await asyncio.to_thread(Torture, folder, stack, seed=seed, api_url=api.url)


async def _answer(call: Call) -> None:
    """Answer as an API that sometimes fails and sometimes breaks off, by the number in the path."""
    path = call.head.split(b" ", 2)[1]
    number = int(path.rpartition(b"/")[2].partition(b"?")[0] or 0) if b"/things/" in path else 1
    if path == b"/jwks.json":
        await call.say(_write_answer(b"200 OK", tokens.jwks()))
    elif number % 23 == 0:
        call.reset()
    elif number % 17 == 0:
        await call.say(_write_answer(b"500 Internal Server Error", b"{}"))
    else:
        await call.say(_write_answer(b"200 OK", b'{"name":"a thing"}'))


def _write_answer(status: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(body)) + body


async def _store_tenants(database_url: str) -> None:
    database = open_database(database_url)
    now = utc_now()
    async with database.writing() as db, db.begin():
        await replace_plans(db, (*SHIPPED, SMALL, LARGE))
        for tenant_id in TENANTS:
            tenant = Tenant(tenant_id=tenant_id, name=tenant_id, created_at=now)
            change_plan(tenant, "small" if tenant_id in SMALL_TENANTS else "large", now=now)
            await put_tenant(db, tenant, now=now)
    await database.close()
