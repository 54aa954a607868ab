"""`gatepost publish --write`: the files that the gateway serves and that a person submits."""

import base64
import json
import stat
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mcp_gateway.catalogue.tool import publish_tool
from mcp_gateway.manifest.load import load_catalogue
from support.in_process.publisher import RESOURCE, Publisher, png

SCHEMAS = Path(__file__).parent
HINTS = {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint", "title"}


def valid(schema: str, document: Any) -> None:
    rules = json.loads((SCHEMAS / schema).read_text())
    jsonschema_rs.Draft202012Validator(rules, validate_formats=True).validate(document)


def test_the_entry_for_the_registry_is_valid_and_names_the_gateway(publisher: Publisher) -> None:
    entry = publisher.read("server.json")
    valid("server.schema.json", entry)
    assert entry["name"] == "com.example.orbit/tracker"
    assert entry["remotes"] == [{"type": "streamable-http", "url": RESOURCE}]
    assert entry["icons"] == [
        {"src": "https://orbit.example.com/logo.png", "mimeType": "image/png"}
    ]


def test_the_addresses_of_organisations_are_one_url_with_a_variable(publisher: Publisher) -> None:
    publisher.listing["organisation_addresses"] = True
    publisher.run("--write", str(publisher.path / "public"))
    entry = publisher.read("server.json")
    valid("server.schema.json", entry)
    [_, remote] = entry["remotes"]
    assert remote["url"] == f"{RESOURCE}/o/{{organisation}}"
    assert remote["variables"]["organisation"]["isRequired"] is True


@pytest.mark.parametrize(
    "change",
    [
        {"name": "no-slash"},
        {"description": "x" * 101},
        {"remotes": [{"type": "streamable-http", "url": "mcp.example.com"}]},
        {"icons": [{"src": "https://x.example.com/i.gif", "mimeType": "image/gif"}]},
    ],
)
def test_the_schema_of_these_tests_refuses_what_the_registry_refuses(
    publisher: Publisher, change: dict[str, Any]
) -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        valid("server.schema.json", publisher.read("server.json") | change)


def test_the_server_card_is_valid_and_lists_no_tool(publisher: Publisher) -> None:
    """SEP-2127: a card says how to connect; tools are listed at run time."""
    card = publisher.read("server-card.json")
    valid("server-card.schema.json", card)
    assert card["remotes"][0]["supportedProtocolVersions"][0] == "2026-07-28"
    assert not {"tools", "prompts", "resources"} & card.keys()
    assert publisher.read("ai-catalog.json")["entries"] == [
        {
            "identifier": "urn:air:orbit.example.com:mcp:tracker",
            "type": "application/mcp-server-card+json",
            "url": f"{RESOURCE}/server-card",
        }
    ]


def test_the_tool_list_has_every_hint_and_a_reason_for_each(publisher: Publisher) -> None:
    catalogue = load_catalogue(publisher.path / "tools.yaml")
    tools = publisher.read("tools.json")
    for tool in tools:
        reasons = tool.pop("reasons")
        assert tool == publish_tool(catalogue.tools[tool["name"]])
        assert tool["annotations"].keys() == HINTS
        assert all(reasons[hint] for hint in ("read_only", "destructive", "open_world"))
    assert [tool["name"] for tool in tools] == list(catalogue.tools)


def test_the_file_for_the_form_of_openai_has_hints_reasons_and_cases(publisher: Publisher) -> None:
    form = publisher.read("chatgpt-app-submission.json")
    assert form["schema_version"] == 1
    assert form["app_info"]["category"] == "PRODUCTIVITY"
    delete = form["tools"]["delete_task"]
    assert delete["annotations"] == {
        "readOnlyHint": False,
        "openWorldHint": False,
        "destructiveHint": True,
    }
    assert all(delete["justifications"].values())
    assert len(form["test_cases"]) == 5
    assert form["test_cases"][0]["tools_triggered"] == "list_tasks"
    assert len(form["negative_test_cases"]) == 3


def test_the_domain_proof_belongs_to_a_key_that_only_its_owner_can_read(
    publisher: Publisher,
) -> None:
    key_file = publisher.path / "registry-key.pem"
    key: Any = load_pem_private_key(key_file.read_bytes(), password=None)
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    proof = (publisher.path / "public" / "mcp-registry-auth").read_text()
    assert proof == f"v=MCPv1; k=ed25519; p={public}\n"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600

    publisher.run("--write", str(publisher.path / "public"))
    assert (publisher.path / "public" / "mcp-registry-auth").read_text() == proof

    key_file.chmod(0o644)
    refused = publisher.run("--write", str(publisher.path / "public"))
    assert refused.exit_code == 1
    assert "chmod 600" in refused.output


@pytest.mark.parametrize("content", ["nothing", ""])
def test_a_file_that_holds_another_key_is_refused(publisher: Publisher, content: str) -> None:
    (publisher.path / "registry-key.pem").write_text(content)
    result = publisher.run("--write", str(publisher.path / "public"))
    assert result.exit_code == 1
    assert "is not a private key" in result.output


def test_no_file_of_the_package_holds_a_secret_a342(publisher: Publisher) -> None:
    publisher.settings["upstream_headers"] = {"x-api-key": {"file": "upstream_secret"}}
    (publisher.path / "upstream_secret").write_text("sk-upstream-secret")
    (publisher.path / "upstream_secret").chmod(0o600)
    key = (publisher.path / "registry-key.pem").read_text().splitlines()[1]
    publisher.run("--write", str(publisher.path / "public"))
    written = [file.read_bytes() for file in (publisher.path / "public").iterdir()]
    assert len(written) == 11
    for secret in (key, "PRIVATE KEY", "sk-upstream-secret", "api.orbit.example.com"):
        assert not any(secret.encode() in content for content in written)


def test_the_package_is_not_written_beside_the_private_key_a342(publisher: Publisher) -> None:
    result = publisher.run("--write", str(publisher.path))
    assert result.exit_code == 2
    assert "choose another folder" in result.output
    assert not (publisher.path / "server.json").exists()


@pytest.mark.parametrize("directory", ["claude", "openai"])
def test_a_text_to_submit_answers_the_form(publisher: Publisher, directory: str) -> None:
    text = (publisher.path / "public" / f"submission-{directory}.md").read_text()
    assert "**missing**" not in text
    for said in (
        RESOURCE,
        "https://orbit.example.com/privacy",
        "reviewer@orbit.example.com",
        "| `delete_task` | destructive | yes | It deletes or overwrites data in Tracker",
        "1. Which tasks are open? (`list_tasks`)",
        "auth_callback" if directory == "claude" else "connector_platform_oauth_redirect",
    ):
        assert said in text
    publisher.listing["support"] = ""
    publisher.run("--write", str(publisher.path / "public"))
    text = (publisher.path / "public" / f"submission-{directory}.md").read_text()
    assert "| Support | **missing** |" in text


def test_the_registrys_text_has_both_proofs(publisher: Publisher) -> None:
    text = (publisher.path / "public" / "submission-registry.md").read_text()
    assert "https://orbit.example.com/.well-known/mcp-registry-auth" in text
    assert 'orbit.example.com. IN TXT "v=MCPv1; k=ed25519; p=' in text


def test_logos_are_copied_and_a_withdrawn_challenge_disappears(publisher: Publisher) -> None:
    public = publisher.path / "public"
    assert (public / "logo.png").read_bytes() == (publisher.path / "logo.png").read_bytes()
    assert (public / "openai-apps-challenge").read_text() == "token-of-the-form\n"
    publisher.listing["openai_challenge"] = ""
    publisher.run("--write", str(public))
    assert not (public / "openai-apps-challenge").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a/b/c"},
        {"description": ""},
        {"version": ">1"},
        {"title": "x" * 101},
        {"website": "x"},
    ],
)
def test_documents_that_would_be_invalid_are_not_written(
    publisher: Publisher, change: dict[str, str]
) -> None:
    before = publisher.read("server-card.json")
    publisher.listing |= change
    result = publisher.run("--write", str(publisher.path / "public"))
    assert result.exit_code == 1
    assert f"publish.yaml: {next(iter(change))}: " in result.output
    assert publisher.read("server-card.json") == before


def test_a_first_listing_can_be_written_at_once(publisher: Publisher) -> None:
    publisher.listing = {}
    (publisher.path / "publish.yaml").unlink()
    assert publisher.run("--init").exit_code == 0
    assert publisher.run("--write", str(publisher.path / "public")).exit_code == 0
    valid("server.schema.json", publisher.read("server.json"))
    valid("server-card.schema.json", publisher.read("server-card.json"))


def test_screenshots_are_copied_in_their_order(publisher: Publisher) -> None:
    (publisher.path / "answer.png").write_bytes(png(1200, 800))
    publisher.listing["screenshots"] = ["answer.png"]
    public = publisher.path / "public"
    assert publisher.run("--write", str(public)).exit_code == 0
    assert (public / "screenshot-1.png").read_bytes() == png(1200, 800)
    publisher.listing["screenshots"] = ["gone.png"]
    refused = publisher.run("--write", str(public))
    assert (refused.exit_code, "gone.png can't be read" in refused.output) == (1, True)


def test_a_logo_that_cannot_be_used_writes_nothing(publisher: Publisher) -> None:
    before = publisher.read("server.json")
    publisher.listing |= {"logo": {"file": "gone.png"}, "version": "2.0.0"}
    result = publisher.run("--write", str(publisher.path / "public"))
    assert result.exit_code == 1
    assert "gone.png can't be read" in result.output
    assert publisher.read("server.json") == before


def test_no_other_file_becomes_a_picture_of_the_package_a383(publisher: Publisher) -> None:
    """By a mistake in the listing, or by somebody who may write it and not read the key."""
    public = publisher.path / "public"
    (publisher.path / ".env").write_text("KEY=sk-secret <svg>")
    (publisher.path / "link.png").symlink_to("registry-key.pem")
    for change in (
        {"screenshots": ["registry-key.pem"]},
        {"screenshots": ["link.png"]},
        {"screenshots": [str(publisher.path / "gatepost.yaml")]},
        {"screenshots": ["../" + publisher.path.name + "/gatepost.yaml"]},
        {"logo": {"file": ".env"}},
        {"logo_dark": {"file": "registry-key.pem"}},
    ):
        before = publisher.listing
        publisher.listing = before | change
        result = publisher.run("--write", str(public))
        assert result.exit_code == 1
        assert "neither a PNG nor an SVG" in result.output
        publisher.listing = before
    assert not {"screenshot-1.png", "logo.env", "logo-dark.pem"} & {
        file.name for file in public.iterdir()
    }


def test_a_picture_may_lie_in_the_package_and_is_named_as_there(publisher: Publisher) -> None:
    public = publisher.path / "public"
    publisher.listing["logo"] = {"file": "public/logo.png"}
    assert publisher.run("--write", str(public)).exit_code == 0
    assert (public / "logo.png").read_bytes() == png(512, 512)
    assert "| Logo | logo.png |" in (public / "submission-claude.md").read_text()


def test_a_composite_tool_has_the_reasons_of_its_calls(publisher: Publisher) -> None:
    calls = """  plan_task:
    description: Create a task, then read the tasks of your organisation.
    calls:
      - {as: made, tool: create_task, arguments: {title: {from: input.title}}}
      - {as: all, tool: list_tasks}
    result: {tasks: all.tasks}
"""
    publisher.change("  get_task:", f"{calls}  get_task:")
    publisher.run("--write", str(publisher.path / "public"))
    [tool] = [one for one in publisher.read("tools.json") if one["name"] == "plan_task"]
    assert tool["annotations"]["readOnlyHint"] is False
    assert tool["reasons"]["read_only"] == (
        "It makes one request that changes data in Tracker. "
        "It makes one request that only reads from Tracker."
    )
    assert publisher.found("claude") == []
    assert publisher.found("openai") == []
