"""The official Python client connects and calls tools, in both of its modes."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from mcp_types import CallToolResult
from pydantic import AnyUrl

from support.in_process.oauth_client import REDIRECT_URI, answer_of
from support.in_process.person import Person
from support.processes.deployment import Deployment, Mode, connect, require_refused_elsewhere


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


@dataclass
class PythonClient:
    """The SDK's client and its provider, and every request that they sent."""

    mcp: Client
    provider: OAuthClientProvider
    memory: Memory
    sent: list[tuple[str, str, int]] = field(default_factory=list)

    @property
    def access_token(self) -> str:
        """The token that the client holds now."""
        assert self.memory.tokens is not None
        return self.memory.tokens.access_token


@asynccontextmanager
async def connecting(url: str, person: Person, mode: Mode) -> AsyncIterator[PythonClient]:
    """Connect with nothing but the URL; the person approves what the client asks for."""
    answers: list[dict[str, str]] = []

    async def open_browser(authorize_url: str) -> None:
        answers.append(answer_of(await person.approve(authorize_url)))

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
        yield PythonClient(client, provider, memory, sent)


async def create_task(client: PythonClient, title: str) -> CallToolResult:
    """Call the tool that adds a row."""
    task = {"project_id": "prj_website", "title": title, "labels": ["sdk"], "priority": "high"}
    return await client.mcp.call_tool("create_task", task)


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
