"""The examples of files in docs/publish.md and docs/evals.md can be used."""

from pathlib import Path

from mcp_gateway.evals.cases import read_cases
from mcp_gateway.publishing.listing import read_listing
from support.markdown import fences, read


def test_the_documented_listing_and_cases_can_be_read(tmp_path: Path) -> None:
    listing = next(text for text in fences(read("docs/publish.md"), "yaml") if "title:" in text)
    (tmp_path / "publish.yaml").write_text(listing)
    assert read_listing(tmp_path / "publish.yaml").namespace == "com.example.mcp"

    [cases] = fences(read("docs/evals.md"), "yaml")
    (tmp_path / "evals.yaml").write_text(cases)
    assert [case.tool for case in read_cases(tmp_path / "evals.yaml")] == [
        "list_tasks",
        "get_delivery_report",
        None,
    ]
