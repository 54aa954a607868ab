"""An app's call waits for an admin, who approves it on a phone, and the call goes on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitResult
from playwright.sync_api import expect

from support.browsers.tour import off_the_loop, running_chromium, sign_in
from support.in_process.gateway import META, MODERN
from support.in_process.person import ADA, Person
from support.processes.deployment import GATEPOST, Connection, Deployment, a_person, connect, run
from support.processes.services import POLL_SECONDS

pytestmark = pytest.mark.whole_machine

PAGE = "/account/organisation/approvals?tenant=org_acme"
PHONE: Any = {"width": 390, "height": 844}


@contextmanager
def admins_approve_changes(deployment: Deployment) -> Iterator[None]:
    """Have Acme's admins approve every call that changes something, for as long as the block lasts."""
    config = ("--config", deployment.folder / "gatepost.yaml")
    rule = (*GATEPOST, "auth-server", "tenants", "set", "org_acme", *config, "--approval")
    set_rule(*rule, "changes")
    try:
        yield
    finally:
        set_rule(*rule, "none")


def set_rule(*command: str | Path) -> None:
    """Change the rule, and let its second pass: tokens of that second count as older ones."""
    run(*command)
    changed = int(time.time())
    while int(time.time()) == changed:
        time.sleep(POLL_SECONDS)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_official_client_goes_on_with_the_call_once_an_admin_approved_it(
    deployment: Deployment, ada: Person, mode: Any
) -> None:
    asked: list[str] = []

    async def approve(_: Any, params: Any) -> ElicitResult:
        """Approve on another device what the app's person is told of."""
        asked.append(params.message)
        page = await ada.open(deployment.issuer + PAGE)
        assert "title: Order paper" in page.text
        assert "The call is approved" in (await ada.press(page, "Approve")).text
        return ElicitResult(action="accept", content={})

    callback: Any = approve
    with admins_approve_changes(deployment):
        connection = await connect(deployment, ada)
        async with (
            httpx2.AsyncClient(headers=connection.headers, trust_env=False) as http,
            Client(
                streamable_http_client(deployment.resource, http_client=http),
                mode=mode,
                elicitation_callback=callback,
            ) as client,
        ):
            result = await client.call_tool(
                "create_task", {"project_id": "prj_website", "title": "Order paper"}
            )

    assert result.is_error is False, result
    assert len(asked) == 1 and "An admin of your organisation must approve" in asked[0]


def test_an_admin_approves_on_a_phone_and_the_sealed_call_goes_on(on_sqlite: Deployment) -> None:
    async def connected() -> Connection:
        async with a_person(ADA[0]) as person:
            return await connect(on_sqlite, person)

    def call(connection: Connection, **carried: Any) -> dict[str, Any]:
        meta = {**META, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
        arguments = {"project_id": "prj_website", "title": "Order ink"}
        params = {"name": "create_task", "arguments": arguments, "_meta": meta, **carried}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        headers = {
            **connection.headers,
            "mcp-protocol-version": MODERN,
            "mcp-method": "tools/call",
            "mcp-name": "create_task",
        }
        answer = httpx2.post(on_sqlite.resource, json=body, headers=headers, trust_env=False)
        result: dict[str, Any] = answer.json()["result"]
        return result

    with admins_approve_changes(on_sqlite), running_chromium() as browser:
        connection = off_the_loop(connected())
        waiting = call(connection)
        page = browser.new_page(viewport=PHONE)
        page.goto(on_sqlite.issuer + PAGE)
        sign_in(page)
        expect(page.get_by_role("heading", name="Create task")).to_be_visible()
        expect(page.get_by_text("title: Order ink")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_text("The call is approved")).to_be_visible()
        carried = {"inputResponses": {"wait": {"action": "accept", "content": {}}}}
        made = call(connection, **carried, requestState=waiting["requestState"])
        again = call(connection)

    assert waiting["resultType"] == "input_required"
    assert made["isError"] is False
    assert again["resultType"] == "input_required"
