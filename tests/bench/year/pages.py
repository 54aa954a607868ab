"""Open every page of the console, and call every route of the admin API that reads."""

import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial

import httpx2
import psycopg

from auth_server.db.engine import open_database
from auth_server.maintenance import maintain
from auth_server.records.call_log.search import CallFilter, CallPlace, search_calls
from auth_server.seed import read_seed, store_seed
from bench.year.calls import NOW, YEAR
from bench.year.cpu import cpu_of
from bench.year.fill import ENDPOINT
from gatepost.network.collector import keep_loaded_objects
from support.in_process.admin_api import admin_api
from support.in_process.auth_server import SEED, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.console_requests import Known, admin_routes, console_pages

MOST = 200
"""The most milliseconds of CPU that a page may take, of the server and of the database."""
_TURNS = 3
Get = Callable[[str], Awaitable[httpx2.Response]]


async def measure_pages(url: str) -> None:
    """Print the CPU of each request, of this process and of the database's, those over `MOST` marked."""
    await _add_operator(url)
    clock = Clock()
    clock.advance(seconds=(NOW - clock()).total_seconds())
    async with running_auth_server(url, clock, call_log_retention=2 * YEAR) as server:
        # What it has to do with so much at its start is not part of a page.
        await maintain(server.opened)
        op = server.person("op@orbit.example")
        await op.sign_in(await op.open("/console/calls"))
        api = await admin_api(server)
        known = await _find_known(server)
        requests: list[tuple[str, Get]] = [
            *((page, op.http.get) for page in console_pages(server, known)),
            *((route, partial(api.call, "GET")) for route in await admin_routes(server, known)),
        ]
        # As a serving process does; else a collection of all objects would count for one of the requests.
        with keep_loaded_objects():
            server.opened.pages.compile_all()
        over = 0
        with _backends(url) as theirs:
            for request, get in requests:
                answer = await get(request)
                assert answer.status_code in {200, 400, 404, 422}, f"{request}: {answer.text}"
                before, of_backends = time.process_time(), theirs()
                for _ in range(_TURNS):
                    await get(request)
                ours = (time.process_time() - before) / _TURNS * 1000
                others = (theirs() - of_backends) / _TURNS * 1000
                # A download is sent in parts, however many rows it has.
                slow = ours + others > MOST and "/export" not in request
                over += slow
                mark = "OVER " if slow else "     "
                sys.stdout.write(f"{mark}{ours:6.0f} ms {others:6.0f} ms  {request}\n")
        sys.stdout.write(f"{len(requests)} requests, {over} over {MOST} ms\n")


async def _add_operator(url: str) -> None:
    database = open_database(url)
    async with database.writing() as db, db.begin():
        await store_seed(db, read_seed(SEED), now=NOW - YEAR)
    await database.close()


async def _find_known(server: AuthServer) -> Known:
    async with server.opened.database.reading() as db:
        found = await search_calls(
            db, CallFilter(tenant_id="org_0"), since=NOW - YEAR, before=CallPlace(NOW, "~"), most=1
        )
    [call] = found.calls
    return Known(
        tenant=call.tenant_id,
        person=call.sub,
        email=f"{call.sub}@customers.example",
        client=call.client_id,
        call=call.call_id,
        grant=call.grant_id,
        tool=call.tool,
        endpoint=ENDPOINT,
    )


@contextmanager
def _backends(url: str) -> Iterator[Callable[[], float]]:
    """Lend a function that tells the CPU seconds of the database's processes."""
    if url.startswith("sqlite"):
        yield lambda: 0.0
        return
    with psycopg.connect(url.replace("postgresql+psycopg:", "postgresql:"), autocommit=True) as db:
        query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        yield lambda: sum(cpu_of(pid) for (pid,) in db.execute(query).fetchall())
