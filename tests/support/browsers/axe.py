"""axe-core, run on the page that a browser shows."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "node/node_modules/axe-core/axe.min.js"


def violations(page: Page, *rules: str) -> list[str]:
    """Run axe with these rules, or with its default rules; return a line for each finding."""
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate(
        "rules => axe.run(rules.length ? {runOnly: rules} : {})", rules
    )
    assert found["passes"]
    return [
        f"{violation['id']}: {node['target']} {node['html'][:120]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
