"""`gatepost eval --config`: the tools of all APIs of a gateway, as a client meets them."""

import json
import shutil
from pathlib import Path

import yaml
from click.testing import CliRunner, Result

from mcp_gateway.cli import eval_, tools
from support.in_process.fake_model import answer, call, serving

HERE = Path(__file__).parent


def test_a_tool_that_is_confused_with_one_of_another_api_is_told(tmp_path: Path) -> None:
    config = _gateway(tmp_path)
    made = _run("cases", "--config", str(config))
    assert made.exit_code == 0, made.output
    written = yaml.safe_load((tmp_path / "evals.yaml").read_text())["cases"]
    wanted = {case["tool"] for case in written}
    assert {"find_tasks", "archive_find_tasks"} <= wanted
    case = {"id": "old", "prompt": "Find what we did in 2019.", "tool": "archive_find_tasks"}
    (tmp_path / "evals.yaml").write_text(json.dumps({"version": 1, "cases": [case]}))

    with serving(lambda body: answer(call("find_tasks", {"project": "website"}))) as model:
        options = ("--config", str(config), "--model", "m", "--endpoint", model.url)
        result = _run("run", *options, "--against", str(config), "--json")
    offered = {one["function"]["name"] for one in model.requests[0]["tools"]}
    assert {"find_tasks", "archive_find_tasks"} <= offered
    report = json.loads(result.stdout)
    assert report["tools"][0]["confused_with"] == {"find_tasks": 1}

    (tmp_path / "report.json").write_text(result.stdout)
    lint = _run("lint", "--config", str(config), "--eval", str(tmp_path / "report.json")).output
    assert "archive_find_tasks: evaluations: a model called find_tasks instead in 1 of 1" in lint
    assert "other tools" not in lint
    assert (
        "archive_delete_task: " in lint
    )  # what a rule says of a manifest names the tool as clients do
    assert "6 tools, " in lint


def test_a_gateway_that_can_not_be_served_is_told_without_a_traceback(tmp_path: Path) -> None:
    config = _gateway(tmp_path)
    (tmp_path / "archive" / "tools.yaml").unlink()
    for command in (("cases",), ("run", "--model", "m", "--replay", "x"), ("lint",)):
        refused = _run(*command, "--config", str(config))
        assert refused.exit_code == 1
        assert "archive" in refused.output
        assert refused.exception is None or isinstance(refused.exception, SystemExit)


def _gateway(folder: Path) -> Path:
    apis = {}
    for name, prefix in (("projects", ""), ("archive", None)):
        (folder / name).mkdir()
        for file in ("tools.yaml", "openapi.json"):
            shutil.copy(HERE / file, folder / name / file)
        apis[name] = {"url": f"https://{name}.example.com", "manifest": f"{name}/tools.yaml"}
        if prefix is not None:
            apis[name]["prefix"] = prefix
    section = {
        "resource": "https://mcp.example.com/mcp",
        "issuer": "https://auth.example.com",
        "signing_key": "gateway.pem",
        "apis": apis,
    }
    config = folder / "gatepost.yaml"
    config.write_text(yaml.safe_dump({"mcp_gateway": section}))
    return config


def _run(*arguments: str) -> Result:
    group = tools if arguments[0] == "lint" else eval_
    return CliRunner().invoke(group, list(arguments))
