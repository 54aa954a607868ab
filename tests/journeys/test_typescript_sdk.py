"""The official TypeScript clients connect and call tools: version 1, version 2 in both modes."""

import json

import pytest

from support.in_process.person import Person
from support.processes.deployment import Deployment, require_refused_elsewhere
from support.processes.typescript_client import a_typescript_client

pytestmark = pytest.mark.whole_machine


def call(title: str) -> str:
    """Write a call of the tool that adds a row."""
    task = {"project_id": "prj_mobile", "title": title, "labels": ["node"], "estimate": 3}
    return json.dumps({"name": "create_task", "arguments": task})


@pytest.mark.parametrize(("sdk", "mode"), [("v1", "legacy"), ("v2", "legacy"), ("v2", "auto")])
async def test_a_typescript_agent_given_only_a_url_ends_up_changing_a_row_and_refreshes_its_token(
    deployment: Deployment, ada: Person, sdk: str, mode: str
) -> None:
    first, second = f"Written by {sdk} {mode}", f"Written after a refresh by {sdk} {mode}"
    async with a_typescript_client(
        sdk, deployment.resource, mode, call(first), call(second)
    ) as client:
        authorize = (await client.hear("authorize"))["authorize"]
        await client.tell(await ada.approve(authorize))

        opened = await client.hear("sent")
        sent = opened["sent"]
        assert sent[0] == ["POST", "/mcp", 401]
        assert [path for _, path, _ in sent[1:5]] == [
            "/.well-known/oauth-protected-resource/mcp",
            "/.well-known/oauth-authorization-server",
            "/register",
            "/token",
        ]
        assert opened["protocol"] == ("2026-07-28" if mode == "auto" else "2025-11-25")
        tools = {tool["name"]: tool for tool in (await client.hear("tools"))["tools"]}
        assert "org_id" not in tools["create_task"]["inputSchema"]["properties"]
        assert "delete_task" not in tools

        made = (await client.hear("result"))["result"]["structuredContent"]
        again = (await client.hear("result"))["result"]["structuredContent"]
        refreshed = await client.hear("tokens")

    sql = "SELECT org_id, title, labels, estimate, created_by FROM tasks WHERE id = ?"
    rows = deployment.rows(sql, made["id"]) + deployment.rows(sql, again["id"])
    row = {"org_id": "org_acme", "labels": '["node"]', "estimate": 3, "created_by": "usr_ada"}
    assert rows == [{**row, "title": first}, {**row, "title": second}]
    assert refreshed["sent"][0] == ["POST", "/mcp", 401]
    assert refreshed["sent"][-2:] == [["POST", "/token", 200], ["POST", "/mcp", 200]]
    before, after = refreshed["tokens"]
    assert before != after
    await require_refused_elsewhere(deployment, after)
