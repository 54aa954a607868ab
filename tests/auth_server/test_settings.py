"""Settings: unsafe ones are refused, and the message names the field."""

import os
from pathlib import Path
from typing import Any

import pytest

from auth_server.settings import AuthServerSettings
from gatepost.settings import SettingsError
from support.in_process.providers import SigningKey
from support.processes.configuration import write_config

GOOD: dict[str, Any] = {
    "issuer": "https://id.example",
    "secret_key": "k7Jx2mP9qR4tV6wY8zA1bC3dE5fG0hJ2",
    "resources": [{"resource": "https://mcp.example/mcp"}],
}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting comes from the machine that runs the tests."""
    for name in os.environ:
        if name.startswith("GATEPOST_"):
            monkeypatch.delenv(name)


def load(tmp_path: Path, **changes: Any) -> AuthServerSettings:
    """Load a file with the good values, changed; `...` leaves one out."""
    values = {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}
    secret = str(values.pop("secret_key", ""))
    if secret:
        values["secret_key"] = {"file": "secret_key"}
    return AuthServerSettings.load(write_config(tmp_path, secret=secret, auth_server=values))


def test_three_values_are_enough(tmp_path: Path) -> None:
    """Everything else has a default that is safe in production."""
    settings = load(tmp_path)

    assert settings.issuer == "https://id.example"
    assert settings.secure
    assert settings.access_token_lifetime.total_seconds() == 600
    assert settings.code_lifetime.total_seconds() == 60
    assert settings.resources[0].where_catalogue_is == "https://mcp.example/internal/catalogue"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"issuer": ...}, "issuer"),
        ({"issuer": "http://id.example"}, "issuer"),
        ({"issuer": "http://localhost.evil.example"}, "issuer"),
        ({"issuer": "https://id.example/"}, "issuer"),
        ({"issuer": "https://id.example?x=1"}, "issuer"),
        ({"issuer": "https://id.example#x"}, "issuer"),
        ({"issuer": "https://user@id.example"}, "issuer"),
        ({"issuer": "id.example"}, "issuer"),
        ({"issuer": "ftp://id.example"}, "issuer"),
        ({"issuer": ""}, "issuer"),
        ({"redis_url": "redis.internal:6379"}, "redis_url"),
        ({"redis_url": "http://redis.internal"}, "redis_url"),
        ({"issuer": "https://["}, "issuer"),
        ({"secret_key": ...}, "secret_key"),
        ({"secret_key": "short"}, "secret_key"),
        ({"secret_key": "change-me-change-me-change-me-change-me"}, "secret_key"),
        ({"secret_key": "Replace this with 32 random characters"}, "secret_key"),
        ({"resources": ...}, "resources"),
        ({"resources": []}, "resources"),
        ({"resources": [{"resource": "https://mcp.example/mcp/"}]}, "resource"),
        ({"resources": [{"resource": "http://mcp.example/mcp"}]}, "resource"),
        ({"resources": [{"url": "https://mcp.example/mcp"}]}, "resources.0.url"),
        ({"resources": [{"resource": "https://a.example"}] * 2}, "resources"),
        ({"refresh_grace": 3600}, "refresh_grace"),
        ({"access_token_lifetime": "ten minutes"}, "access_token_lifetime"),
        ({"access_token_lifetime": "PT25H"}, "access_token_lifetime"),
        ({"client_token_lifetimes": {"claude.ai": "PT25H"}}, "client_token_lifetimes"),
        ({"isuer": "https://id.example"}, "isuer"),
        ({"skip_consent": True}, "skip_consent"),
        ({"client_documents_on_loopback": True}, "client_documents_on_loopback"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_a163(
    tmp_path: Path, changes: dict[str, Any], field: str
) -> None:
    """A163: refused at the start."""
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, **changes)

    assert field in str(refused.value)
    assert "section auth_server" in str(refused.value)
    for secret in ("k7Jx2mP9", "change-me"):
        assert secret not in str(refused.value)


def test_a_clients_tokens_live_as_long_as_its_id_or_its_documents_host_says(tmp_path: Path) -> None:
    """A dynamic client can't be known by a host, since anybody may register any redirect URI."""
    lifetimes = {"claude.ai": "PT8H", "orbit-cli": 3600}
    settings = load(tmp_path, client_token_lifetimes=lifetimes)
    minutes = [
        settings.token_lifetime_of(client_id).total_seconds() / 60
        for client_id in (
            "https://claude.ai/oauth/metadata",
            "https://claude.ai.evil.example/oauth/metadata",
            "claude.ai",
            "orbit-cli",
            "client_x",
        )
    ]

    assert minutes == [480, 10, 480, 60, 10]
    assert settings.longest_token_lifetime.total_seconds() == 8 * 3600


def provider(name: str, **claims: Any) -> dict[str, Any]:
    """An OpenID provider's entry."""
    return {
        "kind": "oidc",
        "name": name,
        "title": name,
        "issuer": f"https://{name}.example",
        "client_id": "gatepost",
        "claims": claims,
    }


def hand_off(name: str, **claims: Any) -> dict[str, Any]:
    """A login page's entry."""
    del (entry := provider(name, **claims))["client_id"]
    keys = {"keys": [SigningKey("key-1").public]}
    return {**entry, "kind": "hand_off", "login_url": f"https://{name}.example", "jwks": keys}


@pytest.mark.parametrize(
    ("sign_in", "named"),
    [
        ([provider("a", tenants="orgs"), provider("b", tenants="orgs")], "a and b"),
        (
            [
                provider("a", tenants="orgs", allowed_tenants=["org_a"]),
                provider("b", tenants="orgs"),
            ],
            "b",
        ),
        ([hand_off("a", tenants="orgs", allowed_tenants=["*"]), provider("b", tenants="o")], "b"),
        ([provider("a", tenant="x"), {**provider("b"), "adopts_people": True}], "b"),
        (
            [
                provider("a", tenants="orgs", allowed_tenants=["*"]),
                provider("b", tenants="orgs", allowed_tenants=["org_b", "*"]),
            ],
            "a and b",
        ),
    ],
)
def test_several_providers_are_refused_until_each_names_its_tenants_a140(
    tmp_path: Path, sign_in: list[dict[str, Any]], named: str
) -> None:
    """Otherwise one customer's provider could name another customer's tenant."""
    with pytest.raises(SettingsError, match=r"claims\.allowed_tenants") as refused:
        load(tmp_path, sign_in=sign_in)

    assert f" {named} " in str(refused.value)


@pytest.mark.parametrize(
    "sign_in",
    [
        [provider("a", tenants="orgs")],
        [{"kind": "local"}, provider("a", tenants="orgs")],
        [provider("a", tenant="org_a"), provider("b")],
        [
            hand_off("a", tenants="orgs", allowed_tenants=["*"]),
            provider("b", tenants="orgs", allowed_tenants=["org_b"]),
        ],
    ],
)
def test_providers_that_can_not_speak_for_each_other_are_served(
    tmp_path: Path, sign_in: list[dict[str, Any]]
) -> None:
    assert len(load(tmp_path, sign_in=sign_in).sign_in) == len(sign_in)


@pytest.mark.parametrize(
    "issuer", ["http://127.0.0.1:8400", "http://localhost:8400", "http://[::1]:8400"]
)
def test_plain_http_is_allowed_only_on_this_machine(tmp_path: Path, issuer: str) -> None:
    """RFC 8414 §2 wants https; development on loopback does without."""
    assert not load(tmp_path, issuer=issuer).secure


def test_the_environment_overrides_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One image, many deployments."""
    monkeypatch.setenv("GATEPOST_AUTH_ISSUER", "https://other.example")

    assert load(tmp_path).issuer == "https://other.example"


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    """The operator mistyped a path, or a quote."""
    broken = tmp_path / "broken.yaml"
    broken.write_text("auth_server: [\n")

    for file in (tmp_path / "none.yaml", broken):
        with pytest.raises(SettingsError, match=file.name):
            AuthServerSettings.load(file)


def test_no_secret_shows_where_settings_are_printed(tmp_path: Path) -> None:
    """A158."""
    assert GOOD["secret_key"] not in repr(load(tmp_path))


def test_an_operator_who_named_no_file_is_told_that_none_was_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The folder may well have a gatepost.yaml."""
    monkeypatch.delenv("GATEPOST_CONFIG", raising=False)
    with pytest.raises(SettingsError, match="neither --config nor GATEPOST_CONFIG names a file"):
        AuthServerSettings.load()
