"""`gatepost mcp-gateway credentials`: the tenants' secrets for the API, stored encrypted."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gatepost.settings import SettingsError
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.cli import mcp_gateway
from mcp_gateway.settings import McpGatewaySettings
from mcp_gateway.upstream.credentials.open import require_usable, sealed_file
from mcp_gateway.upstream.credentials.sealed_file import SealedFile, SealedFileError
from support.processes.configuration import serving, write_config

KEY = "a key of 32 or more characters, at random"
FILE = {"mode": "per_tenant", "file": "tenants.json", "key": {"env": "KEEP"}, "place": "bearer"}


class Operator:
    """An operator at a shell."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Configure one credential with a file."""
        self.folder = folder
        self.file = folder / "tenants.json"
        self._monkeypatch = monkeypatch
        self.configure(orbit=FILE)
        self.know(KEY)

    def know(self, key: str) -> None:
        """Set the key."""
        self._monkeypatch.setenv("KEEP", key)

    def configure(self, **credentials: dict[str, Any]) -> None:
        """Write the configuration."""
        gateway = serving(
            "http://127.0.0.1:8400",
            "http://127.0.0.1:8401/mcp",
            "http://127.0.0.1:8402",
            upstream_credentials=credentials,
        )
        self.config = write_config(self.folder, mcp_gateway=gateway)

    def run(self, *arguments: str, secret: str | None = None) -> Result:
        """Run one command, with the secret on standard input."""
        given = ["credentials", *arguments, "--config", str(self.config)]
        result = CliRunner().invoke(mcp_gateway, given, input=secret)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    def read(self, tenant: str) -> str | None:
        """Read a tenant's secret as the gateway does."""
        settings = McpGatewaySettings.load(self.config)
        credential: Any = settings.upstream_credentials["orbit"]
        return sealed_file("orbit", credential).unseal(tenant)


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    return Operator(tmp_path, monkeypatch)


def test_a_secret_is_kept_so_that_nobody_reads_it_without_the_key(operator: Operator) -> None:
    result = operator.run("set", "org_acme", secret="s3cret\n")
    assert (result.exit_code, result.output) == (0, "org_acme: set.\n")
    assert operator.read("org_acme") == "s3cret"
    assert b"s3cret" not in operator.file.read_bytes()
    assert stat.S_IMODE(operator.file.stat().st_mode) == 0o600


def test_secrets_are_changed_listed_and_removed_one_by_one(operator: Operator) -> None:
    for tenant, secret in (("org_b", "one"), ("org_a", "two"), ("org_b", "three")):
        operator.run("set", tenant, secret=secret)
    assert operator.run("list").output == "org_a\norg_b\n"
    assert operator.run("list", "--json").output == '{"tenant_id":"org_a"}\n{"tenant_id":"org_b"}\n'
    assert (operator.read("org_a"), operator.read("org_b")) == ("two", "three")
    assert operator.run("remove", "org_b").exit_code == 0
    assert (operator.read("org_a"), operator.read("org_b")) == ("two", None)
    assert operator.run("remove", "org_b").exit_code == 1


def test_the_files_permissions_stay_the_same(operator: Operator) -> None:
    operator.run("set", "org_acme", secret="one")
    operator.file.chmod(0o640)
    operator.run("set", "org_globex", secret="two")
    assert stat.S_IMODE(operator.file.stat().st_mode) == 0o640


def test_a_running_gateway_sees_changed_secrets(operator: Operator) -> None:
    running = SealedFile(operator.file, KEY, name="orbit")
    assert running.unseal("org_acme") is None
    operator.run("set", "org_acme", secret="one")
    assert running.unseal("org_acme") == "one"
    operator.run("set", "org_acme", secret="two")
    assert running.unseal("org_acme") == "two"
    operator.run("remove", "org_acme")
    assert running.unseal("org_acme") is None


def test_a_secret_sealed_for_one_tenant_opens_for_no_other_a123(operator: Operator) -> None:
    for tenant in ("org_acme", "org_globex"):
        operator.run("set", tenant, secret=f"of {tenant}")
    document = json.loads(operator.file.read_text())
    document["credentials"]["org_globex"] = document["credentials"]["org_acme"]
    operator.file.write_text(json.dumps(document))
    with pytest.raises(SealedFileError, match="was not sealed for it"):
        operator.read("org_globex")
    assert operator.read("org_acme") == "of org_acme"


def test_another_key_opens_nothing_and_overwrites_nothing(operator: Operator) -> None:
    operator.run("set", "org_acme", secret="one")
    before = operator.file.read_bytes()
    operator.know("another key of 32 or more characters!")
    refused = operator.run("set", "org_globex", secret="two")
    assert (refused.exit_code, "under this key" in refused.output) == (1, True)
    assert operator.file.read_bytes() == before
    settings = McpGatewaySettings.load(operator.config)
    with pytest.raises(SettingsError, match=r"upstream_credentials\.orbit: .*under this key"):
        require_usable(settings.served_apis, Catalogue.of("Orbit", ()))


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"version":2}', b'{"version":1,"credentials":{"a":"?"}}']
)
def test_a_file_of_something_else_is_refused_by_name(operator: Operator, content: bytes) -> None:
    operator.file.write_bytes(content)
    refused = operator.run("list")
    assert (refused.exit_code, "tenants.json" in refused.output) == (1, True)


def test_of_several_files_one_is_named(operator: Operator) -> None:
    operator.configure(orbit=FILE, other={**FILE, "file": "other.json"})
    assert "--name orbit or --name other" in operator.run("list").output
    assert operator.run("set", "org_acme", "--name", "other", secret="x").exit_code == 0
    assert (operator.folder / "other.json").exists()
    assert "nothing does not have a file" in operator.run("list", "--name", "nothing").output


def test_where_no_file_is_configured_there_is_nothing_to_set(operator: Operator) -> None:
    operator.configure(orbit={"mode": "per_tenant", "variable": "K_{tenant_id}", "place": "bearer"})
    refused = operator.run("set", "org_acme", secret="x")
    assert "no per_tenant credential with a file" in refused.output


@pytest.mark.parametrize("secret", ["\n", "a\tb\n", "pässword\n", b"\xff\xfe\n"])
def test_a_secret_that_no_request_can_contain_is_refused(operator: Operator, secret: Any) -> None:
    assert operator.run("set", "org_acme", secret=secret).exit_code == 2
    assert not operator.file.exists()


def test_a_secret_for_one_of_several_apis_is_chosen_by_its_name(operator: Operator) -> None:
    section = serving("http://127.0.0.1:8400", "http://127.0.0.1:8401/mcp", "")
    del section["manifest"], section["upstream_url"]
    section["apis"] = {
        name: {
            "url": f"https://{name}.example",
            "manifest": f"{name}.yaml",
            "credentials": {"key": FILE | {"file": f"{name}.json"}},
        }
        for name in ("orbit", "billing")
    }
    operator.config = write_config(operator.folder, mcp_gateway=section)
    refused = operator.run("set", "org_acme", secret="x")
    assert "choose with --name orbit.key or --name billing.key" in refused.output
    assert operator.run("set", "org_acme", "--name", "billing.key", secret="x").exit_code == 0
    assert "org_acme" in operator.run("list", "--name", "billing.key").output
    assert "org_acme" not in operator.run("list", "--name", "orbit.key").output
