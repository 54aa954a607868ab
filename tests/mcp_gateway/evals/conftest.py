"""Fixtures of the tests of `gatepost eval`."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mcp_gateway.cli import eval_, tools

HERE = Path(__file__).parent


class Evaluation:
    """A folder with a manifest, in which to run `gatepost eval` and `gatepost tools`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in ("tools.yaml", "openapi.json"):
            shutil.copy(HERE / name, path / name)

    def run(self, *arguments: str) -> Result:
        """Run a command with the manifest."""
        group = tools if arguments[0] == "lint" else eval_
        options = ["--manifest", str(self.path / "tools.yaml")]
        result = CliRunner().invoke(group, [*arguments, *options])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    def report(self, *arguments: str) -> dict[str, Any]:
        """Run the cases, and return the report."""
        read: dict[str, Any] = json.loads(
            self.run("run", "--model", "m", "--json", *arguments).stdout
        )
        return read

    def cases(self, *rows: dict[str, Any]) -> None:
        """Write the file of cases."""
        document = json.dumps({"version": 1, "cases": list(rows)})
        (self.path / "evals.yaml").write_text(document)

    def change(self, before: str, after: str, name: str = "tools.yaml") -> None:
        """Replace a text of the manifest or its document."""
        file = self.path / name
        assert before in file.read_text()
        file.write_text(file.read_text().replace(before, after, 1))


@pytest.fixture
def evaluation(tmp_path: Path) -> Evaluation:
    """A folder with three tools."""
    return Evaluation(tmp_path)
