"""The official Python client connects and calls tools, in both of its modes."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from mcp_types import CallToolResult, TextContent
from pydantic import AnyUrl

from support.in_process.oauth_client import REDIRECT_URI, answer_of
from support.in_process.person import Page, Person
from support.in_process.revocations import read_unverified
from support.processes.deployment import Deployment, Mode, connect, require_refused_elsewhere
from support.processes.services import POLL_SECONDS

pytestmark = pytest.mark.whole_machine


class Memory:
    """Keeps the client's registration and its tokens."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


async def status_at(resource: str, access_token: str) -> int:
    """Return how a gateway answers a token at one of its addresses."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {"authorization": f"Bearer {access_token}", "mcp-protocol-version": "2025-11-25"}
    async with httpx2.AsyncClient(headers=headers, trust_env=False) as http:
        return (await http.post(resource, json=message)).status_code


@dataclass
class PythonClient:
    """The SDK's client and its provider, and every request that they sent."""

    mcp: Client
    provider: OAuthClientProvider
    memory: Memory
    asked: list[Page]
    """The consent pages that the person saw."""
    sent: list[tuple[str, str, int]] = field(default_factory=list)

    @property
    def access_token(self) -> str:
        """The token that the client holds now."""
        assert self.memory.tokens is not None
        return self.memory.tokens.access_token


@asynccontextmanager
async def connecting(
    url: str, person: Person, mode: Mode, *, first_scope: str | None = None
) -> AsyncIterator[PythonClient]:
    """Connect with nothing but the URL; the person approves what the client asks for.

    With `first_scope`, the client's first request asks for less than the challenge names.
    """
    answers: list[dict[str, str]] = []
    asked: list[Page] = []

    async def open_browser(authorize_url: str) -> None:
        if first_scope is not None and not asked:
            authorize_url = re.sub(r"([?&]scope=)[^&]*", rf"\g<1>{first_scope}", authorize_url)
        asked.append(await person.reach_consent(authorize_url))
        done = await person.press(asked[-1], "Approve")
        answers.append(answer_of(done.moves_on_to or ""))

    async def wait_for_callback() -> AuthorizationCodeResult:
        return AuthorizationCodeResult(**answers.pop())

    memory = Memory()
    provider = OAuthClientProvider(
        url,
        OAuthClientMetadata(client_name="A Python agent", redirect_uris=[AnyUrl(REDIRECT_URI)]),
        memory,
        redirect_handler=open_browser,
        callback_handler=wait_for_callback,
    )
    sent: list[tuple[str, str, int]] = []

    async def note(response: httpx2.Response) -> None:
        request = response.request
        sent.append((request.method, request.url.path, response.status_code))

    async with (
        httpx2.AsyncClient(
            auth=provider, event_hooks={"response": [note]}, trust_env=False
        ) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield PythonClient(client, provider, memory, asked, sent)


async def create_task(client: PythonClient, title: str) -> CallToolResult:
    """Call the tool that adds a row."""
    task = {"project_id": "prj_website", "title": title, "labels": ["sdk"], "priority": "high"}
    return await client.mcp.call_tool("create_task", task)


@pytest.mark.both_databases
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_python_agent_given_only_a_url_ends_up_changing_a_row_and_refreshes_its_token(
    deployment: Deployment, ada: Person, mode: Mode
) -> None:
    async with connecting(deployment.resource, ada, mode) as client:
        assert client.sent[:6] == [
            ("POST", "/mcp", 401),
            ("GET", "/.well-known/oauth-protected-resource/mcp", 200),
            ("GET", "/.well-known/oauth-authorization-server", 200),
            ("POST", "/register", 201),
            ("POST", "/token", 200),
            ("POST", "/mcp", 200),
        ]
        assert client.mcp.protocol_version == ("2026-07-28" if mode == "auto" else "2025-11-25")

        tools = {tool.name: tool for tool in (await client.mcp.list_tools()).tools}
        assert "org_id" not in tools["create_task"].input_schema["properties"]
        assert "delete_task" not in tools

        made = await create_task(client, "Written by an agent")
        assert made.structured_content is not None
        assert deployment.rows(
            "SELECT org_id, project_id, title, labels, priority, created_by FROM tasks "
            "WHERE id = ?",
            made.structured_content["id"],
        ) == [
            {
                "org_id": "org_acme",
                "project_id": "prj_website",
                "title": "Written by an agent",
                "labels": '["sdk"]',
                "priority": "high",
                "created_by": "usr_ada",
            }
        ]

        first = client.access_token
        client.provider.context.token_expiry_time = time.time() - 1
        del client.sent[:]
        again = await create_task(client, "Written after a refresh")

        assert client.sent == [("POST", "/token", 200), ("POST", "/mcp", 200)]
        assert client.access_token != first
        assert again.structured_content is not None
        assert deployment.rows(
            "SELECT title FROM tasks WHERE id = ?", again.structured_content["id"]
        ) == [{"title": "Written after a refresh"}]

        await require_refused_elsewhere(deployment, client.access_token)


@pytest.mark.both_databases
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_one_agent_has_two_organisations_side_by_side_and_loses_one_without_the_other(
    deployment: Deployment, ada: Person, mode: Mode
) -> None:
    acme, globex = (f"{deployment.resource}/o/{tenant}" for tenant in ("org_acme", "org_globex"))
    async with (
        connecting(acme, ada, mode) as at_acme,
        connecting(globex, ada, mode) as at_globex,
    ):
        assert at_acme.sent[:2] == [
            ("POST", "/mcp/o/org_acme", 401),
            ("GET", "/.well-known/oauth-protected-resource/mcp/o/org_acme", 200),
        ]
        for client, tenant in ((at_acme, "org_acme"), (at_globex, "org_globex")):
            (page,) = client.asked  # nobody was asked which organisation
            assert urlsplit(page.url).path == "/consent"
            answer = await client.mcp.call_tool("list_tasks", {"limit": 3})
            assert answer.structured_content is not None
            ids = [task["id"] for task in answer.structured_content["items"]]
            rows = [deployment.rows("SELECT org_id FROM tasks WHERE id = ?", one) for one in ids]
            assert ids and all(row == [{"org_id": tenant}] for row in rows)
        assert await status_at(globex, at_acme.access_token) == 401
        assert await status_at(deployment.resource, at_acme.access_token) == 401
        assert await status_at(acme, at_globex.access_token) == 401

        grant_id = read_unverified(at_acme.access_token)[0].grant_id
        page = await ada.open(f"{deployment.issuer}/account/app?grant={grant_id}")
        await ada.press(page, "Disconnect")
        for _ in range(400):
            if (status := await status_at(acme, at_acme.access_token)) != 200:
                break
            await asyncio.sleep(POLL_SECONDS)
        assert status == 401
        assert not (await at_globex.mcp.call_tool("list_tasks", {"limit": 1})).is_error


async def test_an_agent_of_somebody_else_learns_that_its_person_is_not_a_member(
    on_sqlite: Deployment, bo: Person
) -> None:
    told: list[dict[str, str]] = []

    async def open_browser(authorize_url: str) -> None:
        page = await bo.sign_in(await bo.open(authorize_url))
        (back,) = [link for link in page.links if link.startswith(REDIRECT_URI)]
        told.append(answer_of(back))

    async def wait_for_callback() -> AuthorizationCodeResult:
        raise OAuthFlowError(told[0]["error"])

    provider = OAuthClientProvider(
        f"{on_sqlite.resource}/o/org_acme",
        OAuthClientMetadata(client_name="A Python agent", redirect_uris=[AnyUrl(REDIRECT_URI)]),
        Memory(),
        redirect_handler=open_browser,
        callback_handler=wait_for_callback,
    )
    async with httpx2.AsyncClient(auth=provider, trust_env=False) as http:
        with pytest.raises(OAuthFlowError, match="access_denied"):
            await http.post(f"{on_sqlite.resource}/o/org_acme", json={})

    assert "ask an admin of the organisation for an invitation" in told[0]["error_description"]


async def test_an_agent_that_began_with_reading_gets_to_write_after_one_more_page(
    on_sqlite: Deployment, ada: Person
) -> None:
    """Its first call of a tool that changes something asks for the scope, and is then made."""
    async with connecting(on_sqlite.resource, ada, "auto", first_scope="mcp:read") as client:
        first = client.asked[0]
        assert "list_tasks" in first.ticks() and "create_task" not in first.ticks()
        assert "create_task" in {tool.name for tool in (await client.mcp.list_tools()).tools}

        made = await create_task(client, "Written after a step-up")

        assert made.structured_content is not None
        assert [status for _, path, status in client.sent if path == "/mcp"][-2:] == [403, 200]
        _, second = client.asked
        new, _, before = second.text.partition("Your earlier choices")
        assert "Create a task" in new and "List tasks" not in new
        assert "List tasks" in before


async def test_an_older_agent_is_given_a_link_on_which_a_person_allows_one_more_tool(
    on_sqlite: Deployment, ada: Person
) -> None:
    async with connecting(on_sqlite.resource, ada, "legacy", first_scope="mcp:read") as client:
        refused = await create_task(client, "Not yet")
        [said] = [block.text for block in refused.content if isinstance(block, TextContent)]
        assert refused.is_error and "needs the permission mcp:write" in said
        page = await ada.open(next(word for word in said.split() if word.startswith("http")))
        _, _, offered = page.text.partition("Not requested when the app connected")
        assert "Create a task" in offered and "Update a task" not in page.text
        await ada.press(page, "Save", tick=["create_task"])
        client.provider.context.token_expiry_time = time.time() - 1

        made = await create_task(client, "Written with a person's help")

        assert made.structured_content is not None
        assert len(client.asked) == 1
        listed = {tool.name for tool in (await client.mcp.list_tools()).tools}
        assert "create_task" in listed


async def test_each_gateway_takes_the_tokens_made_for_it_and_no_others(
    deployment: Deployment, ada: Person
) -> None:
    connection = await connect(deployment, ada, resource=deployment.other_resource)

    async with (
        httpx2.AsyncClient(headers=connection.headers, trust_env=False) as http,
        Client(streamable_http_client(deployment.other_resource, http_client=http)) as client,
    ):
        assert (await client.list_tools()).tools
        refused = await http.post(deployment.resource, json={})

    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
