"""The official conformance suite against the gateway, behind real authorization."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.deployment import Fixture, running_fixture
from conformance.score import run_scenario, score

pytestmark = pytest.mark.whole_machine

LEAST = {"2025-11-25": 30, "2026-07-28": 35}


@pytest.fixture(scope="module")
def fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fixture]:
    with running_fixture(tmp_path_factory.mktemp("conformance")) as running:
        yield running


@pytest.mark.parametrize("revision", LEAST)
async def test_the_gateway_passes_every_required_scenario_except_those_listed_with_a_reason(
    fixture: Fixture, revision: str, tmp_path: Path
) -> None:
    result = await score(fixture, revision, tmp_path)
    assert result.problems == []
    assert len(result.passed) >= LEAST[revision]


@pytest.mark.parametrize(
    ("scenario", "least"), [("sep-2640-skills-enumeration", 32), ("sep-2640-skills-manifest", 6)]
)
async def test_the_gateway_passes_every_check_of_skills(
    fixture: Fixture, scenario: str, least: int, tmp_path: Path
) -> None:
    checks = await run_scenario(fixture, scenario, tmp_path)
    assert {check: status for check, status in checks.items() if status != "SUCCESS"} == {}
    assert len(checks) >= least
