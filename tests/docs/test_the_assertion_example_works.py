"""The code that `docs/connect-your-api.md` gives to API teams accepts the gateway, and only it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc.jwk import ECKey, KeySet

from gatepost.claims import parse_claims
from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.upstream.assertion import AssertionSigner
from support.markdown import ROOT, fences, read, section

GUIDE = read("docs/connect-your-api.md")
RESOURCE, API = "https://mcp.example.com/mcp", "https://api.example.com"
URL = f"{API}/v1/orgs/org_acme/tasks?status=todo"
CLAIMS = {
    "iss": "https://auth.example.com",
    "aud": RESOURCE,
    "sub": "usr_ada",
    "client_id": "client_1",
    "jti": "token_1",
    "iat": 0,
    "exp": 1,
    "scope": "mcp:read",
    "tenant_id": "org_acme",
    "allowed_tools": ["list_tasks"],
    "data_scope": "team:design",
    "rate_limit_tier": "pro",
    "grant_id": "grant_1",
    "grant_version": 1,
    "env": "live",
}


@dataclass
class Api:
    """An API that runs the guide's code."""

    verify: Callable[..., dict[str, Any]]
    keys: KeySet
    signed: str

    def asks(self, **changed: Any) -> dict[str, Any]:
        """Verify the assertion for the request it was made for, but for what is changed."""
        seen: set[str] = set()

        def first_use(jti: str, until: float) -> bool:
            new = jti not in seen
            seen.add(jti)
            return new

        request = {"method": "POST", "url": URL, "body": b"{}", "first_use": first_use} | changed
        return self.verify(self.signed, self.keys, issuer=RESOURCE, audience=API, **request)


@pytest.fixture
def api() -> Api:
    """An API, and an assertion that the gateway signed just now."""
    key = ECKey.generate_key("P-256")
    signer = AssertionSigner(key, resource=RESOURCE, audience=API, now=lambda: datetime.now(UTC))
    request = HttpRequest("POST", URL, (), b"{}")
    signed = signer.sign(request, parse_claims(CLAIMS), "list_tasks", "call_1")
    public = {**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig", "alg": "ES256"}
    (code,) = fences(GUIDE, "python")
    namespace: dict[str, Any] = {}
    exec(code, namespace)  # noqa: S102 - our own document
    return Api(namespace["verify_assertion"], KeySet.import_key_set({"keys": [public]}), signed)


def test_an_api_that_follows_the_guide_learns_the_caller(api: Api) -> None:
    claims = api.asks()
    assert (claims["sub"], claims["tenant_id"]) == ("usr_ada", "org_acme")


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "DELETE"},
        {"url": URL.replace("todo", "done")},
        {"body": b'{"title":"another"}'},
        {"first_use": lambda jti, until: False},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_an_api_that_follows_the_guide_refuses_the_assertion_of_another_request(
    api: Api, changed: dict[str, Any]
) -> None:
    with pytest.raises(PermissionError):
        api.asks(**changed)


def test_an_api_that_follows_the_guide_refuses_another_gateway(api: Api) -> None:
    stranger = ECKey.generate_key("P-256")
    key = {**stranger.as_dict(private=False), "kid": stranger.thumbprint(), "use": "sig"}
    api.keys = KeySet.import_key_set({"keys": [key]})
    with pytest.raises(PermissionError):
        api.asks()


def test_the_guides_claims_are_those_the_gateway_signs(api: Api) -> None:
    told = section(GUIDE, "## 5. Verify the identity assertion")
    names = re.findall(r"^\| (`[^|]+`) \|", told, re.MULTILINE)
    assert {name.strip("`") for cell in names for name in cell.split(", ")} == set(api.asks())


def test_the_guides_manifest_is_served(tmp_path: Any) -> None:
    (manifest,) = fences(GUIDE, "yaml")
    (tmp_path / "tools.yaml").write_text(manifest)
    document = ROOT / "deploy/demo_saas/openapi.json"
    (tmp_path / "openapi.json").write_bytes(document.read_bytes())
    catalogue = load_catalogue(tmp_path / "tools.yaml")
    tool = catalogue.tools["create_task"]
    assert "org_id" not in tool.input_schema["properties"]
    assert "delete_task" not in catalogue.tools
