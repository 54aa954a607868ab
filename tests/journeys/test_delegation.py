"""An agent that the SDK connected hands a part to a sub-agent, which calls until its parent or a person ends it."""

import asyncio
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from mcp_types import CallToolResult
from pydantic import AnyUrl

from gatepost.api_keys import ACCESS_TOKEN_TYPE, TOKEN_EXCHANGE
from support.in_process.oauth_client import REDIRECT_URI, answer_of
from support.in_process.person import Person
from support.processes.deployment import Deployment, running_deployment
from support.processes.redis import running_redis
from support.processes.services import POLL_SECONDS

pytestmark = pytest.mark.whole_machine

PROMISED_SECONDS = 2


@pytest.fixture(params=["long poll", "redis"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, seeded_sqlite: Path
) -> Iterator[Deployment]:
    shutil.copy(seeded_sqlite, tmp_path / "gatepost.db")
    with ExitStack() as stack:
        redis = None
        if request.param == "redis":
            redis = stack.enter_context(running_redis(tmp_path))
        url = redis.url if redis else None
        yield stack.enter_context(
            running_deployment(tmp_path, "sqlite+aiosqlite:///gatepost.db", redis_url=url)
        )


class Memory:
    """Keeps the client's registration and its tokens."""

    tokens: Any = None
    client: Any = None

    async def get_tokens(self) -> Any:
        return self.tokens

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> Any:
        return self.client

    async def set_client_info(self, client_info: Any) -> None:
        self.client = client_info


async def connect_agent(place: Deployment, person: Person) -> Memory:
    """Let the SDK's client register and connect; it names the grant type that delegates."""
    memory, answers = Memory(), list[dict[str, str]]()

    async def open_browser(authorize_url: str) -> None:
        answers.append(answer_of(await person.approve(authorize_url)))

    async def wait_for_callback() -> AuthorizationCodeResult:
        return AuthorizationCodeResult(**answers.pop())

    provider = OAuthClientProvider(
        place.resource,
        OAuthClientMetadata(
            client_name="A Python agent",
            redirect_uris=[AnyUrl(REDIRECT_URI)],
            grant_types=["authorization_code", "refresh_token", TOKEN_EXCHANGE],
        ),
        memory,
        redirect_handler=open_browser,
        callback_handler=wait_for_callback,
    )
    async with (
        httpx2.AsyncClient(auth=provider, trust_env=False) as http,
        Client(streamable_http_client(place.resource, http_client=http)) as client,
    ):
        assert "create_task" in {tool.name for tool in (await client.list_tools()).tools}
    return memory


async def delegate(place: Deployment, memory: Memory, **form: str) -> str:
    """Exchange the agent's token for a sub-agent's; the SDK has no call for it."""
    data = {
        "grant_type": TOKEN_EXCHANGE,
        "client_id": memory.client.client_id,
        "subject_token": memory.tokens.access_token,
        "subject_token_type": ACCESS_TOKEN_TYPE,
        **form,
    }
    if memory.client.client_secret:
        data["client_secret"] = memory.client.client_secret
    async with httpx2.AsyncClient(trust_env=False) as http:
        answer = await http.post(f"{place.issuer}/token", data=data)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


async def call(
    place: Deployment, token: str, tool: str, *, beside: Collection[str] = (), **arguments: Any
) -> CallToolResult:
    """Call a tool with the SDK's client and a token, which allows it and those beside it."""
    headers = {"authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False) as http,
        Client(streamable_http_client(place.resource, http_client=http)) as client,
    ):
        listed = {each.name for each in (await client.list_tools()).tools}
        assert listed == {tool, *beside}
        return await client.call_tool(tool, arguments)


async def until_refused(place: Deployment, token: str) -> float:
    """Ask until the token is refused; return the seconds that it took."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {"authorization": f"Bearer {token}", "mcp-protocol-version": "2025-11-25"}
    started = time.monotonic()
    async with httpx2.AsyncClient(headers=headers, trust_env=False) as http:
        for _ in range(400):
            answer = await http.post(place.resource, json=message)
            if answer.status_code != 200:
                break
            await asyncio.sleep(POLL_SECONDS)
    assert answer.status_code == 401
    return time.monotonic() - started


async def test_a_sub_agent_calls_with_less_and_is_out_two_seconds_after_its_end_a217(
    place: Deployment, ada: Person, record_property: Callable[[str, object], None]
) -> None:
    memory = await connect_agent(place, ada)
    token = await delegate(
        place,
        memory,
        actor_name="researcher",
        allowed_tools="list_tasks",
        data_scope="team:engineering",
    )
    below = await delegate(
        place, memory, actor_name="writer", allowed_tools="list_tasks create_task"
    )

    done = await call(place, token, "list_tasks", limit=100)
    assert done.structured_content is not None
    assert {task["team"] for task in done.structured_content["items"]} == {"engineering"}

    page = await ada.open(f"{place.issuer}/account/apps")
    assert "researcher" in page.text and "writer" in page.text
    await ada.press(page, "End researcher, A Python agent")
    by_person = await until_refused(place, token)
    done = await call(place, below, "list_tasks", beside=["create_task"], limit=1)
    assert not done.is_error
    page = await ada.open(f"{place.issuer}/account/apps")
    assert "researcher" not in page.text
    await ada.press(page, "Disconnect A Python agent")
    with_parent = await until_refused(place, below)

    record_property("seconds", (by_person, with_parent))
    assert max(by_person, with_parent) < PROMISED_SECONDS
