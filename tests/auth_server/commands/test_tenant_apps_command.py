"""`gatepost auth-server tenants apps`: the apps that a tenant's own provider connects."""

from pathlib import Path

from click.testing import CliRunner

from auth_server.cli import auth_server as command
from support.in_process.auth_server import RESOURCE
from support.processes.configuration import issuing, write_config

URL = "https://claude.ai/oauth/mcp-oauth-client-metadata"


def apps(config: Path, *words: str) -> str:
    """Run the command; return what it says, or its refusal."""
    run = CliRunner().invoke(command, ["tenants", "apps", "--config", str(config), *words])
    assert run.exit_code in (0, 1, 2) and "Traceback" not in run.output, run.output
    return run.output.strip()


def test_an_operator_is_told_why_an_app_can_not_be_connected(
    sqlite_url: str, tmp_path: Path
) -> None:
    section = issuing("http://127.0.0.1:8400", RESOURCE, database_url=sqlite_url)
    config = write_config(tmp_path, auth_server=section)
    assert apps(config, "org_acme") == "Its provider connects no apps."
    ceiling = ("--ceiling", "", "@read", "")
    assert "no identity provider of its own" in apps(config, "org_acme", URL, *ceiling)
    assert "does not exist" in apps(config, "org_none", URL, *ceiling)
    assert "must be one of" in apps(config, "org_acme", URL, "--resource", "x", *ceiling)
    assert "does not connect" in apps(config, "org_acme", URL, "--end")
    assert "tools" in apps(config, "org_acme", URL, "--ceiling", "", "", "")
    for words in ((URL,), ceiling, ("--end",), (URL, "--end", *ceiling)):
        assert "give CLIENT_ID together with" in apps(config, "org_acme", *words)
