"""The official conformance suite against the gateway, behind real authorization."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.deployment import Fixture, running_fixture
from conformance.score import score

pytestmark = pytest.mark.whole_machine

LEAST = {"2025-11-25": 27, "2026-07-28": 33}


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
