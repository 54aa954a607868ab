"""`gatepost eval cases`: what people ask, from the tools and from what agents did wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from gatepost.text.hidden import HIDDEN
from mcp_gateway.evals.cases import read_cases
from mcp_gateway.evals.from_manifest import make_cases
from mcp_gateway.manifest.load import load_catalogue
from support.in_process.gateway import API


def attempt(kind: str, names: list[str], **more: Any) -> dict[str, Any]:
    """One row of `gatepost usage intent --json`."""
    usual = {"kind": kind, "names": names, "words": [], "errors": [], "similar": [], "times": 3}
    return usual | more


def log(evaluation: Any, *attempts: dict[str, Any]) -> list[str]:
    """Store the attempts of a log, and return the options that name it."""
    (evaluation.path / "intent.json").write_text(json.dumps(attempts))
    return ["--log", str(evaluation.path / "intent.json")]


def test_each_tool_gets_cases_with_the_values_that_its_schema_names(evaluation: Any) -> None:
    assert "9 cases, 9 of them new" in evaluation.run("cases").output
    cases = {case.id: case for case in read_cases(evaluation.path / "evals.yaml")}
    assert cases["find_tasks-state"].prompt == (
        "Find tasks. The project is website. I need state done."
    )
    assert cases["find_tasks-state"].arguments == {"project": "website", "state": "done"}
    assert cases["delete_task-title"].arguments == {"number": 1}
    assert cases["none-1"].tool is None


def test_every_value_in_a_made_case_is_one_that_the_tool_takes() -> None:
    for manifest in ("tools.yaml", "talking.yaml"):
        catalogue = load_catalogue(API / manifest)
        cases = list(make_cases(catalogue))
        assert {case.tool for case in cases} == {*catalogue.tools, None}
        for case in cases:
            if case.tool is not None and case.arguments:
                assert not catalogue.tools[case.tool].validate(case.arguments)


def test_no_value_is_made_up_for_a_tool_that_requires_more_than_plain_ones(evaluation: Any) -> None:
    evaluation.change(
        '{"type": "string", "examples": ["website"]}',
        '{"type": "array", "items": {"type": "string"}}',
        "openapi.json",
    )
    cases = {case.id: case for case in make_cases(load_catalogue(evaluation.path / "tools.yaml"))}
    assert cases["find_tasks-title"].prompt == "Find tasks."
    assert cases["find_tasks-title"].arguments == {}
    assert "find_tasks-state" not in cases


def test_cases_that_people_changed_stay_and_only_new_ones_are_added(evaluation: Any) -> None:
    evaluation.cases(
        {"id": "find_tasks-title", "prompt": "What is to do?", "tool": "find_tasks"},
        {"id": "mine", "prompt": "Archive it.", "tool": "archive_task"},
    )
    said = evaluation.run("cases").output
    assert "10 cases, 8 of them new" in said
    assert "not exposed: mine" in said
    cases = read_cases(evaluation.path / "evals.yaml")
    assert [case.prompt for case in cases[:2]] == ["What is to do?", "Archive it."]


def test_what_agents_did_wrong_becomes_cases_for_a_person_to_confirm(evaluation: Any) -> None:
    options = log(
        evaluation,
        attempt("missing", ["removeTask", "remove_task"], similar=["delete_task"]),
        attempt("searched", ["weekly plan"], similar=["find_tasks"]),
        attempt("stated", ["prepare the weekly report"], similar=["find_tasks", "count_tasks"]),
        attempt("invalid", ["count_tasks"], errors=["project: is required"]),
        attempt("repaired", ["delete_task"], errors=["number"]),
        attempt("missing", ["send_rocket"]),
        attempt("not_allowed", ["delete_task"]),
        attempt("invalid", ["…"]),
    )
    evaluation.run("cases", *options)
    cases = [case for case in read_cases(evaluation.path / "evals.yaml") if case.source == "log"]
    assert [(case.id, case.prompt, case.tool, case.also) for case in cases] == [
        ("log-missing-removeTask", "I want to remove task.", "delete_task", ()),
        ("log-searched-weekly-plan", "I want to weekly plan.", "find_tasks", ()),
        (
            "log-stated-prepare-the-weekly-report",
            "I want to prepare the weekly report.",
            "find_tasks",
            ("count_tasks",),
        ),
        (
            "log-invalid-count_tasks",
            "Count tasks. Choose plausible values for what I did not say.",
            "count_tasks",
            (),
        ),
        (
            "log-repaired-delete_task",
            "Delete a task. Choose plausible values for what I did not say.",
            "delete_task",
            (),
        ),
    ]
    assert (
        cases[0].note == "called removeTask, which does not exist, 3 times; is delete_task meant?"
    )
    assert cases[3].note == "arguments were refused 3 times: project: is required"
    assert cases[4].note == "arguments had to be corrected 3 times: number"
    assert not any(case.arguments for case in cases)


def test_words_of_models_hide_nothing_from_whoever_reviews_the_cases_a346(evaluation: Any) -> None:
    hidden = "weekly\u200b\u202eplan\U000e0041\x1b[2J"
    evaluation.run("cases", *log(evaluation, attempt("searched", [hidden], similar=["find_tasks"])))
    text = (evaluation.path / "evals.yaml").read_text()
    assert not HIDDEN.search(text)
    [case] = [one for one in read_cases(evaluation.path / "evals.yaml") if one.source == "log"]
    assert not HIDDEN.search(case.prompt + case.note)


def test_words_of_other_scripts_get_cases_of_their_own(evaluation: Any) -> None:
    words = ("本周计划", "逾期的任务", "Überfällig", "Oberfällig")
    options = log(
        evaluation, *(attempt("searched", [one], similar=["find_tasks"]) for one in words)
    )
    evaluation.run("cases", *options)
    file = evaluation.path / "evals.yaml"
    cases = [case for case in read_cases(file) if case.source == "log"]
    assert [case.prompt for case in cases] == [f"I want to {one}." for one in words]
    assert "none is new" in evaluation.run("cases", *options).output


def test_an_argument_named_as_a_kind_of_case_gets_its_own_id(evaluation: Any) -> None:
    evaluation.change('"state"', '"title"', "openapi.json")
    evaluation.run("cases")
    ids = [case.id for case in read_cases(evaluation.path / "evals.yaml")]
    assert {"find_tasks-title", "find_tasks-title-2"} <= {*ids}
    assert "none is new" in evaluation.run("cases").output


def test_an_argument_that_may_be_null_is_asked_for_by_a_value(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"state": {"enum": ["open", None]}}}
    tool = {"name": "find", "description": "Find the notes of somebody.", "inputSchema": schema}
    (tmp_path / "mcp.json").write_text(json.dumps({"tools": [tool]}))
    manifest = tmp_path / "tools.yaml"
    manifest.write_text(
        "version: 1\nname: Notes\nmcp: mcp.json\ntools: {find: {operation: find}}\n"
    )
    prompts = [case.prompt for case in make_cases(load_catalogue(manifest)) if case.tool]
    assert prompts[-1] == "Find. I need state open."


@pytest.mark.parametrize("text", ["[]]", '[{"kind": "missing"}]', "{}"])
def test_another_file_than_that_of_the_log_is_refused(evaluation: Any, text: str) -> None:
    (evaluation.path / "intent.json").write_text(text)
    result = evaluation.run("cases", "--log", str(evaluation.path / "intent.json"))
    assert result.exit_code == 1
    assert "is not the output of `gatepost usage intent --json`" in result.output


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"id": "a", "prompt": "x"}, {"id": "a", "prompt": "y"}], "two cases have the id a"),
        ([{"id": "a b", "prompt": "x"}], "cases.0.id"),
        ([{"id": "a", "prompt": ""}], "cases.0.prompt"),
        ([{"id": "a", "prompt": "x", "expect": 1}], "cases.0.expect"),
    ],
)
def test_a_file_of_cases_that_cannot_be_read_names_the_place(
    evaluation: Any, rows: list[dict[str, Any]], said: str
) -> None:
    evaluation.cases(*rows)
    result = evaluation.run("cases")
    assert result.exit_code == 1
    assert said in result.output
