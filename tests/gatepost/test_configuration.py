"""`gatepost.yaml`: refused settings and their messages, and no secrets in the file."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from click.testing import CliRunner, Result

from auth_server.settings import AuthServerSettings
from gatepost.settings import SettingsError
from gatepost_cli.config import config as command
from gatepost_cli.init import init
from mcp_gateway.settings import McpGatewaySettings
from support.in_process.gateway import API
from support.processes.configuration import issuing, serving, write_config

ISSUER, RESOURCE = "https://id.example", "https://mcp.example/mcp"
SECRET = "k7Jx2mP9qR4tV6wY8zA1bC3dE5fG0hJ2"
PASSWORD_URL = "postgresql+psycopg://gatepost:s3cret@db/gatepost"
ISSUING = issuing(ISSUER, RESOURCE)
SERVING = serving(ISSUER, RESOURCE, "https://api.example", manifest=API / "tools.yaml")


def both(folder: Path, *, auth_server: dict[str, Any], mcp_gateway: dict[str, Any]) -> Path:
    """Write a file with both sections."""
    return write_config(folder, auth_server=auth_server, mcp_gateway=mcp_gateway)


def check(*arguments: str | Path) -> Result:
    """Run `gatepost config check`."""
    return CliRunner().invoke(command, ["check", *map(str, arguments)])


def test_init_writes_everything_except_the_manifest(tmp_path: Path) -> None:
    assert CliRunner().invoke(init, [str(tmp_path)]).exit_code == 0
    result = check("--config", tmp_path / "gatepost.yaml")
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "tools.yaml: can't be read" in result.output


def test_a_configuration_that_both_services_start_from_passes(tmp_path: Path) -> None:
    config = write_config(tmp_path, auth_server=ISSUING, mcp_gateway=SERVING)
    result = check("--config", config)
    assert (result.exit_code, "auth_server and mcp_gateway can be started" in result.output) == (
        0,
        True,
    )
    assert not (tmp_path / "gateway.pem").exists()
    assert not (tmp_path / "gatepost.db").exists()


def test_what_the_settings_leave_out_of_the_manifest_is_noted(tmp_path: Path) -> None:
    (tmp_path / "openapi.yaml").write_bytes((API / "openapi.yaml").read_bytes())
    (tmp_path / "tools.yaml").write_text(
        (API / "tools.yaml").read_text()
        + """
events: {orbit: {tenant: org, on: {task.updated: {list_changed: true}}}}
skills: {tidy-up: {description: Tidy up., text: Tidy up.}}
"""
    )
    serving = {
        **SERVING,
        "manifest": "tools.yaml",
        "event_secrets": {"orbits": [{"file": "webhook_secret"}]},
    }
    config = both(tmp_path, auth_server=ISSUING, mcp_gateway=serving)
    (tmp_path / "webhook_secret").write_text(SECRET)
    result = check("--config", config)
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines() == [
        "note: mcp_gateway: events.orbit has no secret, so its events are refused: set event_secrets.orbit",
        "note: mcp_gateway: event_secrets.orbits: no manifest has a webhook of this name; they have orbit",
        "note: mcp_gateway: skills are not served: set serve_skills: true",
    ]


def test_a_text_where_a_list_or_a_mapping_belongs_is_told_as_such(tmp_path: Path) -> None:
    serving = {**SERVING, "event_secrets": {"orbit": "x"}, "upstream_headers": ["x"]}
    result = check("--config", both(tmp_path, auth_server=ISSUING, mcp_gateway=serving))
    assert "): must be a list, such as [a, b]" in result.output
    assert "): must be a mapping, such as {name: value}" in result.output


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"upstream_urls": "x"},
            "is not a setting; did you mean upstream_url?",
        ),
        ({"tiers": {"pro": {"per_minut": 1}}}, "is not a setting; did you mean per_minute?"),
        (
            {"upstream_credentials": {"key": {"mode": "static", "valu": {"env": "X"}}}},
            "is not a setting; did you mean value?",
        ),
        ({"apis": {"bills": {"urll": "x"}}}, "is not a setting; did you mean url?"),
        ({"tiers": {"pro": {"qqq": 1}}}, "is not a setting; remove it"),
    ],
)
def test_a_mistyped_key_is_told_the_one_that_it_is_like_at_every_depth(
    changes: dict[str, Any], told: str, tmp_path: Path
) -> None:
    config = both(tmp_path, auth_server=ISSUING, mcp_gateway={**SERVING, **changes})
    assert told in check("--config", config).output


def test_a_list_of_which_every_item_is_refused_is_not_also_told_to_be_empty(tmp_path: Path) -> None:
    wrong = {**ISSUING, "resources": [{"resource": f"{RESOURCE}/"}]}
    output = check("--config", both(tmp_path, auth_server=wrong, mcp_gateway=SERVING)).output
    assert "resources.0.resource" in output
    assert "at least 1 item" not in output


def test_every_problem_of_both_sections_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    config = tmp_path / "gatepost.yaml"
    config.write_text(
        f"""\
auth_server:
  isuer: {ISSUER}
  secret_key: {{env: NOBODY_SET_THIS}}
  resources:
    - resource: {RESOURCE}/
mcp_gateway:
  issuer: {ISSUER}
  resource: {RESOURCE}
  manifest: tools.yaml
  signing_key: gateway.pem
  keep_alive: 0
"""
    )
    result = check("--config", config)
    assert result.exit_code == 1
    for told in (
        "  issuer (line 1): is required: set it here or as GATEPOST_AUTH_ISSUER",
        "  isuer (line 2): is not a setting; did you mean issuer?",
        "  secret_key (line 3): the environment variable NOBODY_SET_THIS is not set",
        "  resources.0.resource (line 5): must not end with a slash",
        "  upstream_url (line 6): is required",
        "  keep_alive (line 11): must be greater than 0",
    ):
        assert told in result.output


@pytest.mark.parametrize(
    ("issuing_changes", "serving_changes", "told"),
    [
        ({}, {"issuer": "https://other.example"}, "services compare them byte by byte"),
        ({}, {"resource": "https://mcp.example/other"}, "auth_server.resources does not contain"),
        ({}, {"redis_url": "redis://redis:6379/0"}, "redis_url: set it in both"),
        (
            {},
            {"upstream_credentials": {"orbit": {"mode": "linked_account", "provider": "orbit"}}},
            "upstream_credentials.orbit.provider is orbit, which links of the resource",
        ),
        ({}, {"manifest": "nowhere.yaml"}, "nowhere.yaml: can't be read"),
        ({}, {"signing_key": "secret_key"}, "signing_key"),
        ({"database_url": "mysql://db/gatepost"}, {}, "database_url: write"),
        ({"database_url": "sqlite+aiosqlite:///nowhere/g.db"}, {}, "nowhere does not exist"),
    ],
)
def test_errors_that_would_stop_a_service_later_are_reported_too(
    tmp_path: Path, issuing_changes: dict[str, Any], serving_changes: dict[str, Any], told: str
) -> None:
    sections = {"auth_server": ISSUING | issuing_changes, "mcp_gateway": SERVING | serving_changes}
    result = check("--config", both(tmp_path, **sections))
    assert (result.exit_code, told in result.output) == (1, True), result.output


def test_every_problem_of_several_apis_is_told_with_its_api(tmp_path: Path) -> None:
    linked = {"orbit": {"mode": "linked_account", "provider": "orbit"}}
    section = {name: value for name, value in SERVING.items() if name != "upstream_url"}
    del section["manifest"]
    section["apis"] = {
        "orbit": {"url": "https://api.example", "manifest": "nowhere.yaml"},
        "billing": {"url": "https://billing.example", "manifest": "x.yaml", "credentials": linked},
    }
    result = check("--config", both(tmp_path, auth_server=ISSUING, mcp_gateway=section))
    assert result.exit_code == 1
    for told in (
        f"apis.orbit: {tmp_path}/nowhere.yaml: can't be read",
        f"apis.billing: {tmp_path}/x.yaml: can't be read",
        "mcp_gateway.apis.billing.credentials.orbit.provider is orbit, which links of the resource",
    ):
        assert told in result.output


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("auth_server: {issuer: a, issuer: b}", "has the key 'issuer' twice, line 1"),
        ("auth_server: [", "is not valid YAML"),
        ("auth_server: 1", "auth_server must be a mapping"),
        ("- auth_server", "is not a mapping"),
        ("auth_sever: {}", "line 1: auth_sever is not a section; did you mean auth_server?"),
        ("a: &a [x]\nb: [*a, *b]", "alias"),
        ("auth_server: !!python/object:os.system {}", "YAML tag"),
    ],
)
def test_a_file_that_is_not_a_configuration_is_refused_once(
    tmp_path: Path, text: str, told: str
) -> None:
    config = tmp_path / "gatepost.yaml"
    config.write_text(text)
    result = check("--config", config)
    assert (result.exit_code, result.output.count(told)) == (1, 1), result.output


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("auth_server", "secret_key", SECRET),
        ("auth_server", "previous_secret_keys", [SECRET]),
        ("auth_server", "database_url", PASSWORD_URL.replace("s3cret", SECRET)),
        ("auth_server", "redis_url", f"redis://:{SECRET}@redis:6379/0"),
        ("auth_server", "redis_url", f"redis://redis:6379/0?password={SECRET}"),
        ("mcp_gateway", "redis_url", f"redis://:{SECRET}@redis:6379/0"),
        ("mcp_gateway", "upstream_headers", {"X-Api-Key": SECRET}),
        ("mcp_gateway", "upstream_credentials", {"key": {"mode": "static", "value": SECRET}}),
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(
    tmp_path: Path, section: str, field: str, value: Any
) -> None:
    """A158: the file can be shown to anybody."""
    sections = {"auth_server": ISSUING, "mcp_gateway": SERVING}
    sections[section] = sections[section] | {field: value}
    result = check("--config", both(tmp_path, **sections))
    assert result.exit_code == 1
    assert "write {env: NAME} or {file: PATH}" in result.output
    assert field in result.output
    assert SECRET not in result.output


def test_secrets_come_from_the_files_and_variables_that_the_file_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE", PASSWORD_URL)
    monkeypatch.setenv("API_KEY", "hunter2")
    (tmp_path / "former").write_text(f"{SECRET[::-1]}\n")
    config = write_config(
        tmp_path,
        secret=SECRET,
        auth_server=ISSUING
        | {"database_url": {"env": "DATABASE"}, "previous_secret_keys": [{"file": "former"}]},
        mcp_gateway=SERVING | {"upstream_headers": {"X-Api-Key": {"env": "API_KEY"}}},
    )
    issuing_settings = AuthServerSettings.load(config)
    assert issuing_settings.secret_key.get_secret_value() == SECRET
    assert issuing_settings.previous_secret_keys[0].get_secret_value() == SECRET[::-1]
    assert issuing_settings.database_url == PASSWORD_URL
    assert "s3cret" not in repr(issuing_settings)
    headers = McpGatewaySettings.load(config).upstream_headers
    assert headers["X-Api-Key"].get_secret_value() == "hunter2"


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ({"file": "nowhere"}, "can't be read"),
        ({"file": "empty"}, "is empty"),
        ({"file": "binary"}, "is not UTF-8 text"),
        ({"env": "NOBODY_SET_THIS"}, "is not set"),
        ({"vault": "x"}, "write {env: NAME} or {file: PATH}"),
        ({"env": "A", "file": "b"}, "write {env: NAME} or {file: PATH}"),
        ([], "write {env: NAME} or {file: PATH}"),
    ],
)
def test_a_reference_that_leads_nowhere_is_told(
    tmp_path: Path, reference: object, told: str
) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    config = write_config(tmp_path, auth_server=ISSUING | {"secret_key": reference})
    with pytest.raises(SettingsError) as refused:
        AuthServerSettings.load(config)
    assert f"secret_key (line 3): {told}" in str(refused.value) or told in str(refused.value)
    assert "secret_key" in str(refused.value)


def test_a_mounted_secret_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    (mounted / "GATEPOST_AUTH_SECRET_KEY").write_text(SECRET)
    monkeypatch.setenv("GATEPOST_SECRETS_DIR", str(mounted))
    settings = AuthServerSettings.load(write_config(tmp_path, auth_server=ISSUING))
    assert settings.secret_key.get_secret_value() == SECRET


def test_a_command_reports_that_there_is_nothing_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATEPOST_CONFIG", raising=False)
    result = check()
    assert (result.exit_code, "--config" in result.output) == (1, True)


def test_an_editor_accepts_valid_settings_and_marks_invalid_ones(tmp_path: Path) -> None:
    printed = CliRunner().invoke(command, ["schema"])
    assert CliRunner().invoke(init, [str(tmp_path)]).exit_code == 0
    assert (tmp_path / "gatepost.schema.json").read_text() == printed.output
    text = (tmp_path / "gatepost.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=gatepost.schema.json\n")
    schema = json.loads(printed.output)
    jsonschema_rs.meta.validate(schema)
    editor = jsonschema_rs.validator_for(schema)
    assert editor.is_valid(yaml.safe_load(text))
    assert editor.is_valid({"auth_server": {"refresh_grace": 60, "code_lifetime": "PT30S"}})
    wrongs: tuple[dict[str, Any], ...] = (
        {"auth_server": {"secret_key": SECRET}},
        {"auth_server": {"secret_key": {"vault": "x"}}},
        {"auth_server": {"isuer": ISSUER}},
        {"mcp_gateway": {"upstream_headers": {"X": "literal"}}},
        {"mcp_gatewy": {}},
    )
    for wrong in wrongs:
        assert not editor.is_valid(wrong), wrong
