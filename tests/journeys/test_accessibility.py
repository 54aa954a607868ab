"""axe finds nothing on any page: in both colour schemes, on a wide screen and on a phone."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from support.browsers.axe import violations
from support.browsers.tour import (
    Sights,
    console_tour,
    running_chromium,
    running_sights,
    template_of,
    tour,
    whole_pages,
)

Tour = Callable[[Page, Sights], Iterator[str]]
pytestmark = pytest.mark.whole_machine

WIDTHS = (1280, 390)
RULES: dict[Literal["light", "dark"], tuple[str, ...]] = {
    "light": (),
    "dark": ("color-contrast", "link-in-text-block"),
}
"""The rules to run, or all, by colour scheme: the dark one changes colours and nothing else."""


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


def is_of_the_console(template: str) -> bool:
    """Tell whether a page has its stop on the console's tour."""
    return template.startswith(("console/", "playground"))


@pytest.mark.parametrize("walk", [tour, console_tour])
def test_axe_finds_nothing_on_any_page(walk: Tour, sights: Sights, chromium: Browser) -> None:
    found: dict[str, list[str]] = {}
    templates: set[str] = set()
    # The content security policy would block axe as well, and axe would measure a fading colour.
    with chromium.new_context(bypass_csp=True, reduced_motion="reduce") as context:
        page = context.new_page()
        for name in walk(page, sights):
            templates.add(template_of(page))
            for width, scheme in product(WIDTHS, RULES):
                page.set_viewport_size({"width": width, "height": 900})
                page.emulate_media(color_scheme=scheme)
                found[f"{name} at {width}, {scheme}"] = violations(page, *RULES[scheme])
                too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
                assert not too_wide, f"{name} is wider than {width}"

    of_the_console = walk is console_tour
    expected = {one for one in whole_pages() if is_of_the_console(one) == of_the_console}
    assert expected - templates == set(), "has no stop on the tour"
    assert {where: what for where, what in found.items() if what} == {}
