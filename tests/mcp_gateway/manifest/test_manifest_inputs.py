"""Questions, mirrored arguments, prompts and resources of a manifest, and their errors."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.load import load_catalogue
from support.in_process.gateway import API


def manifest(folder: Path, **changes: Any) -> Path:
    """Write the usual manifest with other prompts, resources or keys of `create_task`."""
    source = yaml.safe_load((API / "talking.yaml").read_text())
    tool = changes.pop("create_task", {})
    source["tools"]["create_task"] = {**source["tools"]["create_task"], **tool}
    for name in ("openapi.yaml", "logo.png"):
        (folder / name).write_bytes((API / name).read_bytes())
    path = folder / "tools.yaml"
    path.write_text(yaml.safe_dump({**source, **changes}))
    return path


def test_a_model_may_omit_an_argument_that_a_person_is_asked_for(
    tmp_path: Path,
) -> None:
    tool = load_catalogue(manifest(tmp_path)).tools["create_task"]
    assert "required" not in tool.input_schema
    assert not tool.validate({})
    assert [problem.argument for problem in tool.validate_all({})] == ["title"]


def asks(**question: Any) -> dict[str, Any]:
    """Write the inputs of a tool with one question."""
    return {"create_task": {"inputs": [{"due": question}]}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (asks(ask="When?", fields={"due": {"type": "string"}}), "tools.create_task.inputs.due: no"),
        (asks(draft="Write", into="due"), "no argument 'due'; it has priority, title"),
        (
            asks(ask="Who?", fields={"tenant_id": {"type": "string"}}),
            "no argument 'tenant_id'",
        ),
        (
            asks(ask="What?", fields={"title": {"type": "object"}}),
            "inputs.due.fields.title: forms can't show this schema",
        ),
        (asks(ask="What?"), "must have either"),
        (
            {"create_task": {"inputs": [{"a": {"draft": "x", "into": "title"}}] * 2}},
            "inputs.a: the name is used twice",
        ),
        ({"create_task": {"mirror": {"nothing": "X"}}}, "mirror.nothing: no such argument"),
        ({"create_task": {"mirror": {"title": "a b"}}}, "mirror.title: must be a header name"),
        (
            {"create_task": {"mirror": {"title": "A", "priority": "a"}}},
            "is used twice",
        ),
        (
            {"prompts": {"p": {"text": "x", "attach": ["no"]}}},
            "prompts.p.attach: no does not exist",
        ),
        (
            {"prompts": {"p": {"text": "x", "attach": ["task"]}}},
            "prompts.p.attach: task does not exist or can't be named here",
        ),
        ({"prompts": {"p": {"text": "x", "tools": ["no"]}}}, "prompts.p.tools: no does not exist"),
        ({"resources": {"r": {"tool": "no", "uri": "a:{id}"}}}, "there is no tool no"),
        (
            {"resources": {"r": {"tool": "delete_task", "uri": "a:{id}"}}},
            "delete_task changes data",
        ),
        ({"resources": {"r": {"tool": "get_task", "uri": "a:b"}}}, "name the tool's arguments"),
        (
            {"resources": {"r": {"tool": "get_task", "uri": "a:{no}"}}},
            "does not have an argument no",
        ),
        ({"resources": {"r": {"text": "x", "uri": "a:{id}"}}}, "only a resource with a `tool`"),
        (
            {"resources": {name: {"text": "x", "uri": "a:b"} for name in ("r", "s")}},
            "resources.s.uri: r has the same",
        ),
        ({"resources": {"r": {"file": "logo.png"}}}, "is not UTF-8 text"),
    ],
    ids=range(19),
)
def test_an_impossible_entry_is_named_with_the_fix(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    changes = {"prompts": {}, "resources": {}, **changes}
    if changes.get("prompts"):
        changes["resources"] = {"task": {"tool": "get_task", "uri": "a:{id}"}}
    with pytest.raises(ManifestError) as refused:
        load_catalogue(manifest(tmp_path, **changes))
    assert said in str(refused.value)
