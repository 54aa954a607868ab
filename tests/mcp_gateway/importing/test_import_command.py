"""`gatepost import openapi`, as a person runs it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from mcp_gateway.importing.command import import_
from mcp_gateway.manifest.load import load_catalogue

TEXT = {"type": "string"}
ORG = {"name": "org_id", "in": "path", "required": True, "schema": TEXT}
API: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Orbit"},
    "servers": [{"url": "https://api.orbit.example"}],
    "paths": {
        "/orgs/{org_id}/tasks": {
            "parameters": [ORG],
            "get": {"summary": "List: tasks", "tags": ["Task lists", "write"]},
            "post": {
                "description": "Create a task.\n\nSecond paragraph.",
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {"type": "object", "properties": {"tenant_id": TEXT}}
                        }
                    }
                },
            },
        },
        "/old": {"get": {"deprecated": True, "summary": "1e3"}},
        "/soap": {"post": {"requestBody": {"content": {"application/soap+xml": {}}}}},
    },
}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(import_, ["openapi", *map(str, arguments)])


@pytest.fixture
def api(tmp_path: Path) -> Path:
    path = tmp_path / "api.json"
    path.write_text(json.dumps(API))
    return path


def tools_in(folder: Path) -> dict[str, Any]:
    loaded = yaml.safe_load((folder / "tools.yaml").read_text())
    tools: dict[str, Any] = loaded["tools"]
    return tools


def test_only_reading_tools_are_exposed_until_a_person_decides(api: Path, tmp_path: Path) -> None:
    result = run(api, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    tools = tools_in(tmp_path / "out")
    assert {name: tool.get("expose", True) for name, tool in tools.items()} == {
        "list_org_tasks": True,
        "create_org_task": False,
        "get_old": False,
    }
    assert tools["list_org_tasks"]["toolsets"] == ["task_lists"]
    catalogue = load_catalogue(tmp_path / "out" / "tools.yaml")
    assert list(catalogue.tools) == ["list_org_tasks"]


def test_all_exposes_everything_that_can_be_served(api: Path, tmp_path: Path) -> None:
    assert run(api, "--out", tmp_path / "out", "--all", "--name", "My API").exit_code == 0
    catalogue = load_catalogue(tmp_path / "out" / "tools.yaml")
    assert list(catalogue.tools) == ["create_org_task", "get_old", "list_org_tasks"]
    assert catalogue.name == "My API"
    assert catalogue.tools["get_old"].title == "1e3"
    assert catalogue.tools["create_org_task"].description == "Create a task.\n\nSecond paragraph."


def test_the_report_lists_refusals_and_decisions(api: Path, tmp_path: Path) -> None:
    output = run(api, "--out", tmp_path / "out").output
    assert "POST /soap: its request body is application/soap+xml" in output
    assert "--bind org_id=tenant_id" in output
    assert "--bind tenant_id=tenant_id" in output
    assert "https://api.orbit.example" in output


def test_a_binding_reaches_every_operation_that_has_the_parameter(
    api: Path, tmp_path: Path
) -> None:
    arguments = ("--bind", "org_id=tenant_id", "--bind", "tenant_id=tenant_id", "--all")
    output = run(api, "--out", tmp_path / "out", *arguments).output
    assert "looks like the tenant" not in output
    tools = load_catalogue(tmp_path / "out" / "tools.yaml").tools
    assert tools["list_org_tasks"].bindings == {"org_id": "tenant_id"}
    assert tools["create_org_task"].bindings == {"org_id": "tenant_id", "tenant_id": "tenant_id"}
    assert tools["create_org_task"].input_schema["properties"] == {}


@pytest.mark.parametrize(
    ("binding", "message"),
    [
        ("org_id", "write PARAM=CLAIM"),
        ("org_id=tenant", "'tenant' is not a claim"),
        ("organisation=tenant_id", "no operation has a parameter named organisation"),
    ],
)
def test_a_wrong_binding_is_explained_and_nothing_is_written(
    api: Path, tmp_path: Path, binding: str, message: str
) -> None:
    result = run(api, "--out", tmp_path / "out", "--bind", binding)
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "out").exists()


def test_a_reviewed_manifest_is_never_overwritten_by_accident(api: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(api, "--out", out)
    (out / "tools.yaml").write_text("reviewed")
    result = run(api, "--out", out)
    assert result.exit_code == 1
    assert "--force" in result.output
    assert (out / "tools.yaml").read_text() == "reviewed"
    assert run(api, "--out", out, "--force").exit_code == 0
    (out / "tools.yaml").unlink()
    (out / "openapi.json").write_text("someone else's")
    assert run(api, "--out", out).exit_code == 1


def test_yaml_is_copied_as_yaml(tmp_path: Path) -> None:
    (tmp_path / "api.yml").write_text("openapi: 3.0.3\npaths: {/a: {get: {}}}\n")
    result = run(tmp_path / "api.yml", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "openapi.yaml").read_text() == (tmp_path / "api.yml").read_text()
    assert list(load_catalogue(tmp_path / "tools.yaml").tools) == ["get_a"]


def test_bounds_beyond_64_bits_in_yaml_cost_no_operation(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text(
        """\
openapi: 3.0.3
paths:
  /a:
    get:
      parameters:
        - name: id
          in: query
          schema: {type: integer, minimum: -9223372036854776000, maximum: 18446744073709552000}
"""
    )
    result = run(tmp_path / "api.yaml", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    tool = load_catalogue(tmp_path / "out" / "tools.yaml").tools["get_a"]
    assert tool.input_schema["properties"]["id"]["maximum"] == 2**64
    assert not tool.validate({"id": 7})


def test_texts_longer_than_a_manifest_allows_are_cut_and_the_import_loads(tmp_path: Path) -> None:
    long = "word " * 2000
    paths = {
        "/a": {"get": {"summary": long, "description": "Short."}},
        "/b": {"get": {"x-mcp": {"title": long, "description": long}}},
        f"/{'c' * 2100}": {"get": {}},
    }
    document = {"openapi": "3.1.0", "info": {"title": long}, "paths": paths}
    (tmp_path / "api.json").write_text(json.dumps(document))
    result = run(tmp_path / "api.json", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "a manifest can't hold it: tools.t.operation: must be text" in result.output
    catalogue = load_catalogue(tmp_path / "out" / "tools.yaml")
    assert catalogue.name.endswith("word…")
    assert {name: len(tool.title) for name, tool in catalogue.tools.items()} == {
        "get_a": 195,
        "get_b": 195,
    }


def test_an_import_that_does_not_load_writes_nothing_and_fails(
    api: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp_gateway.importing.command.write_manifest", lambda *_: "version: 1\n")
    (tmp_path / "tools.yaml").write_text("reviewed")
    result = run(api, "--out", tmp_path, "--force")
    assert result.exit_code == 1
    assert "tools: missing" in result.output
    assert (tmp_path / "tools.yaml").read_text() == "reviewed"
    assert not (tmp_path / "openapi.json").exists()


def test_a_post_that_only_reads_is_exposed_and_listed_for_a_decision(tmp_path: Path) -> None:
    paths = {
        "/accounts/get": {"post": {"summary": "Retrieve accounts", "operationId": "accountsGet"}},
        "/accounts/remove": {"post": {"summary": "Remove an account"}},
    }
    (tmp_path / "api.json").write_text(json.dumps({"openapi": "3.1.0", "paths": paths}))
    output = run(tmp_path / "api.json", "--out", tmp_path).output
    tools = tools_in(tmp_path)
    assert [(t.get("read_only"), t["scope"], t.get("expose", True)) for t in tools.values()] == [
        (True, "mcp:read", True),
        (None, "mcp:write", False),
    ]
    assert "1 tool for reading with POST, as path and summary say (get_accounts)" in output


def test_tools_without_the_tenant_are_left_to_decide(api: Path, tmp_path: Path) -> None:
    paths = {**API["paths"], "/v1/me": {"get": {}}}
    api.write_text(json.dumps({**API, "paths": paths}))
    output = run(api, "--out", tmp_path / "out", "--bind", "org_id=tenant_id").output
    assert "1 tool without a bound tenant (get_me)" in output.partition("To decide:")[2]
    assert "without a bound tenant" not in run(api, "--out", tmp_path / "other").output


ALLOW = {"name": "allow_create_organization", "in": "query", "schema": {"type": "boolean"}}


def test_what_agents_rarely_need_is_exposed_only_by_a_persons_choice(tmp_path: Path) -> None:
    paths: dict[str, Any] = {
        "/healthz": {"get": {}},
        "/version": {"get": {}},
        "/auth/login": {"get": {}},
        "/oauth/token": {"post": {}},
        "/auth/signup": {"get": {"parameters": [{"name": "password", "in": "query"}]}},
        "/orgs/settings": {"get": {"parameters": [ALLOW]}},
        "/v1/tasks": {"get": {"operationId": "listOldTasks"}},
        "/v2/tasks": {"get": {"operationId": "listTasks"}},
        "/tasks/search": {
            "get": {"summary": "Search tasks"},
            "post": {"summary": "Search tasks", "operationId": "searchTasks"},
        },
        "/tasks/{id}/version": {"get": {}},
        "/tokens": {"get": {}},
        "/files/{id}": {"get": {}},
        "/files/{name}": {"get": {}},
        "/gone": {"get": {"deprecated": True}},
    }
    (tmp_path / "api.json").write_text(json.dumps({"openapi": "3.1.0", "paths": paths}))
    output = run(tmp_path / "api.json", "--out", tmp_path, "--all").output
    hidden = {n for n, tool in tools_in(tmp_path).items() if tool.get("expose") is False}
    assert hidden == {
        "get_healthz",
        "get_version",
        "get_auth_login",
        "get_auth_signup",
        "create_oauth_token",
        "list_old_tasks",
        "search_tasks_by_post",
    }
    decisions = output.partition("To decide:")[2]
    assert (
        "2 tools for monitoring and the API's own description (get_healthz, get_version)"
        in decisions
    )
    assert "2 tools for signing in and tokens (" in decisions  # not one that is never exposed
    assert "looks like the tenant" not in decisions
    assert "2 tools for repetitions of another operation (" in decisions
    assert "deprecated (get_gone)" in run(tmp_path / "api.json", "--out", tmp_path / "b").output


def test_effects_that_the_method_does_not_say_are_written_and_left_to_decide(
    tmp_path: Path,
) -> None:
    paths: dict[str, Any] = {
        "/tasks/{id}/restart": {"get": {"summary": "Restart a task"}},
        "/tasks/{id}/archive": {"post": {"summary": "Archive a task"}},
        "/tasks/{id}/wipe-all": {"post": {"description": "This cannot be undone."}},
        "/messages": {"post": {"summary": "Send a message"}},
    }
    (tmp_path / "api.json").write_text(json.dumps({"openapi": "3.1.0", "paths": paths}))
    output = run(tmp_path / "api.json", "--out", tmp_path, "--all").output
    tools = load_catalogue(tmp_path / "tools.yaml").tools
    hints = {
        name: (tool.read_only, tool.destructive, tool.idempotent, tool.open_world)
        for name, tool in tools.items()
    }
    assert hints == {
        "restart_task": (False, False, False, False),
        "archive_task": (False, False, True, False),
        "wipe_task_all": (False, True, False, False),
        "send_message": (False, False, False, True),
    }
    assert "1 tool for changes with GET, as the words of the operation say (restart_task)" in output
    assert "1 tool for sending to people (send_message)" in output


def test_the_summary_says_what_an_agent_gets_and_a_budget_leaves_tools_out(tmp_path: Path) -> None:
    long = "A task of somebody. " * 20
    paths: dict[str, Any] = {
        f"/{kind}s/{{id}}/{part}": {"get": {"tags": [kind], "description": long}}
        for kind in ("task", "list")
        for part in ("x", "y/z")
    }
    (tmp_path / "api.json").write_text(json.dumps({"openapi": "3.1.0", "paths": paths}))
    output = run(tmp_path / "api.json", "--out", tmp_path / "a").output
    assert "4 exposed: 4 get" in output
    assert "toolsets: task 2, list 2" in output
    assert len(output.partition("\n\n")[0].splitlines()) <= 10
    budget = run(tmp_path / "api.json", "--out", tmp_path / "b", "--budget", 400)
    assert "2 exposed" in budget.output
    kept = {n for n, tool in tools_in(tmp_path / "b").items() if tool.get("expose", True)}
    assert kept == {"get_task_x", "get_list_x"}


def test_a_document_without_tags_gets_toolsets_a_tenant_and_no_arguments_of_the_wire(
    tmp_path: Path,
) -> None:
    pretty = {"name": "prettyPrint", "in": "query", "schema": {"type": "boolean"}}
    company = {"name": "company_id", "in": "query", "schema": TEXT}
    paths: dict[str, Any] = {
        f"/{kind}/{{shop}}/part{number}": {"get": {"parameters": [pretty, company]}}
        for kind in ("tasks", "lists")
        for number in range(3)
    }
    (tmp_path / "api.json").write_text(json.dumps({"openapi": "3.1.0", "paths": paths}))
    output = run(tmp_path / "api.json", "--out", tmp_path).output
    assert "arguments that change how answers are written (prettyPrint)" in output
    assert "company_id in 6 tools looks like the tenant" in output
    assert "shop in 6 tools looks like the tenant" in output
    tools = tools_in(tmp_path).values()
    assert {tuple(tool["toolsets"]) for tool in tools} == {("tasks",), ("lists",)}
    assert all(tool["fill"] == {"prettyPrint": {"omit": True}} for tool in tools)


def test_html_does_not_reach_a_model(tmp_path: Path) -> None:
    body = {
        "type": "object",
        "properties": {"note": {"type": "string", "description": "<b>A</b> note"}},
    }
    operation = {
        "summary": "Creates a&nbsp;task",
        "description": "<p>This endpoint allows you to create a <em>task</em>&#x202e;.</p>",
        "parameters": [{**ORG, "description": "<p>Whose <i>task</i></p>"}],
        "requestBody": {"content": {"application/json": {"schema": body}}},
    }
    document = {"openapi": "3.1.0", "paths": {"/orgs/{org_id}/tasks": {"post": operation}}}
    (tmp_path / "api.json").write_text(json.dumps(document))
    run(tmp_path / "api.json", "--out", tmp_path, "--all")
    tool = load_catalogue(tmp_path / "tools.yaml").tools["create_org_task"]
    assert tool.description == "Create a task."
    said = {name: node["description"] for name, node in tool.input_schema["properties"].items()}
    assert said == {"org_id": "Whose task", "note": "A note"}


def test_models_are_not_asked_for_the_apis_credential(tmp_path: Path) -> None:
    token = [{"name": "token", "in": "query", "required": True, "schema": TEXT}]
    key = [{"name": "access_token", "in": "query", "schema": TEXT}]
    record = [{"name": "token", "in": "path", "required": True, "schema": TEXT}]
    document = {
        "openapi": "3.1.0",
        "components": {"securitySchemes": {"oauth": {"type": "http", "scheme": "bearer"}}},
        "paths": {
            "/keys/{token}": {"get": {"parameters": record, "security": [{"oauth": []}]}},
            "/chats": {"get": {"parameters": token, "security": [{"oauth": []}]}},
            "/files": {"get": {"parameters": key, "security": [{"oauth": []}]}},
            "/invites": {"get": {"parameters": token}},
        },
    }
    (tmp_path / "api.json").write_text(json.dumps(document))
    output = run(tmp_path / "api.json", "--out", tmp_path).output
    assert "1 tool with an argument that looks like the API's credential (list_chats)" in output
    assert "1 tool with an optional argument that looks like the API's credential" in output
    tools = tools_in(tmp_path)
    assert {name: tool.get("fill") for name, tool in tools.items()} == {
        "list_chats": {"token": {"credential": "oauth"}},
        "list_files": {"access_token": {"omit": True}},
        "list_invites": None,
        "get_key": None,  # the token of a record, which a credential in the URL would replace
    }
    exposed = {name: tool.get("expose", True) for name, tool in tools.items()}
    assert exposed == {
        "list_chats": False,
        "list_files": True,
        "list_invites": True,
        "get_key": True,
    }


def test_the_assertion_that_the_gateway_sends_is_not_left_to_configure(tmp_path: Path) -> None:
    schemes = {
        "gatepostAssertion": {"type": "apiKey", "in": "header", "name": "Gatepost-Assertion"},
        "partnerKey": {"type": "apiKey", "in": "header", "name": "X-Key"},
    }
    document = {
        "openapi": "3.1.0",
        "components": {"securitySchemes": schemes},
        "security": [{"gatepostAssertion": []}, {"partnerKey": []}],
        "paths": {"/tasks": {"get": {}}},
    }
    (tmp_path / "api.json").write_text(json.dumps(document))
    output = run(tmp_path / "api.json", "--out", tmp_path).output
    assert "upstream_credentials.partnerKey" in output
    assert "gatepostAssertion" not in output


def test_many_undeclared_path_arguments_are_a_warning_and_few_are_notes(tmp_path: Path) -> None:
    for count in (9, 10):
        paths: dict[str, Any] = {f"/a{number}/{{id}}": {"get": {}} for number in range(count)}
        (tmp_path / "api.json").write_text(json.dumps({"openapi": "3.1.0", "paths": paths}))
        output = run(tmp_path / "api.json", "--out", tmp_path / "out", "--force").output
        warns = "Warnings:\n  10 tools have a path argument that the document does not" in output
        assert warns == (count == 10)
        assert ("get_a0: the path's {id} is not declared" in output) != warns


@pytest.mark.parametrize("choose", [False, True])
def test_a_document_controls_no_terminal_and_hides_nothing_from_who_reviews_it(
    tmp_path: Path, *, choose: bool
) -> None:
    paths: dict[str, Any] = {
        "/a\r\x1b[2K\u202e\nWrote tools.yaml": {"get": {"summary": "List"}, "trace": {}},
        "b\r\x07\x9b": {"get": {}},
    }
    document = {"openapi": "3.1.0", "servers": [{"url": "https://a\r\x07"}], "paths": paths}
    (tmp_path / "api.json").write_text(json.dumps(document))
    arguments = ["openapi", str(tmp_path / "api.json"), "--out", str(tmp_path / "out")]
    more = ["--choose"] if choose else []

    result = CliRunner().invoke(import_, [*arguments, *more], input="all\n", color=True)

    assert (result.exit_code, "TRACE /a" in result.output) == (0, True)
    assert "\nWrote tools.yaml" not in result.output
    assert all(c.isprintable() or c == "\n" for c in result.output)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"swagger": "1\\u001b[2J\\nWrote tools.yaml"}'),
        ("a.yaml", 'swagger: "1\\e[2J\\nWrote tools.yaml"'),
        ("a\x1b[2J.json", "{}"),
    ],
)
def test_a_refused_document_controls_no_terminal(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    arguments = ["openapi", str(tmp_path / name), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(import_, arguments, color=True)
    assert (result.exit_code, "[2J" in result.output) == (1, True)
    assert "\nWrote tools.yaml" not in result.output
    assert all(c.isprintable() or c == "\n" for c in result.output)


def test_a_file_that_is_not_an_openapi_document_is_refused_without_a_traceback(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.json").write_text('{"swagger": "1.2"}')
    for source, message in (("a.json", "Swagger 1.2"), ("gone.json", "No such file")):
        result = run(tmp_path / source, "--out", tmp_path / "out")
        assert result.exit_code == 1
        assert message in result.output
        assert "Traceback" not in result.output


@pytest.fixture
def origin() -> Iterator[str]:
    """A server of API documents on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            places = {"/away": "http://localhost:1/api", "/here": "/api.json", "/file": "file:///x"}
            if self.path in places:
                self.send_response(302)
                self.send_header("Location", places[self.path])
                self.end_headers()
                return
            self.send_response(200 if self.path == "/api.json" else 404)
            self.end_headers()
            self.wfile.write(json.dumps(API).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_document_is_fetched_by_url_also_through_a_redirect_on_its_host(
    origin: str, tmp_path: Path
) -> None:
    for path in ("api.json", "here"):
        result = run(f"{origin}/{path}", "--out", tmp_path / path)
        assert result.exit_code == 0, result.output
        assert json.loads((tmp_path / path / "openapi.json").read_text()) == API


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/away", "it redirects to http://localhost:1"),
        ("/file", "the server answered 302"),
        ("/gone", "the server answered 404"),
    ],
)
def test_a_url_that_leads_elsewhere_is_not_followed(
    origin: str, tmp_path: Path, path: str, message: str
) -> None:
    result = run(origin + path, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert message in result.output


def test_a_url_with_credentials_is_refused_without_repeating_them(tmp_path: Path) -> None:
    result = run("http://user:s3cret@127.0.0.1:1/api", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "s3cret" not in result.output
