"""Both services behind the Worker of `deploy/edge`, on Cloudflare's own runtime."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from support.in_process.oauth_client import register
from support.in_process.person import ADA, Person
from support.processes.deployment import Deployment
from support.processes.edge import Edge, running_edge

pytestmark = [pytest.mark.anyio, pytest.mark.whole_machine]

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@pytest.fixture
def edge(on_sqlite: Deployment, tmp_path: Path) -> Iterator[Edge]:
    """The Worker in front of the deployment."""
    log = tmp_path / "edge.log"
    with running_edge(log, issuer=on_sqlite.issuer, resource=on_sqlite.resource) as edge:
        yield edge


async def test_an_agent_connects_and_calls_through_the_edge_and_a_revoked_token_ends_behind_it(
    on_sqlite: Deployment, edge: Edge
) -> None:
    address = f"{on_sqlite.resource}/o/org_acme"
    async with edge.client() as http, edge.client() as browser:
        app = await register(http, on_sqlite.issuer, address)
        tokens = await app.connect(Person(browser, ADA[0]))
        token = tokens["access_token"]
        headers = {"authorization": f"Bearer {token}"}
        async with (
            edge.client(**headers) as authorized,
            Client(streamable_http_client(address, http_client=authorized)) as client,
        ):
            called = await client.call_tool("list_projects", {})
        forged = {"authorization": f"Bearer {token[:-8]}AAAAAAAA"}
        answers = []
        for url, sent in ((address, forged), (on_sqlite.other_resource, headers)):
            # The Worker does not know the other gateway, which then refuses the token itself.
            answers.append(await http.post(url, json=PING, headers=sent))
        async with httpx2.AsyncClient(trust_env=False) as direct:
            expected = await direct.post(address, json=PING, headers=forged)
        await http.post(
            f"{on_sqlite.issuer}/revoke",
            data={"token": tokens["refresh_token"], "client_id": app.client_id},
        )
        while (revoked := await http.post(address, json=PING, headers=headers)).is_success:
            pass

    assert not called.is_error
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].headers["www-authenticate"] == expected.headers["www-authenticate"]
    assert answers[0].content == expected.content
    assert revoked.json()["error_description"] == "the token was revoked"
