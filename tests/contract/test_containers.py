"""The container files fit the services: same commands, same settings, same addresses."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from auth_server.seed import read_seed
from auth_server.settings import AuthServerSettings
from demo_saas.settings import read_settings
from gatepost.document import read_document
from gatepost_cli.demo import PASSWORD, PEOPLE, TENANTS
from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.settings import McpGatewaySettings
from support.processes.deployment import GATEPOST, SAAS, run

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
COMMANDS = re.findall(
    r"^CMD (\[.+\])$", (ROOT / "deploy/docker/Dockerfile").read_text(), re.MULTILINE
)


def as_forked(command: list[str]) -> list[str]:
    """Write a command so that the tests' processes, which have its modules already, run it."""
    program, *arguments = command
    assert (PROGRAMS / program).exists()
    return [*GATEPOST, *arguments] if program == "gatepost" else [sys.executable, *arguments]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The services of `compose.yaml`, as the real parser reads them with secrets filled in."""
    done = subprocess.run(
        [PROGRAMS / "docker-compose", "-f", "compose.yaml", "config", "--format", "json"],
        cwd=ROOT,
        env={"GATEPOST_SECRET_KEY": "5ee0" * 16, "POSTGRES_PASSWORD": "pa55"},
        capture_output=True,
        check=True,
    )
    services: dict[str, Any] = json.loads(done.stdout)["services"]
    return services


def test_a_person_without_secrets_is_told_which_one_to_set() -> None:
    done = subprocess.run(
        [PROGRAMS / "docker-compose", "-f", "compose.yaml", "config", "--quiet"],
        cwd=ROOT,
        env={"POSTGRES_PASSWORD": "pa55"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "GATEPOST_SECRET_KEY is missing a value" in done.stderr
    assert ".env" in done.stderr


def test_the_services_accept_what_compose_sets_and_agree_on_every_address(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for service in ("auth-server", "mcp-gateway"):
        for name, value in compose[service]["environment"].items():
            monkeypatch.setenv(name, value)
    issuing, gateway = AuthServerSettings.load(), McpGatewaySettings.load()
    saas = read_settings(compose["demo-saas"]["environment"])

    assert gateway.issuer == issuing.issuer
    assert [entry.resource for entry in issuing.resources] == [gateway.resource]
    assert saas.gatepost_issuer == gateway.resource
    assert saas.public_url == gateway.upstream_url


def test_each_process_runs_its_own_image_and_has_time_to_stop(compose: dict[str, Any]) -> None:
    built = {
        name: service["build"]["target"] for name, service in compose.items() if "build" in service
    }
    settings = AuthServerSettings.model_fields, McpGatewaySettings.model_fields
    longest = 10 + max(fields["finish_seconds"].default for fields in settings)

    assert built == {
        "auth-server": "auth_server",
        "seed": "auth_server",
        "events-worker": "events_worker",
        "migration": "migration",
        "mcp-gateway": "mcp_gateway",
        "import": "mcp_gateway",
        "demo-saas": "demo_saas",
    }
    for name in built:
        service = compose[name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert int(service["stop_grace_period"].rstrip("s")) >= longest + 10, name
    assert "migration" in compose["seed"]["depends_on"]
    assert "migration" in compose["events-worker"]["depends_on"]


def test_the_seeded_people_are_the_demos(compose: dict[str, Any]) -> None:
    [mount] = compose["seed"]["volumes"]
    assert compose["seed"]["command"][-1] == mount["target"]

    seeded = read_seed(read_document(Path(mount["source"])))

    assert seeded == read_seed(
        {"tenants": TENANTS, "people": [{**person, "password": PASSWORD} for person in PEOPLE]}
    )


def test_the_gateway_starts_from_the_manifest_that_the_import_writes(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    """The one-shot import runs here as in its container, on the demo's own document."""
    command: list[str] = compose["import"]["command"]
    document = tmp_path / "orbit.json"
    document.write_text(run(*SAAS, "openapi"))
    folder = Path(compose["mcp-gateway"]["environment"]["GATEPOST_MCP_MANIFEST"]).parent
    assert f"--out={folder}" in command
    replaced = {f"--out={folder}": f"--out={tmp_path}", command[3]: str(document)}

    run(*as_forked([replaced.get(part, part) for part in command]))

    assert load_catalogue(tmp_path / "tools.yaml")


def test_nothing_is_published_beyond_this_machine(compose: dict[str, Any]) -> None:
    published = [port for service in compose.values() for port in service.get("ports", [])]

    assert {port["host_ip"] for port in published} == {"127.0.0.1"}
    assert sorted(port["published"] for port in published) == ["8400", "8401", "8402"]


@pytest.mark.parametrize("command", [json.loads(text) for text in COMMANDS], ids=" ".join)
def test_an_image_runs_an_existing_command_with_existing_options(command: list[str]) -> None:
    assert run(*as_forked(command), "--help").startswith("Usage: ")
