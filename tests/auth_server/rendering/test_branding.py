"""The operator's name, logo, colours and links on the pages, which stay readable."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from auth_server.branding import DARK_SHEET, LEAST_CONTRAST, Branding, contrast, readable_shade
from auth_server.configuration import check
from auth_server.rendering.static import STATIC
from auth_server.settings import AuthServerSettings
from support.in_process.auth_server import ISSUER, RESOURCE, running_auth_server
from support.in_process.clock import Clock

LOGO = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


async def test_every_page_carries_the_products_name_logo_colours_and_links(
    tmp_path: Path, sqlite_url: str, clock: Clock
) -> None:
    (tmp_path / "orbit.svg").write_bytes(LOGO)
    branding = Branding(
        name="Orbit <Work>",
        logo=tmp_path / "orbit.svg",
        accent="#5b21b6",
        support_url="mailto:help@orbit.example",
        privacy_url="https://orbit.example/privacy?a=1&b=2",
        terms_url="https://orbit.example/terms",
    )
    async with running_auth_server(sqlite_url, clock, branding=branding) as server:
        client, person = await server.client(), server.person()
        sign_in = await person.open(client.authorize_url())
        nowhere = await person.open("/nowhere")
        for page in (sign_in, nowhere):
            assert "Orbit &lt;Work&gt;</title>" in page.html
            assert 'href="mailto:help@orbit.example"' in page.html
            assert 'href="https://orbit.example/privacy?a=1&amp;b=2"' in page.html
            assert 'href="https://orbit.example/terms"' in page.html
        logo = await server.http.get(sign_in.html.partition('<img src="')[2].partition('"')[0])
        colours = sign_in.html.rpartition('<link rel="stylesheet" href="')[2].partition('"')[0]
        sheet = await server.http.get(colours)

    assert (logo.content, logo.headers["content-type"]) == (LOGO, "image/svg+xml")
    assert "sandbox" in logo.headers["content-security-policy"]
    assert "--accent: #5b21b6" in sheet.text
    assert f"--accent: {readable_shade('#5b21b6', DARK_SHEET, '#ffffff')}" in sheet.text


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"accent": "#ffcc00"}, "accent: #ffcc00 on #f5f4f0 has a contrast of 1.4"),
        ({"accent_dark": "#222222"}, "accent_dark"),
        ({"accent": "green"}, "a colour such as"),
        ({"accent": "#1f5f4a; } body { display: none"}, "a colour such as"),
        ({"support_url": "javascript:alert(1)"}, "https: or mailto:"),
        ({"terms_url": "http://orbit.example"}, "https: or mailto:"),
        ({"colour": "#000000"}, "colour"),
    ],
)
def test_a_branding_that_people_could_not_read_or_trust_is_refused(
    values: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        Branding(**values)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content"), [("logo.exe", b"x"), ("missing.svg", None), ("large.png", b"x" * 102_401)]
)
def test_a_logo_that_cannot_be_shown_is_named_before_the_service_starts(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    settings = AuthServerSettings(
        issuer=ISSUER,
        secret_key="for-tests-only-0123456789abcdef0123456789",
        database_url=f"sqlite+aiosqlite:///{tmp_path}/gatepost.db",
        resources=({"resource": RESOURCE},),
        branding=Branding(logo=tmp_path / name),
    )

    assert [name in problem and "branding.logo" in problem for problem in check(settings)] == [True]


@given(COLOURS, COLOURS, st.sampled_from(["#000000", "#ffffff"]))
def test_a_shade_that_is_proposed_can_be_read(colour: str, ground: str, towards: str) -> None:
    shade = readable_shade(colour, ground, towards)
    assert contrast(shade, ground) >= LEAST_CONTRAST or shade == towards


@given(COLOURS, COLOURS)
def test_contrast_is_between_1_and_21_whichever_is_in_front(one: str, other: str) -> None:
    assert 1 <= contrast(one, other) == contrast(other, one) <= 21


def test_the_grounds_that_colours_are_judged_on_are_the_stylesheets() -> None:
    sheet = (STATIC / "gatepost.css").read_text(encoding="utf-8")
    light, _, dark = sheet.partition("@media (prefers-color-scheme: dark)")
    assert "--ground: #f5f4f0;" in light
    assert f"--sheet: {DARK_SHEET};" in dark
