"""Fixtures of the tests of `gatepost publish`."""

from pathlib import Path

import pytest

from support.in_process.publisher import Publisher


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    """A team whose package is written."""
    made = Publisher(tmp_path)
    result = made.run("--write", str(tmp_path / "public"))
    assert result.exit_code == 0, result.output
    return made
