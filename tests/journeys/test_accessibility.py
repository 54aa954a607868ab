"""axe finds nothing on any page: in both colour schemes, on a wide screen and on a phone."""

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser

from support.browsers.axe import violations
from support.browsers.tour import (
    Sights,
    running_chromium,
    running_sights,
    template_of,
    tour,
    whole_pages,
)

WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, only for this module: no async test can run at the same time."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def sights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sights]:
    """Where the tour goes."""
    with running_sights(tmp_path_factory.mktemp("sights")) as running:
        yield running


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(
    sights: Sights, chromium: Browser, scheme: Literal["light", "dark"]
) -> None:
    found: dict[str, list[str]] = {}
    templates: set[str] = set()
    # The content security policy would block axe as well.
    with chromium.new_context(color_scheme=scheme, bypass_csp=True) as context:
        page = context.new_page()
        for name in tour(page, sights):
            templates.add(template_of(page))
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                found[f"{name} at {width}"] = violations(page)
                too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
                assert not too_wide, f"{name} is wider than {width}"

    assert whole_pages() - templates == set(), "has no stop on the tour"
    assert {where: what for where, what in found.items() if what} == {}
