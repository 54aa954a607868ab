"""Orbit gives its own pages tokens for the person who is signed in, and nobody else."""

from dataclasses import replace
from typing import Any

import pytest

TOKEN = "/settings/orgs/{}/component-token"


@pytest.fixture
def connected(orbit: Any) -> Any:
    """Orbit with a Gatepost at an address where nobody answers."""
    opened = orbit.client.app.state.resources
    settings = replace(
        opened.settings, gatepost_url="http://127.0.0.1:9", gatepost_admin_token="not-a-secret"
    )
    orbit.client.app.state.resources = replace(opened, settings=settings)
    return orbit


def test_the_settings_page_allows_scripts_of_gatepost_alone(connected: Any) -> None:
    page = connected.client.get("/settings")

    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "script-src 'self' http://127.0.0.1:9;" in policy
    assert "unsafe" not in policy
    assert "style=" not in page.text
    assert connected.client.get("/settings/page.js").status_code == 200
    assert connected.client.get("/settings/page.html").status_code == 404


def test_a_token_is_for_members_at_their_browser(connected: Any) -> None:
    ada, bo = connected.sign_in("ada@acme.example"), connected.sign_in("bo@globex.example")

    assert bo.post(TOKEN.format("org_acme")).status_code == 403
    assert connected.client.post(TOKEN.format("org_acme")).status_code == 401
    assert connected.through_gateway().post(TOKEN.format("org_acme")).status_code == 403
    unavailable = ada.post(TOKEN.format("org_acme"))
    assert unavailable.status_code == 503
    assert "not-a-secret" not in unavailable.text


def test_an_orbit_without_gatepost_has_no_settings_page(orbit: Any) -> None:
    assert orbit.client.get("/settings").status_code == 404
    assert orbit.sign_in("ada@acme.example").post(TOKEN.format("org_acme")).status_code == 404
