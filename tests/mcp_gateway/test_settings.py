"""Valid settings, and settings that are refused before the start."""

import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from joserfc.jwk import ECKey, OKPKey

from gatepost.settings import SettingsError
from mcp_gateway.cli import mcp_gateway
from mcp_gateway.settings import McpGatewaySettings
from mcp_gateway.signing_key import load_signing_key, publish_key
from support.processes.configuration import write_config

GOOD = {
    "resource": "https://mcp.example.com/mcp",
    "issuer": "https://auth.example.com",
    "manifest": "api/tools.yaml",
    "upstream_url": "https://api.example.com/v1",
    "signing_key": "/keys/gateway.pem",
}


def load(folder: Path, **changes: Any) -> McpGatewaySettings:
    """Read settings from a file with the good values, changed."""
    return McpGatewaySettings.load(write_config(folder, mcp_gateway=GOOD | changes))


def test_unset_settings_follow_from_others(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.jwks_url == "https://auth.example.com/jwks.json"
    assert settings.upstream_audience == "https://api.example.com/v1"
    assert settings.allowed_hosts == ("mcp.example.com",)
    assert (settings.origin, settings.path) == ("https://mcp.example.com", "/mcp")


def test_a_gateway_on_this_machine_answers_to_every_loopback_name(tmp_path: Path) -> None:
    settings = load(tmp_path, resource="http://localhost:8401/mcp")
    assert set(settings.allowed_hosts) == {"127.0.0.1:8401", "localhost:8401", "[::1]:8401"}


def test_a_relative_path_starts_at_the_files_folder(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.manifest == tmp_path / "api" / "tools.yaml"
    assert settings.signing_key == Path("/keys/gateway.pem")


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEPOST_MCP_UPSTREAM_URL", "https://other.example.com")
    monkeypatch.setenv("GATEPOST_MCP_ALLOWED_ORIGINS", '["https://inspector.example"]')
    settings = load(tmp_path)
    assert settings.upstream_url == "https://other.example.com"
    assert settings.upstream_audience == "https://other.example.com"
    assert settings.allowed_origins == ("https://inspector.example",)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("resource", "http://mcp.example.com/mcp"),
        ("resource", "https://mcp.example.com"),
        ("resource", "https://mcp.example.com/mcp/"),
        ("issuer", "https://auth.example.com/"),
        ("issuer", "https://auth.example.com?x"),
        ("upstream_url", "ftp://api.example.com"),
        ("upstream_url", "api.example.com"),
        ("upstream_url", "https://api.example.com?key=s3cret"),
        ("jwks_url", "nothing"),
        ("redis_url", "redis.internal:6379"),
        ("redis_url", "http://redis.internal"),
        ("redis_url", "redis://"),
        ("redis_url", "redis://redis.internal:x"),
        ("tiers", {"free": {"per_minute": 0, "burst": 1}}),
        ("tiers", {"free": {"per_minute": 1}}),
        ("tiers", {"free": {"per_minute": 1, "burst": 1, "per_hour": 1}}),
        ("default_tier", "platinum"),
        ("replicas", 0),
        ("allowed_origins", ["https://app.example.com/"]),
        ("allowed_origins", ["app.example.com"]),
        ("allowed_origins", ["*"]),
        ("allowed_origins", ["https://app.example.com:*"]),
        ("allowed_origins", ["http://*.localhost:1"]),
        ("challenge_scope", 'mcp:"read'),
        ("upstream_headers", {"Host": {"env": "HEADER"}}),
        ("upstream_headers", {"X\r\nY": {"env": "HEADER"}}),
        ("upstream_headers", {"X": {"env": "SPLIT_HEADER"}}),
        ("upstream_credentials", {"x": {"mode": "static", "value": "s3cret"}}),
        ("upstream_credentials", {"x": {"mode": "static"}}),
        ("upstream_credentials", {"x": {"mode": "magic", "value": {"env": "HEADER"}}}),
        ("upstream_credentials", {"x": {"mode": "static", "value": {"env": "NOT_THERE"}}}),
        *(
            ("upstream_credentials", {"x": {"value": {"env": "HEADER"}, **wrong}})
            for wrong in (
                {"mode": "static", "place": "body x"},
                {"mode": "static", "place": "header Host"},
                {"mode": "static", "place": "header Gatepost-Assertion"},
                {"mode": "static", "place": "header X\r\nY"},
                {"mode": "static", "hosts": ["https://files.example"]},
                {"mode": "static", "client_id": "x"},
            )
        ),
        *(
            ("upstream_credentials", {"x": {"mode": "per_tenant", **wrong}})
            for wrong in (
                {},
                {"file": "a"},
                {"key": {"env": "HEADER"}},
                {"file": "a", "key": {"env": "HEADER"}},
                {"variable": "SECRET"},
                {"variable": "{tenant_id}"},
                {"variable": "{tenant_id}_KEY"},
                {"variable": "K_{tenant_id}", "file": "a", "key": {"env": "HEADER"}},
            )
        ),
        (
            "upstream_credentials",
            {"x": {"mode": "token_exchange", "token_url": "https://u:s3cret@login.example"}},
        ),
        ("upstrem", 1),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str, wrong: object
) -> None:
    monkeypatch.setenv("HEADER", "s3cret")
    monkeypatch.setenv("SPLIT_HEADER", "s3cret\r\nY: z")
    with pytest.raises(SettingsError) as refusal:
        load(tmp_path, **{field: wrong})
    assert field in str(refusal.value)
    assert "s3cret" not in str(refusal.value)


def test_a_key_is_created_once_and_readable_only_by_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "gateway.pem"
    first, second = load_signing_key(path), load_signing_key(path)
    assert first.thumbprint() == second.thumbprint()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert publish_key(first)["keys"][0]["kid"] == first.thumbprint()
    assert "d" not in publish_key(first)["keys"][0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no key",
        ECKey.generate_key("P-384").as_pem(private=True),
        ECKey.generate_key("P-256").as_pem(private=False),
        OKPKey.generate_key("Ed25519").as_pem(private=True),
    ],
    ids=["empty", "no key", "P-384", "public", "Ed25519"],
)
def test_a_file_that_holds_another_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "gateway.pem"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="signing_key"):
        load_signing_key(path)


def test_a_person_who_serves_without_settings_is_told_which_are_missing(tmp_path: Path) -> None:
    config = write_config(tmp_path, mcp_gateway={})
    result = CliRunner().invoke(mcp_gateway, ["serve", "--config", str(config)])
    assert result.exit_code == 1
    for field in ("resource", "issuer", "manifest", "upstream_url", "signing_key"):
        assert field in result.output
    assert "Traceback" not in result.output


def test_a_person_whose_manifest_is_missing_is_told_so(tmp_path: Path) -> None:
    config = write_config(tmp_path, mcp_gateway=GOOD | {"signing_key": "gateway.pem"})
    result = CliRunner().invoke(mcp_gateway, ["serve", "--config", str(config)])
    assert (result.exit_code, "tools.yaml" in result.output) == (1, True)
