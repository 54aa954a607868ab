"""Clients that are web pages: the browser asks each service whether the page may call it."""

import httpx2
import pytest

from support.processes.deployment import BROWSER_ORIGIN, Deployment, origin

pytestmark = pytest.mark.whole_machine


def preflight(url: str, method: str, headers: str, *, page: str) -> httpx2.Response:
    """Ask as a browser does before a page's request (Fetch standard, CORS-preflight fetch)."""
    asked = {
        "origin": page,
        "access-control-request-method": method,
        "access-control-request-headers": headers,
    }
    return httpx2.request("OPTIONS", url, headers=asked, trust_env=False)


def require_allowed(answer: httpx2.Response, method: str, headers: str, *, page: str) -> None:
    """Judge the answer as a browser does."""
    assert answer.status_code in {200, 204}
    assert answer.headers["access-control-allow-origin"] in {"*", page}
    assert "access-control-allow-credentials" not in answer.headers
    assert method in answer.headers["access-control-allow-methods"]
    allowed = {name.strip() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert set(headers.split(",")) <= allowed


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        ("/token", "POST", "authorization,content-type,mcp-protocol-version"),
        ("/register", "POST", "content-type,mcp-protocol-version"),
        ("/.well-known/oauth-authorization-server", "GET", "mcp-protocol-version"),
        ("/.well-known/openid-configuration", "GET", "mcp-protocol-version"),
    ],
)
def test_a_page_of_any_origin_may_use_the_authorization_servers_machine_endpoints(
    on_sqlite: Deployment, path: str, method: str, headers: str
) -> None:
    page = "https://anywhere.example"
    answer = preflight(on_sqlite.issuer + path, method, headers, page=page)

    require_allowed(answer, method, headers, page=page)


def test_a_page_the_operator_listed_may_call_the_gateway_and_read_its_challenge(
    on_sqlite: Deployment,
) -> None:
    headers = "authorization,content-type,mcp-protocol-version,mcp-method,mcp-name"
    answer = preflight(on_sqlite.resource, "POST", headers, page=BROWSER_ORIGIN)
    require_allowed(answer, "POST", headers, page=BROWSER_ORIGIN)

    challenge = httpx2.post(
        on_sqlite.resource, json={}, headers={"origin": BROWSER_ORIGIN}, trust_env=False
    )
    assert challenge.status_code == 401
    assert challenge.headers["access-control-allow-origin"] == BROWSER_ORIGIN
    assert "www-authenticate" in challenge.headers["access-control-expose-headers"]

    well_known = f"{origin(on_sqlite.resource)}/.well-known/oauth-protected-resource/mcp"
    answer = preflight(well_known, "GET", "mcp-protocol-version", page=BROWSER_ORIGIN)
    require_allowed(answer, "GET", "mcp-protocol-version", page=BROWSER_ORIGIN)


@pytest.mark.parametrize("path", ["/sign-in", "/consent", "/authorize"])
def test_no_page_of_another_origin_may_read_what_a_person_sees(
    on_sqlite: Deployment, path: str
) -> None:
    answer = preflight(on_sqlite.issuer + path, "POST", "content-type", page=BROWSER_ORIGIN)

    assert "access-control-allow-origin" not in answer.headers
