"""axe finds nothing on any page: in both colour schemes, on a wide screen and on a phone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page

from support.deployment import Deployment
from support.tour import running_chromium, tour

AXE = Path(__file__).parents[1] / "node/node_modules/axe-core/axe.min.js"
WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, for this module alone: while it runs, no async test can."""
    with running_chromium() as browser:
        yield browser


def violations(page: Page) -> list[str]:
    """Run axe with all its rules; answers what it found, a line each."""
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("axe.run()")
    assert found["passes"]
    return [
        f"{violation['id']}: {node['target']} {node['html'][:120]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(
    on_sqlite: Deployment, chromium: Browser, scheme: Literal["light", "dark"]
) -> None:
    found: dict[str, list[str]] = {}
    # The policy would keep axe out as well.
    with chromium.new_context(color_scheme=scheme, bypass_csp=True) as context:
        page = context.new_page()
        for name in tour(page, on_sqlite):
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                found[f"{name} at {width}"] = violations(page)
                too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
                assert not too_wide, f"{name} is wider than {width}"

    assert len(found) > 20
    assert {where: what for where, what in found.items() if what} == {}
