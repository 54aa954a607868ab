"""A client follows the API's job as a task, from any process, and nobody else does."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gatepost.metering.plans import Plan, PlansPage
from gatepost.revocations import Revocation
from mcp_gateway.catalogue.jobs.job import STATUSES, JobFields, name_state
from mcp_gateway.elicitation.seal import Sealer
from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.signing_key import load_signing_key
from support.in_process.gateway import API, META, a_world
from support.in_process.jobs import TASKS, Follower, JobsApi, following

NOT_FOUND = {"code": -32602, "message": "Task not found"}


def moment(client: Follower) -> str:
    """The gateway's time, as tasks have it."""
    return f"{client.world.clock():%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Follower]:
    """A client of the gateway in front of the API with jobs."""
    async with following(tmp_path) as follower:
        yield follower


async def test_the_server_declares_the_extension(client: Follower) -> None:
    result = (await client.world.new("server/discover")).json()["result"]
    assert result["capabilities"]["extensions"][TASKS] == {}
    assert "tasks" not in result["capabilities"]


async def test_a_start_is_answered_with_a_task_at_once(client: Follower) -> None:
    task = await client.start()
    task_id = task.pop("taskId")
    assert isinstance(task_id, str)
    assert task.pop("_meta")
    assert task == {
        "resultType": "task",
        "status": "working",
        "createdAt": moment(client),
        "lastUpdatedAt": moment(client),
        "ttlMs": 3_600_000,
        "pollIntervalMs": 4000,
        "statusMessage": "half of it",
    }
    assert client.api.asked == ["POST /orgs/org_acme/reports"]


async def test_a_task_works_until_the_job_is_done_and_then_holds_its_result(
    client: Follower,
) -> None:
    task_id, began = (await client.start())["taskId"], moment(client)
    working = await client.get(task_id)
    assert (working["status"], working["resultType"]) == ("working", "complete")
    assert "result" not in working
    client.api.state = "done"
    client.world.clock.advance(seconds=60)
    done = await client.get(task_id)
    assert (done["status"], done["taskId"]) == ("completed", task_id)
    assert (done["createdAt"], done["lastUpdatedAt"]) == (began, moment(client))
    assert began != moment(client)
    assert done["result"]["isError"] is False
    assert done["result"]["structuredContent"] == {
        "rows": 3,
        "secret": "[redacted]",
        "tenant_id": "org_acme",
    }
    # The argument `folder` of the start is repeated; the id is escaped.
    assert client.api.asked[1:] == [
        *["GET /orgs/org_acme/folders/q4/reports/job%207"] * 2,
        "GET /orgs/org_acme/reports/job%207/result",
    ]
    assertions = [dict(one.headers)["Gatepost-Assertion"] for one in client.api.requests]
    assert len(set(assertions)) == 4


async def test_a_process_that_has_just_started_answers_about_a_task_of_another_one(
    tmp_path: Path,
) -> None:
    async with following(tmp_path) as first:
        task_id = (await first.start())["taskId"]
    async with following(tmp_path) as second:
        second.api.state = "done"
        assert (await second.get(task_id))["status"] == "completed"


async def test_a_job_that_failed_is_a_completed_task_with_an_error(client: Follower) -> None:
    task_id = (await client.start())["taskId"]
    client.api.state, client.api.progress = "broken", "The disk is full"
    task = await client.get(task_id)
    assert (task["status"], task["statusMessage"]) == ("completed", "The disk is full")
    assert task["result"]["isError"] is True
    assert "The disk is full" in str(task["result"]["content"])
    assert "error" not in task


async def test_a_state_that_the_manifest_does_not_name_means_that_the_job_goes_on(
    client: Follower,
) -> None:
    task_id = (await client.start())["taskId"]
    client.api.state = "archiving"
    assert (await client.get(task_id))["status"] == "working"


@pytest.mark.parametrize(
    "fails",
    [
        HttpResponse(503, "text/html", b"<h1>Down</h1>"),
        HttpResponse(429, "application/json", b"{}", retry_after="30"),
        RequestFailed("unreachable", "The API could not be reached."),
    ],
)
async def test_an_api_that_is_down_does_not_end_a_task(client: Follower, fails: Any) -> None:
    task_id = (await client.start())["taskId"]
    client.api.fails = fails
    task = await client.get(task_id)
    assert task["status"] == "working"
    assert task["statusMessage"]
    client.api.fails = None
    assert (await client.get(task_id))["status"] == "working"


@pytest.mark.parametrize("status", [404, 410])
async def test_a_job_that_the_api_no_longer_knows_is_a_failed_task(
    client: Follower, status: int
) -> None:
    task_id = (await client.start())["taskId"]
    client.api.fails = HttpResponse(status, "application/json", b"{}")
    task = await client.get(task_id)
    assert task["status"] == "failed"
    assert task["error"] == {"code": 502, "message": "The API no longer knows this job."}
    assert "result" not in task


async def test_a_cancellation_ends_the_job_at_the_api(client: Follower) -> None:
    task_id = (await client.start())["taskId"]
    answer = (await client.send("tasks/cancel", {"taskId": task_id})).json()["result"]
    assert {key for key in answer if key != "_meta"} == {"resultType"}
    assert client.api.asked[-1] == "DELETE /orgs/org_acme/folders/q4/reports/job%207"
    assert (await client.get(task_id))["status"] == "cancelled"


@pytest.mark.parametrize("status", [404, 409, 410])
async def test_the_cancellation_of_a_job_that_has_ended_is_acknowledged(
    client: Follower, status: int
) -> None:
    task_id = (await client.start())["taskId"]
    client.api.confirms = status
    answer = (await client.send("tasks/cancel", {"taskId": task_id})).json()
    assert answer["result"]["resultType"] == "complete"


async def test_a_cancellation_that_the_api_does_not_confirm_is_an_error(client: Follower) -> None:
    task_id = (await client.start())["taskId"]
    client.api.confirms = 403
    answer = await client.send("tasks/cancel", {"taskId": task_id})
    assert answer.json()["error"]["code"] == 502


async def test_an_update_is_acknowledged_although_no_task_waits_for_input(
    client: Follower,
) -> None:
    task_id = (await client.start())["taskId"]
    asked = len(client.api.requests)
    params = {"taskId": task_id, "inputResponses": {"unknown": {}}}
    answer = (await client.send("tasks/update", params)).json()
    assert answer["result"]["resultType"] == "complete"
    assert len(client.api.requests) == asked
    refused = (await client.send("tasks/update", {"taskId": task_id})).json()
    assert refused["error"]["code"] == -32602


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
async def test_a_client_that_does_not_declare_the_extension_is_told_to(
    client: Follower, method: str
) -> None:
    params = {"taskId": (await client.start())["taskId"], "inputResponses": {}}
    answer = await client.send(method, params, meta=META)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32021)
    assert answer.json()["error"]["data"] == {"requiredCapabilities": {"extensions": {TASKS: {}}}}


async def test_a_header_that_names_another_task_is_refused(client: Follower) -> None:
    task_id = (await client.start())["taskId"]
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tasks/get",
        "params": {"taskId": task_id, "_meta": META},
    }
    headers = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tasks/get", "mcp-name": "other"}
    answer = await client.world.post(body, headers=headers)
    assert answer.json()["error"]["code"] == -32020


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
async def test_a_gateway_without_jobs_does_not_have_the_methods(
    tmp_path: Path, method: str
) -> None:
    async with a_world(tmp_path) as world:
        answer = await Follower(world, JobsApi()).send(method, {"taskId": "1"})
        assert answer.json()["error"]["code"] == -32601


@pytest.mark.parametrize("method", ["tasks/result", "tasks/list"])
async def test_the_methods_of_2025_11_25_are_gone(client: Follower, method: str) -> None:
    answer = await client.send(method, {"taskId": "1"})
    assert answer.json()["error"]["code"] == -32601


@pytest.mark.parametrize("era", ["old", "new"])
async def test_a_client_without_the_extension_waits_for_the_result(
    client: Follower, era: str
) -> None:
    states = iter(["queued", "running", "done"])
    answer = client.api.__call__

    def later(request: Any) -> HttpResponse:
        if request.method == "GET" and not request.url.endswith("/result"):
            client.api.state = next(states)
        return answer(request)

    client.world.api.answer = later
    result = await client.world.call(era, "create_report", {"folder": "q4"})
    assert "taskId" not in result
    assert result["structuredContent"]["rows"] == 3
    assert client.world.waits == [4.0, 4.0, 4.0]
    # The wait is one call.
    assert [one["tool"] for one in client.world.records] == ["create_report"]
    assert client.world.records[0]["cost"] == 3


async def test_a_wait_ends_with_the_start_and_how_to_go_on(client: Follower) -> None:
    result = await client.world.call("old", "create_report", {"folder": "q4"})
    assert result["isError"] is False
    assert result["content"][-1]["text"] == (
        "The API is still working on this, so the result is not here yet. "
        "Call get_report with report_id=job 7 to see how far it is."
    )
    assert sum(client.world.waits) <= 30


async def test_the_start_costs_its_units_and_questions_cost_nothing(client: Follower) -> None:
    task_id = (await client.start())["taskId"]
    await client.get(task_id)
    await client.get(task_id)
    client.api.state = "done"
    await client.get(task_id)
    recorded = [(one["tool"], one["cost"], one["decision"]) for one in client.world.records]
    # A question that delivers nothing leaves no event.
    assert recorded == [("create_report", 3, "allowed"), ("get_report_result", 0, "allowed")]
    await client.send("tasks/cancel", {"taskId": task_id})
    assert client.world.records[-1]["tool"] == "cancel_report"
    assert len({one["call_id"] for one in client.world.records}) == 3


async def test_a_refused_start_is_no_task(client: Follower) -> None:
    params = {"name": "create_report", "arguments": {}}
    answer = (await client.send("tools/call", params)).json()["result"]
    assert (answer["resultType"], answer["isError"]) == ("complete", True)


@pytest.mark.parametrize(
    "other",
    [
        {"tenant_id": "org_globex"},
        {"sub": "usr_bo"},
        {"client_id": "client_other"},
        {"grant_id": "grant_2"},
        {"act": {"sub": "client_claude#helper"}},
    ],
)
async def test_nobody_else_learns_anything_of_a_task_a325(
    client: Follower, other: dict[str, Any]
) -> None:
    task_id = (await client.start())["taskId"]
    asked = len(client.api.requests)
    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        params = {"taskId": task_id, "inputResponses": {}}
        answer = await client.send(method, params, **other)
        assert (answer.status_code, answer.json()["error"]) == (400, NOT_FOUND)
    assert len(client.api.requests) == asked


async def test_an_id_that_the_gateway_did_not_write_is_not_a_task_a326(
    client: Follower,
) -> None:
    task_id = (await client.start())["taskId"]
    key = load_signing_key(client.world.settings.signing_key)
    state = {"tool": "create_report"}
    for_another_purpose = Sealer.of(key).encrypt("requestState", state)
    of_another_key = Sealer(b"0" * 32).encrypt("task", state)
    only_sealed = Sealer.of(key).seal("task", state)
    forged = (
        *("", "job 7", task_id[:-1], f"{task_id}A", task_id.swapcase(), "A" * 5000),
        *(for_another_purpose, of_another_key, only_sealed),
    )
    for one in forged:
        assert await client.get(one) == NOT_FOUND
    assert client.api.asked == ["POST /orgs/org_acme/reports"]


async def test_a_task_ends_with_its_time_its_tool_and_its_connection_a327(
    client: Follower,
) -> None:
    task_id = (await client.start())["taskId"]
    assert await client.get(task_id, allowed_tools=["get_report"]) == NOT_FOUND
    assert await client.get(task_id, scope="mcp:read") == NOT_FOUND
    client.world.clock.advance(seconds=3599)
    assert (await client.get(task_id))["status"] == "working"
    client.world.clock.advance(seconds=1)
    assert await client.get(task_id) == NOT_FOUND
    task_id = (await client.start())["taskId"]
    ends = int(client.world.clock().timestamp()) + 900
    await client.world.feed.announce(Revocation(kind="grant", key="grant_1", expires_at=ends))
    assert (await client.send("tasks/get", {"taskId": task_id})).status_code == 401


async def test_a_person_who_narrowed_the_data_gets_nothing_made_of_more_a328(
    client: Follower,
) -> None:
    wide = "team:engineering team:design"
    task_id = (await client.start(data_scope=wide))["taskId"]
    assert await client.get(task_id, data_scope="team:design") == NOT_FOUND
    assert (await client.get(task_id, data_scope=wide))["status"] == "working"
    assert (await client.get(task_id, data_scope=""))["status"] == "working"


async def test_questions_and_guesses_count_against_the_rate_a329(client: Follower) -> None:
    task_id = (await client.start())["taskId"]
    plan = Plan(name="pro", title="Pro", per_minute=10, burst=10)
    client.world.plans.learn(PlansPage(plans=(plan,), tenants=(), after="1"))
    answers = [await client.send("tasks/get", {"taskId": task_id}) for _ in range(8)]
    answers += [await client.send("tasks/get", {"taskId": "guess"}) for _ in range(20)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1


async def test_another_tenants_record_in_an_answer_about_a_job_reaches_nobody_a330(
    client: Follower,
) -> None:
    task_id = (await client.start())["taskId"]
    client.api.tenant_id, client.api.state = "org_globex", "done"
    task = await client.get(task_id)
    assert task["status"] == "failed"
    assert "another tenant" in task["error"]["message"]
    assert "result" not in task


@pytest.mark.parametrize("key", ["status", "result", "cancel"])
def test_no_task_uses_a_tool_for_which_its_start_has_no_permission_a332(
    tmp_path: Path, key: str
) -> None:
    manifest = yaml.safe_load((API / "jobs-tools.yaml").read_text())
    asked = manifest["tools"]["create_report"]["task"][key]
    manifest["tools"][asked]["scope"] = "mcp:admin"
    (tmp_path / "jobs.yaml").write_bytes((API / "jobs.yaml").read_bytes())
    (tmp_path / "tools.yaml").write_text(yaml.safe_dump(manifest))
    with pytest.raises(ManifestError) as refused:
        load_catalogue(tmp_path / "tools.yaml")
    said = (
        f"tools.create_report.task.{key}: {asked} needs mcp:admin, which a connection that starts"
    )
    assert said in str(refused.value)


STATE = st.one_of(st.text(max_size=20), st.booleans(), st.integers(-5, 5))


@given(st.dictionaries(STATE.map(name_state), st.sampled_from(STATUSES)), STATE, st.text())
def test_a_named_state_means_what_the_manifest_says_and_any_other_that_the_job_goes_on(
    states: dict[str, Any], state: Any, said: str
) -> None:
    fields = JobFields(("id",), ("job", "state"), states, ("said",))
    job = fields.read({"id": 7, "job": {"state": state}, "said": said})
    assert job.status == states.get(name_state(state), "working")
    assert (job.id, job.message) == (7, said[:500])


@given(st.recursive(st.none() | st.booleans() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "job", "state"]), inner)))  # fmt: skip
def test_any_answer_can_be_read(answer: Any) -> None:
    job = JobFields(("id",), ("job", "state"), {"done": "completed"}).read(answer)
    assert job.status in STATUSES
    assert job.id is None or isinstance(job.id, str | int)


async def test_an_api_that_gets_the_name_of_anothers_tool_is_not_asked_for_its_job_a408(
    tmp_path: Path,
) -> None:
    """Two APIs number their jobs alike, so the one would tell of a job that somebody else started."""
    behind = {
        name: {"url": "http://127.0.0.1:8402", "manifest": str(API / "jobs-tools.yaml")}
        for name in ("one", "two")
    }

    def several(first: str, second: str) -> dict[str, Any]:
        prefixes = {"one": first, "two": second}
        apis = {name: {**api, "prefix": prefixes[name]} for name, api in behind.items()}
        return {"manifest": None, "upstream_url": "", "apis": apis}

    async with following(tmp_path, **several("", "two_")) as client:
        task = (await client.start())["taskId"]
    async with following(tmp_path) as client:
        before = (await client.start())["taskId"]
    async with following(tmp_path, **several("", "two_")) as client:
        assert (await client.get(task))["status"] == "working"
        assert (await client.get(before))["status"] == "working"
    async with following(tmp_path, **several("one_", "")) as client:
        assert (await client.get(task))["message"] == "Task not found"
        assert client.api.requests == []
