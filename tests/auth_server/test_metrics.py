"""The authorization server's metrics, as Prometheus reads them."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from socket import create_server

import httpx2
import pytest

from auth_server.metrics.names import METRICS
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock


@asynccontextmanager
async def observed(database_url: str, clock: Clock) -> AsyncIterator[tuple[AuthServer, str]]:
    bound = create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{bound.getsockname()[1]}/metrics"
    async with running_auth_server(
        database_url, clock, metrics=bound, wrong_guesses_per_minute=5
    ) as server:
        yield server, url


async def read(url: str) -> str:
    """Read the page."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        return (await http.get(url)).text


@pytest.mark.both_databases
async def test_the_page_holds_what_the_names_promise(database_url: str, clock: Clock) -> None:
    async with observed(database_url, clock) as (_, url):
        clock.advance(seconds=60)
        page = await read(url)

    assert set(re.findall(r"^# TYPE (\w+)", page, re.MULTILINE)) == {one.name for one in METRICS}
    for line in (
        "gatepost_mails_waiting 0",
        "gatepost_webhooks_oldest_seconds 0",
        "gatepost_usage_oldest_unexported_seconds 0",
        "gatepost_billing_discrepancies 0",
    ):
        assert line in page.splitlines()
    assert re.search(r"^gatepost_signing_key_age_seconds \d+", page, re.MULTILINE)


async def test_what_attackers_do_is_counted_without_their_inventions(
    database_url: str, clock: Clock
) -> None:
    async with observed(database_url, clock) as (server, url):
        limit = server.settings.wrong_guesses_per_minute
        form = {"grant_type": "client_credentials", "client_id": "made_up", "client_secret": "x"}
        for _ in range(limit + 1):
            await server.http.post("/token", data=form)
        await server.http.get("/an/invention")
        await server.http.get("/admin/v1/clients/an-invention")
        await server.http.get("/account/tenant/an-invention/members")
        page = (await read(url)).splitlines()

    assert f"gatepost_wrong_guesses_total {limit}" in page
    assert 'gatepost_budgets_spent_total{setting="wrong_guesses_per_minute"} 1' in page
    assert f'gatepost_refusals_total{{path="/token",error="invalid_client"}} {limit}' in page
    requests = "gatepost_http_request_duration_seconds_count"
    assert f'{requests}{{method="POST",route="/token",status="401"}} {limit}' in page
    assert f'{requests}{{method="GET",route="other",status="404"}} 2' in page
    assert f'{requests}{{method="GET",route="/admin/v1",status="404"}} 1' in page
    assert not any("made_up" in line or "invention" in line for line in page)
