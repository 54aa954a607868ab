"""The OpenAPI document, which Gatepost imports and models read."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import demo_saas
from demo_saas.__main__ import main
from demo_saas.app import create_app
from demo_saas.settings import Settings

COMMITTED = Path(demo_saas.__path__[0]) / "openapi.json"


@pytest.fixture(scope="module")
def operations() -> dict[str, dict[str, Any]]:
    """Every operation by its id."""
    document = create_app(Settings()).openapi()
    return {
        operation["operationId"]: operation
        for methods in document["paths"].values()
        for operation in methods.values()
    }


def test_the_committed_document_is_current() -> None:
    written = CliRunner().invoke(main, ["openapi"])
    assert written.exit_code == 0
    assert written.stdout == COMMITTED.read_text(), (
        "run: python -m demo_saas openapi > deploy/demo_saas/openapi.json"
    )


def test_a_running_orbit_serves_its_document(orbit: Any) -> None:
    document = orbit.client.get("/openapi.json").json()
    committed = json.loads(COMMITTED.read_text())
    assert document == committed | {"servers": [{"url": "https://orbit.example"}]}
    assert document["openapi"] == "3.1.0"


def test_every_operation_is_described_and_named_once(
    operations: dict[str, dict[str, Any]],
) -> None:
    assert len(operations) == 28
    for operation_id, operation in operations.items():
        assert operation_id.isidentifier() and operation_id[0].islower() and "_" not in operation_id
        assert len(operation["tags"]) == 1
        assert len(operation["description"]) > 15, operation_id
        for parameter in operation.get("parameters", ()):
            assert parameter["description"], (operation_id, parameter["name"])


def test_credentials_are_security_schemes_and_never_parameters(
    operations: dict[str, dict[str, Any]],
) -> None:
    schemes = json.loads(COMMITTED.read_text())["components"]["securitySchemes"]
    assert {name: scheme["type"] for name, scheme in schemes.items()} == {
        "session": "http",
        "gatepostAssertion": "apiKey",
    }
    assert schemes["gatepostAssertion"]["name"] == "Gatepost-Assertion"
    for operation_id, operation in operations.items():
        expected: list[dict[str, list[str]]] = [{"session": []}, {"gatepostAssertion": []}]
        if operation_id == "createSession":
            expected = []
        assert operation.get("security", []) == expected
        assert {p["in"] for p in operation.get("parameters", ())} <= {"path", "query"}


def test_bodies_are_declared_in_their_own_media_types(
    operations: dict[str, dict[str, Any]],
) -> None:
    def media(operation_id: str) -> list[str]:
        return list(operations[operation_id]["requestBody"]["content"])

    assert media("createTask") == ["application/json"]
    assert media("quickAddTask") == ["application/x-www-form-urlencoded"]
    assert media("uploadAttachment") == ["multipart/form-data"]
    download = operations["downloadAttachment"]["responses"]["200"]["content"]
    assert list(download) == ["application/octet-stream"]


def test_the_home_page_and_health_check_answer(orbit: Any) -> None:
    home = orbit.client.get("/")
    assert home.status_code == 200
    assert 'href="/docs"' in home.text
    assert orbit.client.get("/healthz").json() == {"status": "ok"}
