"""`gatepost import mcp`, as a person runs it against a server."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.importing.mcp_command import import_mcp
from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.review.commands.dry_run import dry_run
from mcp_gateway.review.commands.list import list_command
from mcp_gateway.review.commands.show import show
from support.in_process.mcp_server import TOOLS, McpServer, served


def run(*arguments: object, **env: str) -> Result:
    return CliRunner().invoke(import_mcp, [*map(str, arguments)], env=env)


@pytest.mark.parametrize(
    "server",
    [McpServer(), McpServer(as_events=True), McpServer(stateless=False)],
    ids=["stateless", "events", "sessions"],
)
def test_a_person_gets_tools_to_review_from_a_server_of_each_era(
    server: McpServer, tmp_path: Path
) -> None:
    with served(server) as url:
        result = run(url, "--out", tmp_path, "--bind", "org=tenant_id", "--name", "Notes")
    assert result.exit_code == 0, result.output
    manifest = yaml.safe_load((tmp_path / "tools.yaml").read_text())
    assert manifest["mcp"] == "mcp.json"
    tools = manifest["tools"]
    assert tools.keys() == {"find_notes", "write_note", "forget_all"}
    assert tools["find_notes"]["bind"] == {"org": "tenant_id"}
    assert tools["write_note"]["operation"] == "write.note"
    assert [name for name, tool in tools.items() if tool.get("expose", True)] == ["find_notes"]
    hints = {name: (tool["read_only"], tool.get("destructive")) for name, tool in tools.items()}
    assert hints == {
        "find_notes": (True, None),
        "write_note": (False, False),
        "forget_all": (False, True),
    }
    said = " ".join(result.output.split())
    assert "1 tool for reading, as the server says (find_notes)" in said
    assert "1 tool for changes that destroy nothing, as the server says (write_note)" in said
    assert not {"POST", "GET"} & set(result.output.split())
    listed = json.loads((tmp_path / "mcp.json").read_text())["tools"]
    assert listed == sorted(TOOLS, key=lambda tool: str(tool["name"]))
    [tool] = load_catalogue(tmp_path / "tools.yaml").tools.values()
    assert (tool.name, tool.remote, tool.read_only) == ("find_notes", "find_notes", True)


def test_a_person_is_told_what_the_hints_of_the_server_decided(tmp_path: Path) -> None:
    with served(McpServer()) as url:
        said = run(url, "--out", tmp_path).output
    assert "1 tool for reading, as the server says (find_notes)" in said
    assert (
        "1 tool counted as destructive, since the server does not say otherwise (forget_all)"
        in said
    )
    assert "the product's name, which people read when they allow tools; set `name`" in said
    assert "POST" not in said


def test_the_list_is_followed_over_pages_and_kept_readable(tmp_path: Path) -> None:
    hidden = {
        **TOOLS[0],
        "name": "aaa",
        "description": "Hid\u200bden",
        "_meta": {"x": 1},
        "icons": [],
    }
    with served(McpServer(pages=[TOOLS, [hidden]])) as url:
        assert run(url, "--out", tmp_path).exit_code == 0
    text = (tmp_path / "mcp.json").read_text()
    assert "Hid\\u200bden" in text
    assert "_meta" not in text
    assert json.loads(text)["tools"][0]["name"] == "aaa"


def test_an_import_again_keeps_edits_and_tells_what_the_server_changed(tmp_path: Path) -> None:
    with served(McpServer()) as url:
        assert run(url, "--out", tmp_path, "--all").exit_code == 0
        assert run(url, "--out", tmp_path, "--check").exit_code == 0
    manifest = tmp_path / "tools.yaml"
    manifest.write_text(manifest.read_text().replace("title: Find notes", "title: Search my notes"))
    changed = [
        {
            **TOOLS[0],
            "inputSchema": {"type": "object", "properties": {"words": {"type": "integer"}}},
        },
        {**TOOLS[2], "name": "steal_all"},
    ]
    with served(McpServer(pages=[changed])) as url:
        checked = run(url, "--out", tmp_path, "--check")
        assert checked.exit_code == 1
        assert "find_notes" in checked.output
        assert "steal_all" in checked.output
        assert run(url, "--out", tmp_path).exit_code == 0
    tools = yaml.safe_load(manifest.read_text())["tools"]
    assert tools["find_notes"]["title"] == "Search my notes"
    for name in ("write_note", "forget_all", "steal_all"):
        assert tools[name]["expose"] is False


def test_a_tool_that_reaches_strangers_by_its_servers_word_is_not_called_closed_a406(
    tmp_path: Path,
) -> None:
    [find, *others] = TOOLS
    reaching = {**find, "annotations": {**find["annotations"], "openWorldHint": True}}
    with served(McpServer(pages=[[reaching, *others]])) as url:
        said = " ".join(run(url, "--out", tmp_path).output.split())
    assert "1 tool for reaching beyond the server's own data (find_notes)" in said
    [tool] = load_catalogue(tmp_path / "tools.yaml").tools.values()
    assert tool.open_world


def test_a_tool_that_only_sounds_like_reading_is_not_exposed(tmp_path: Path) -> None:
    silent = {"name": "search_notes", "description": "Search notes.", "inputSchema": {}}
    with served(McpServer(pages=[[silent]])) as url:
        run(url, "--out", tmp_path)
    [tool] = yaml.safe_load((tmp_path / "tools.yaml").read_text())["tools"].values()
    assert (tool["read_only"], tool["destructive"], tool["expose"]) == (False, True, False)


def test_a_hint_that_the_server_changes_later_changes_no_reviewed_tool(tmp_path: Path) -> None:
    with served(McpServer()) as url:
        run(url, "--out", tmp_path, "--all")
    harmless = [{**tool, "annotations": {"readOnlyHint": True}} for tool in TOOLS]
    with served(McpServer(pages=[harmless])) as url:
        assert run(url, "--out", tmp_path).exit_code == 0
    tool = load_catalogue(tmp_path / "tools.yaml").tools["forget_all"]
    assert (tool.read_only, tool.destructive, tool.scope) == (False, True, "mcp:write")


def test_a_header_comes_from_the_environment_and_is_in_no_file_or_output(tmp_path: Path) -> None:
    server = McpServer()
    with served(server) as url:
        secret = "Bearer a-secret-of-mine"
        result = run(url, "--out", tmp_path, "--header", "Authorization=KEY", KEY=secret)
        assert result.exit_code == 0
        assert {headers["authorization"] for _, headers, _ in server.asked} == {secret}
        written = "".join(path.read_text() for path in tmp_path.iterdir())
        assert "a-secret-of-mine" not in written + result.output
        for wrong in ("Authorization", "Authorization=NOT_SET", "Host=KEY", "X=BAD"):
            refused = run(url, "--header", wrong, KEY=secret, BAD="a\nb")
            assert refused.exit_code == 2
            assert "a-secret-of-mine" not in refused.output


@pytest.mark.parametrize(
    "answer",
    [
        HttpResponse(401, "application/json", b"{}"),
        HttpResponse(302, "text/plain", b""),
        HttpResponse(200, "text/html", b"<p>"),
        HttpResponse(200, "application/json", b'{"jsonrpc":"2.0","id":"another","result":{}}'),
        HttpResponse(503, "text/plain", b"Traceback"),
    ],
)
def test_a_server_that_lists_nothing_is_told_and_nothing_is_written(
    answer: HttpResponse, tmp_path: Path
) -> None:
    with served(lambda request: answer) as url:
        result = run(url, "--out", tmp_path / "new")
    assert result.exit_code == 1
    assert result.output.startswith(("Error: ", "Reading "))
    assert "Traceback" not in result.output
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("depth", [210, 300, 900])
def test_a_schema_that_is_nested_too_deeply_is_told(depth: int, tmp_path: Path) -> None:
    schema = {"properties": {"x": json.loads('{"not":' * depth + "{}" + "}" * depth)}}
    tool = {"name": "deep", "inputSchema": {"type": "object", **schema}}
    with served(McpServer(pages=[[tool]])) as url:
        result = run(url, "--out", tmp_path / "new")
    assert result.exit_code == 1
    assert "is nested" in result.output
    file = tmp_path / "list.json"
    file.write_text(json.dumps({"tools": [tool]}))
    result = run(file, "--out", tmp_path / "new")
    assert result.exit_code == 1
    assert "is nested" in result.output


def test_a_list_without_end_is_given_up(tmp_path: Path) -> None:
    with served(McpServer(pages=[[] for _ in range(200)])) as url:
        result = run(url, "--out", tmp_path)
    assert result.exit_code == 1
    assert "100 pages" in result.output


def test_a_url_without_tls_is_refused_except_on_loopback(tmp_path: Path) -> None:
    result = run("http://mcp.example.com/mcp", "--out", tmp_path)
    assert result.exit_code == 2
    assert "https" in result.output


@pytest.mark.parametrize(
    ("tools", "said"),
    [
        ([{"name": "a b", "inputSchema": {}}], "'a b'"),
        ([{"name": ".."}], "'..'"),
        ([{"name": "one"}], "inputSchema"),
        ([TOOLS[0], TOOLS[0]], "two tools"),
        (["text"], "None"),
    ],
)
def test_a_malformed_list_is_refused_with_the_reason(
    tools: list[object], said: str, tmp_path: Path
) -> None:
    file = tmp_path / "list.json"
    file.write_text(json.dumps({"tools": tools}))
    result = run(file, "--out", tmp_path / "new")
    assert result.exit_code == 1
    assert said in result.output


def test_a_file_with_the_answer_of_the_server_is_imported_too(tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    file.write_text(json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"tools": TOOLS}}))
    assert run(file, "--out", tmp_path / "new").exit_code == 0


def test_an_openapi_document_and_a_tool_list_are_not_taken_for_each_other(tmp_path: Path) -> None:
    api = tmp_path / "api.json"
    api.write_text(json.dumps({"openapi": "3.1.0", "paths": {}}))
    assert "not an answer to tools/list" in run(api, "--out", tmp_path / "new").output


def test_reviews_name_the_servers_own_tool(tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    file.write_text(json.dumps({"tools": TOOLS}))
    run(file, "--out", tmp_path, "--all")
    manifest = str(tmp_path / "tools.yaml")
    assert "write.note\n" in CliRunner().invoke(list_command, [manifest]).output
    shown = CliRunner().invoke(show, ["write_note", "--manifest", manifest]).output
    assert "operation: write.note" in shown


def test_a_dry_run_shows_the_message_that_a_call_sends(tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    file.write_text(json.dumps({"tools": TOOLS}))
    run(file, "--out", tmp_path, "--bind", "org=tenant_id")
    manifest = ["--manifest", str(tmp_path / "tools.yaml")]
    where = ["--upstream-url", "https://notes.example/mcp"]
    result = CliRunner().invoke(dry_run, ["find_notes", '{"words": "milk"}', *manifest, *where])
    assert result.exit_code == 0, result.output
    assert "POST https://notes.example/mcp" in result.output
    assert "tools/call" in result.output
    assert "org_example" in result.output
