"""`gatepost eval run`: a model is asked, and judged as the gateway would judge its calls.

`recorded.jsonl` holds the answers of the stand-in of support/in_process/fake_model.py, not of a model.
"""

import asyncio
import json
import shutil
from collections import UserDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mcp_gateway.evals.chat import ChatFailed
from mcp_gateway.evals.endpoint import Endpoint
from mcp_gateway.evals.run_case import offer_tools
from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.requests.request import HttpRequest
from support.in_process.fake_model import Answer, Json, answer, call, choose, serving

HERE = Path(__file__).parent
FIND = {
    "id": "find",
    "prompt": "Find the tasks of a project. The project is website.",
    "tool": "find_tasks",
}


def test_the_recorded_answers_give_the_report_without_a_model(evaluation: Any) -> None:
    """The recording is replayed by its requests, so it also shows that these stayed the same."""
    evaluation.run("cases")
    result = evaluation.run("run", "--model", "stand-in", "--replay", str(HERE / "recorded.jsonl"))
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0].split() == (
        ["TOOL", "CASES", "PASSED", "RIGHT", "REPAIRED", "INVALID", "NEEDLESS", "FAILED"]
    )
    assert ["find_tasks", "3", "3", "3", "0", "0", "0", "0"] in [line.split() for line in lines]
    assert lines[-1].startswith("9 cases, 100% of 9 answered ones passed, 0 failed; model stand-in")


def test_a_recording_against_the_stand_in_is_the_stored_one(evaluation: Any) -> None:
    """To make it anew after a change of the requests, copy the file that this test writes."""
    evaluation.run("cases")
    made = evaluation.path / "recorded.jsonl"
    with serving() as model:
        options = ("--endpoint", model.url, "--at-once", "1", "--record", str(made))
        assert evaluation.run("run", "--model", "stand-in", *options).exit_code == 0
    assert sorted(made.read_bytes().splitlines()) == sorted(
        (HERE / "recorded.jsonl").read_bytes().splitlines()
    )


def test_a_request_that_was_not_recorded_is_a_failed_case(evaluation: Any) -> None:
    evaluation.cases(FIND)
    result = evaluation.run("run", "--model", "stand-in", "--replay", str(HERE / "recorded.jsonl"))
    assert result.exit_code == 1
    assert "find: failed: not recorded" in result.output


def test_a_case_goes_on_with_a_tool_that_has_another_name_now(evaluation: Any) -> None:
    former = "former: [{name: seek_tasks, until: '2099-12-31', arguments: {place: project}}]"
    evaluation.change("    title: Find tasks\n", f"    title: Find tasks\n    {former}\n")
    evaluation.cases({**FIND, "tool": "seek_tasks", "arguments": {"place": "website"}})
    with serving() as model:
        report = evaluation.report("--endpoint", model.url)

    [result] = report["results"]
    assert (result["expected"], result["outcome"], result["arguments"]) == (
        "find_tasks",
        "right",
        "valid",
    )
    assert "not exposed" not in evaluation.run("cases").output


def test_the_model_gets_the_tools_as_the_gateway_lists_them(evaluation: Any) -> None:
    evaluation.cases(FIND)
    with serving() as model:
        evaluation.run("run", "--model", "m", "--endpoint", model.url)
    [request] = model.requests
    assert request["model"] == "m"
    assert [one["function"]["name"] for one in request["tools"]] == [
        "count_tasks",
        "delete_task",
        "find_tasks",
    ]
    found = request["tools"][2]["function"]
    tool = load_catalogue(evaluation.path / "tools.yaml").tools["find_tasks"]
    assert (found["description"], found["parameters"]) == (tool.description, tool.input_schema)
    assert model.keys == [None]


def says(message: Json, finish: str = "stop") -> Callable[[Json], Answer]:
    """Make a model that always says the same."""
    return lambda _: answer(message, finish)


TWICE = call("find_tasks", {"project": "website"})
TWICE["tool_calls"] = [*call("count_tasks", {"project": "x"})["tool_calls"], *TWICE["tool_calls"]]


@pytest.mark.parametrize(
    ("message", "outcome", "arguments", "problems"),
    [
        (call("find_tasks", {"project": "website"}), "right", "valid", []),
        (call("find_tasks", {"project": "other"}), "right", "different", ["project"]),
        (call("find_tasks", {}), "right", "invalid", ["project"]),
        (
            call("find_tasks", {"project": "website", "state": "late"}),
            "right",
            "invalid",
            ["state"],
        ),
        (call("find_tasks", "{"), "right", "invalid", [""]),
        (call("find_tasks", "[]"), "right", "invalid", [""]),
        (call("count_tasks", {"project": "website"}), "wrong_tool", "", []),
        (call("list_everything", {}), "unknown_tool", "", []),
        ({"role": "assistant", "content": "No."}, "no_call", "", []),
        (TWICE, "right", "valid", []),
    ],
    ids=range(10),
)
def test_a_call_is_judged_by_its_tool_and_its_arguments(
    evaluation: Any, message: Json, outcome: str, arguments: str, problems: list[str]
) -> None:
    evaluation.cases(FIND | {"arguments": {"project": "website"}})
    with serving(says(message)) as model:
        report = evaluation.report("--endpoint", model.url)
    [result] = report["results"]
    assert (result["outcome"], result["arguments"]) == (outcome, arguments)
    assert [one["argument"] for one in result["problems"]] == problems
    assert result["needless"] == (message is TWICE)


def test_arguments_that_the_gateway_would_repair_pass_and_are_counted(evaluation: Any) -> None:
    evaluation.cases({"id": "gone", "prompt": "Delete it.", "tool": "delete_task"})
    with serving(says(call("delete_task", {"number": "7"}))) as model:
        report = evaluation.report("--endpoint", model.url)
    [score] = report["tools"]
    assert (score["passed"], score["repaired"], score["arguments"]) == (1, 1, {"number": 1})


def test_a_call_where_none_serves_the_request_is_needless(evaluation: Any) -> None:
    evaluation.cases({"id": "none", "prompt": "Thanks.", "tool": None})
    with serving(says(call("count_tasks", {"project": "x"}))) as model:
        report = evaluation.report("--endpoint", model.url)
    assert report["results"][0]["outcome"] == "needless"
    assert report["tools"][0]["needless"] == 1


def test_another_tool_that_the_case_names_is_right_too(evaluation: Any) -> None:
    evaluation.cases(FIND | {"also": ["count_tasks"]})
    with serving(says(call("count_tasks", {"project": "website"}))) as model:
        report = evaluation.report("--endpoint", model.url)
    assert report["results"][0]["outcome"] == "right"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (lambda _: Answer(200, b"<html>"), "the answer is not JSON"),
        (lambda _: Answer(200, b"[]"), "no choices[0].message"),
        (lambda _: Answer(200, b'{"choices": [7]}'), "no choices[0].message"),
        (lambda _: Answer(200, b'{"choices": []}'), "no choices[0].message"),
        (says({"tool_calls": 7}), "tool_calls is not a list"),
        (says({"tool_calls": [{"id": "x"}]}), "tool_calls[0] has no function.name"),
        (
            says({"tool_calls": [{"function": {"name": "find_tasks", "arguments": {}}}]}),
            "arguments is not a text",
        ),
        (says({"content": "Well"}, "length"), "was cut off"),
        (lambda _: Answer(401, b'{"error": {"code": "invalid_api_key"}}'), "401 (invalid_api_key)"),
        (lambda _: Answer(400, b'{"error": {"message": "secret-text"}}'), "answered 400"),
        (lambda _: Answer(302, b""), "answered 302"),
    ],
    ids=range(11),
)
def test_an_answer_that_is_not_one_is_a_failed_case_and_no_traceback(
    evaluation: Any, reply: Callable[[Json], Answer], said: str
) -> None:
    evaluation.cases(FIND)
    with serving(reply) as model:
        result = evaluation.run("run", "--model", "m", "--endpoint", model.url)
    assert result.exit_code == 1
    assert said in result.output
    assert "secret-text" not in result.output
    assert "1 failed" in result.output


class Busy:
    """An endpoint that refuses some requests before it answers."""

    def __init__(self, *refusals: HttpResponse | RequestFailed) -> None:
        self.refusals = list(refusals)
        self.sent: list[HttpRequest] = []

    async def send(self, request: HttpRequest, *, deadline: float) -> HttpResponse:
        """Refuse, or answer."""
        self.sent.append(request)
        if self.refusals:
            refusal = self.refusals.pop(0)
            if isinstance(refusal, RequestFailed):
                raise refusal
            return refusal
        return HttpResponse(200, "application/json", answer(choose(json.loads(request.body))).body)


async def test_a_busy_endpoint_is_asked_again_as_late_as_it_says() -> None:
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    busy = Busy(
        HttpResponse(429, "", b"", retry_after="7"),
        RequestFailed("unreachable", "gone"),
        HttpResponse(503, "", b"", retry_after="999999"),
    )
    endpoint = Endpoint(busy, "https://x.example.com", "", seconds=9, at_once=1, wait=wait)
    body = {"messages": [{"role": "user", "content": "hello"}], "tools": [], "model": "m"}
    body["tools"] = offer_tools(load_catalogue(HERE / "tools.yaml"))
    assert (await endpoint.complete(body)).calls == ()
    assert waits == [7, 2, 60]
    assert len(busy.sent) == 4


def test_no_more_requests_are_under_way_than_allowed(evaluation: Any) -> None:
    evaluation.run("cases")
    with serving() as model:
        assert (
            evaluation.run(
                "run", "--model", "m", "--endpoint", model.url, "--at-once", "2"
            ).exit_code
            == 0
        )
    assert len(model.requests) == 9


def test_a_key_comes_from_the_environment_and_is_in_no_output_a345(
    evaluation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_KEY", "sk-very-secret")
    evaluation.cases(FIND)
    recorded = evaluation.path / "rec.jsonl"
    with serving(
        lambda body: Answer(401, b'{"error": {"message": "bad key sk-very-secret"}}')
    ) as model:
        options = ("--endpoint", model.url, "--key-env", "MODEL_KEY", "--record", str(recorded))
        result = evaluation.run("run", "--model", "m", *options)
    assert model.keys == ["Bearer sk-very-secret"]
    assert "sk-very-secret" not in result.output + recorded.read_text()


@pytest.mark.parametrize(
    "reply",
    [
        lambda key: Answer(401, json.dumps({"error": {"code": key}}).encode()),
        lambda key: answer(call(f"tool of {key}", json.dumps({"it is": key}))),
        lambda key: answer(call("find_tasks", "{}") | {"content": key}),
        lambda key: Answer(
            401, b'{"error": {"code": "\\u0073%s"}}' % key.removeprefix("Bearer s").encode()
        ),
    ],
    ids=["code", "name", "content", "escapes"],
)
def test_an_endpoint_that_repeats_the_key_brings_it_into_no_file_a385(
    evaluation: Any, monkeypatch: pytest.MonkeyPatch, reply: Callable[[str], Answer]
) -> None:
    monkeypatch.setenv("MODEL_KEY", "sk-very-secret")
    evaluation.cases(FIND)
    recorded = evaluation.path / "rec.jsonl"
    with serving(lambda _: reply("Bearer sk-very-secret")) as model:
        options = ("--endpoint", model.url, "--key-env", "MODEL_KEY", "--record", str(recorded))
        told = evaluation.run("run", "--model", "m", *options).output
        told += evaluation.run("run", "--model", "m", "--json", *options).output
    assert model.keys[-1] == "Bearer sk-very-secret"
    assert "very-secret" not in told + recorded.read_text()


@pytest.mark.parametrize(
    ("refusal", "asked"),
    [
        (HttpResponse(401, "", b""), 1),
        (HttpResponse(402, "", b""), 1),
        (HttpResponse(429, "", b""), 32),
        (RequestFailed("unreachable", "gone"), 32),
        (RequestFailed("too_large", "larger than 4 MiB"), 100),
    ],
    ids=["key", "account", "busy", "gone", "large"],
)
async def test_an_endpoint_that_serves_nobody_costs_few_requests_a386(
    refusal: HttpResponse | RequestFailed, asked: int
) -> None:
    async def wait(seconds: float) -> None:
        pass

    busy = Busy(*[refusal] * 1_000)
    endpoint = Endpoint(busy, "https://x.example.com", "", seconds=9, at_once=1, wait=wait)
    said = []
    for _ in range(100):
        with pytest.raises(ChatFailed) as failed:
            await endpoint.complete({})
        said.append(str(failed.value))
    assert len(busy.sent) == asked
    assert said[-1].startswith("not asked, since") == (asked < 100)


async def test_requests_that_wait_are_not_written_yet() -> None:
    """1,222 tools make requests of megabytes, and there are thousands of cases."""
    written = 0
    answers = asyncio.Event()

    class Counted(UserDict[str, Any]):
        """Is written by the fallback for unknown types, which reads its keys."""

        def keys(self) -> Any:
            nonlocal written
            written += 1
            return super().keys()

    class Slow(Busy):
        async def send(self, request: HttpRequest, *, deadline: float) -> HttpResponse:
            await answers.wait()
            body = answer({"role": "assistant", "content": "Well."}).body
            return HttpResponse(200, "application/json", body)

    endpoint = Endpoint(Slow(), "https://x.example.com", "", seconds=9, at_once=2)
    async with asyncio.TaskGroup() as group:
        for _ in range(100):
            group.create_task(endpoint.complete(Counted(model="m")))
        for _ in range(10):
            await asyncio.sleep(0)
        assert written == 2
        answers.set()
    assert written == 100


@pytest.mark.parametrize("option", ["--record", "--out"])
def test_a_file_that_cannot_be_written_is_told_in_a_line(evaluation: Any, option: str) -> None:
    evaluation.cases(FIND)
    nowhere = str(evaluation.path / "nowhere" / "file")
    run = ["run", "--model", "m", "--endpoint", "http://127.0.0.1:1"]
    result = evaluation.run(*(["cases"] if option == "--out" else run), option, nowhere)
    assert (result.exit_code, "No such file or directory" in result.output) == (1, True)


def test_a_replay_without_an_answer_for_one_case_fails(evaluation: Any) -> None:
    evaluation.run("cases")
    with (evaluation.path / "evals.yaml").open("a") as file:
        file.write("- {id: later, prompt: And this?, tool: find_tasks}\n")
    options = ("--replay", str(HERE / "recorded.jsonl"), "--require", "90")
    result = evaluation.run("run", "--model", "stand-in", *options)
    assert "100% of 9 answered ones passed" in result.output
    assert "later: failed: not recorded" in result.output
    assert result.exit_code == 1


def test_without_a_manifest_the_command_names_the_option(evaluation: Any) -> None:
    (evaluation.path / "tools.yaml").unlink()
    assert "name the manifest with --manifest" in evaluation.run("cases").output


@pytest.mark.parametrize(
    ("options", "said", "code"),
    [
        (("--endpoint", "http://models.example.com/v1"), "only sent over https", 1),
        (("--endpoint", "https://u:p@models.example.com"), "must not contain credentials", 1),
        (("--endpoint", "ftp://models.example.com"), "is not an http or https URL", 1),
        (("--endpoint", "http://[x"), "is not an http or https URL", 1),
        ((), "choose one of", 2),
        (("--replay", "r", "--record", "s"), "--record needs --endpoint", 2),
        (("--replay", "nowhere.jsonl"), "nowhere.jsonl: No such file", 1),
    ],
    ids=range(7),
)
def test_an_endpoint_that_must_not_be_asked_is_refused_a345(
    evaluation: Any,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    said: str,
    code: int,
) -> None:
    monkeypatch.setenv("MODEL_KEY", "sk-very-secret")
    evaluation.cases(FIND)
    result = evaluation.run("run", "--model", "m", "--key-env", "MODEL_KEY", *options)
    assert result.exit_code == code
    assert said in result.output
    unset = evaluation.run(
        "run", "--model", "m", "--key-env", "NO_KEY", "--endpoint", "https://x.y"
    )
    assert "NO_KEY is not set" in unset.output


def test_another_file_is_not_a_recording(evaluation: Any) -> None:
    evaluation.cases(FIND)
    result = evaluation.run("run", "--model", "m", "--replay", str(HERE / "tools.yaml"))
    assert result.exit_code == 1
    assert "is not a recording" in result.output


def test_a_pipeline_can_require_a_share_of_passed_cases(evaluation: Any) -> None:
    evaluation.cases(FIND, {"id": "other", "prompt": "Thanks.", "tool": "delete_task"})
    with serving() as model:
        options = ("--model", "m", "--endpoint", model.url)
        assert evaluation.run("run", *options, "--require", "50").exit_code == 0
        assert evaluation.run("run", *options, "--require", "51").exit_code == 1


def test_a_worse_description_is_told_by_comparison_and_lint(evaluation: Any) -> None:
    shutil.copy(evaluation.path / "tools.yaml", evaluation.path / "former.yaml")
    evaluation.change("Find how many tasks a project has.", "Sum.")
    evaluation.cases(
        {"id": "one", "prompt": "Find how many a project has.", "tool": "count_tasks"},
        {
            "id": "two",
            "prompt": "Count what a project has. The project is x.",
            "tool": "count_tasks",
        },
    )
    with serving() as model:
        options = ("--endpoint", model.url, "--against", str(evaluation.path / "former.yaml"))
        report = evaluation.report(*options)
        told = evaluation.run("run", "--model", "m", *options).output
    assert report["changed"] == [
        {"tool": "count_tasks", "changed": ["description"], "before": 50, "now": 0}
    ]
    assert "count_tasks: description changed: 50% before, 0% now" in told

    (evaluation.path / "report.json").write_text(json.dumps(report))
    lint = evaluation.run("lint", "--eval", str(evaluation.path / "report.json")).output
    assert "a model called find_tasks instead in 2 of 2 cases" in lint
    assert "description changed, and 0% of its cases pass instead of 50%" in lint


def test_lint_tells_what_models_get_wrong_and_that_a_report_is_old(evaluation: Any) -> None:
    evaluation.cases(FIND, {"id": "gone", "prompt": "Delete it.", "tool": "delete_task"})
    wrong = {"Delete it.": {"role": "assistant", "content": "Done."}}
    invalid = call("find_tasks", {"project": "website", "state": "late"})
    with serving(lambda body: answer(wrong.get(body["messages"][1]["content"], invalid))) as model:
        report = evaluation.report("--endpoint", model.url)
    file = evaluation.path / "report.json"
    file.write_text(json.dumps(report))
    lint = evaluation.run("lint", "--eval", str(file)).output
    assert "find_tasks: evaluations: a model got state wrong in 1 of 1 cases" in lint
    assert "delete_task: evaluations: a model called no tool in 1 of 1 cases" in lint
    assert "evaluations" not in evaluation.run("lint").output

    evaluation.change("title: Find tasks", "title: Search tasks")
    assert "the report is about other tools" in evaluation.run("lint", "--eval", str(file)).output
    for text in ("{", "[]"):
        file.write_text(text)
        refused = evaluation.run("lint", "--eval", str(file))
        assert (refused.exit_code, "is not a report" in refused.output) == (1, True)


def test_a_large_catalogue_is_searched_as_the_gateway_lets_models_search(evaluation: Any) -> None:
    evaluation.change("tools:", "search_above: 2\ntools:")
    evaluation.cases(FIND, FIND | {"id": "stubborn", "prompt": "Only search."})
    steps = [
        call("search_tools", {"query": "find tasks"}),
        call("describe_tool", {"name": "find_tasks"}),
        call("execute_tool", {"name": "find_tasks", "arguments": {"project": "website"}}),
    ]

    def reply(body: Json) -> Answer:
        searches = body["messages"][1]["content"] == "Only search."
        rounds = 0 if searches else len(body["messages"]) // 2 - 1
        return answer(steps[rounds])

    with serving(reply) as model:
        report = evaluation.report("--endpoint", model.url)
    found, stubborn = report["results"]
    assert (found["outcome"], found["arguments"], found["called"]) == (
        "right",
        "valid",
        ["find_tasks"],
    )
    assert (stubborn["outcome"], "searched 6 times" in stubborn["detail"]) == ("failed", True)
    names = {tool["function"]["name"] for tool in model.requests[0]["tools"]}
    assert names == {"search_tools", "describe_tool", "execute_tool"}
    last = max(
        model.requests,
        key=lambda one: one["messages"][1]["content"] == FIND["prompt"] and len(one["messages"]),
    )
    searched = json.loads(last["messages"][3]["content"])
    assert "find_tasks" in [tool["name"] for tool in searched["tools"]]
    assert json.loads(last["messages"][5]["content"])["inputSchema"]["required"] == ["project"]
