"""A refused call leads to Checkout, and the same call goes on: a browser, an agent, and Stripe."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from auth_server.db.engine import open_database
from auth_server.records.plans.store import replace_plans
from auth_server.records.plans.terms import FREE, PRO
from support.browsers.tour import off_the_loop, running_chromium, sign_in
from support.in_process.auth_server import SEED, prepare_database
from support.in_process.oauth_client import register
from support.in_process.person import BO
from support.processes.deployment import (
    GATEPOST,
    Deployment,
    a_person,
    run,
    running_deployment,
)
from support.processes.services import POLL_SECONDS, free_port
from support.processes.stripe import let_days_pass, running_stripe, selling_through

pytestmark = pytest.mark.whole_machine

BO_THE_ADMIN = {
    "id": "usr_bo",
    "email": BO[0],
    "name": "Bo Lind",
    "password": BO[1],
    "memberships": [{"tenant": "org_globex", "role": "admin"}],
}
PLAN = "/account/plan?tenant=org_globex"


@dataclass(frozen=True, slots=True)
class Agent:
    """An app that Bo connected, with one token for the whole conversation."""

    client_id: str
    resource: str
    http: httpx2.Client

    def call(self) -> dict[str, Any]:
        """Call a tool, and return its result."""
        params = {"name": "list_tasks", "arguments": {}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        answer = self.http.post(self.resource, json=message)
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()["result"]
        return result

    def call_until(self, *, refused: bool) -> dict[str, Any]:
        """Repeat the call until the gateway has heard of a change."""
        for _ in range(200):
            if (result := self.call())["isError"] is refused:
                return result
            sleep(POLL_SECONDS)
        raise AssertionError(f"it stays so: {result}")


@contextmanager
def an_agent(deployment: Deployment) -> Iterator[Agent]:
    """Let Bo connect an app."""

    async def approve() -> tuple[str, dict[str, str]]:
        async with a_person(BO[0]) as bo, httpx2.AsyncClient(trust_env=False) as http:
            client = await register(http, deployment.issuer, deployment.resource)
            tokens = await client.connect(bo, tenant="Globex")
            return client.client_id, tokens["access_token"]

    client_id, token = off_the_loop(approve())
    headers = {"authorization": f"Bearer {token}", "mcp-protocol-version": "2025-11-25"}
    with httpx2.Client(headers=headers, trust_env=False, timeout=30) as http:
        yield Agent(client_id, deployment.resource, http)


def reload_until(page: Page, text: str) -> None:
    """Reload a page until the webhooks have arrived that make it say something."""
    for _ in range(200):
        if page.get_by_text(text).count():
            return
        page.reload()
    expect(page.get_by_text(text).first).to_be_visible()


async def offer_a_small_plan(url: str) -> None:
    """Let Free end after five calls, which may follow each other quickly."""
    free = FREE.model_copy(update={"daily_units": 5, "per_minute": 6000, "burst": 1000})
    database = open_database(url)
    async with database.writing() as db, db.begin():
        await replace_plans(db, [free, PRO])
    await database.close()


@pytest.fixture
def stripe_url() -> str:
    """Where the imitation of Stripe will be."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def deployment(tmp_path: Path, stripe_url: str) -> Iterator[Deployment]:
    """Everything running, with Bo as the admin of Globex, which is on Free."""
    url = f"sqlite+aiosqlite:///{tmp_path}/gatepost.db"
    others = [person for person in SEED["people"] if person["id"] != "usr_bo"]
    prepare_database(url, {**SEED, "people": [*others, BO_THE_ADMIN]})
    off_the_loop(offer_a_small_plan(url))
    stripe = selling_through(stripe_url, tmp_path)
    with running_deployment(tmp_path, url, stripe=stripe) as deployment:
        yield deployment


def test_an_admin_pays_and_the_same_call_goes_on(deployment: Deployment, stripe_url: str) -> None:
    with (
        running_stripe(stripe_url, deployment),
        an_agent(deployment) as claude,
        an_agent(deployment) as cursor,
        running_chromium() as chromium,
    ):
        page = chromium.new_page()

        # 1. Five calls are free. The next one names the page where an admin can pay.
        assert [claude.call()["isError"] for _ in range(5)] == [False] * 5
        refused = claude.call()
        structured = refused["structuredContent"]
        assert (structured["limit"], structured["used"]) == (5, 5)
        page.goto(structured["upgrade_url"])
        sign_in(page, *BO)
        page.get_by_role("button", name="Buy Pro").click()
        page.get_by_role("button", name="Pay with a card that fails next month").click()
        expect(page.get_by_role("heading", name="Pro plan")).to_be_visible()
        claude.call_until(refused=False)

        # 2. A budget of one app stops that app alone.
        page.reload()
        page.locator("#whose").select_option(f"client:{claude.client_id}")
        page.get_by_label("Units a month").fill("1")
        page.get_by_role("button", name="Set budget").click()
        stopped = claude.call_until(refused=True)
        assert "The budget for this app is 1 unit " in stopped["content"][0]["text"]
        assert cursor.call()["isError"] is False
        page.get_by_role("button", name="Remove").click()
        claude.call_until(refused=False)

        # 3. The next payment fails. The plan goes on until the last retry.
        let_days_pass(stripe_url, 31.5)
        reload_until(page, "The last payment failed.")
        expect(page.get_by_role("heading", name="Pro plan")).to_be_visible()
        let_days_pass(stripe_url, 8)
        reload_until(page, "Several payments failed")
        expect(page.get_by_role("heading", name="Free plan")).to_be_visible()
        claude.call_until(refused=True)
        page.get_by_role("button", name="Update payment").click()
        page.get_by_role("button", name="Use a card that works").click()
        page.get_by_role("link", name="Back").click()
        expect(page.get_by_role("heading", name="Pro plan")).to_be_visible()
        claude.call_until(refused=False)

        # 4. Cancelled in the portal, the plan ends with its period; here, no webhook arrives.
        page.get_by_role("button", name="Invoices and payment").click()
        page.get_by_role("button", name="Cancel at the end of the period").click()
        page.get_by_role("link", name="Back").click()
        expect(page.get_by_text("The subscription was cancelled")).to_be_visible()
        assert claude.call()["isError"] is False
        httpx2.post(f"{stripe_url}/_fake/faults", json={"drop_events": 100}, trust_env=False)
        let_days_pass(stripe_url, 32)
        config = deployment.folder / "gatepost.yaml"
        assert "org_globex: canceled" in run(*GATEPOST, "billing", "refresh", "--config", config)
        page.goto(f"{deployment.issuer}{PLAN}")
        expect(page.get_by_role("heading", name="Free plan")).to_be_visible()
        claude.call_until(refused=True)
