"""axe finds nothing on any page: in both colour schemes, on a wide screen and on a phone."""

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser

from support.axe import violations
from support.deployment import Deployment
from support.tour import running_chromium, tour

WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, for this module alone: while it runs, no async test can."""
    with running_chromium() as browser:
        yield browser


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
