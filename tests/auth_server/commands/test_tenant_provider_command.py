"""`gatepost auth-server tenants provider`: the identity provider of a tenant, and its rule."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from auth_server.cli import auth_server as command
from auth_server.db.engine import open_database
from auth_server.records.tenant_domains.store import add_domain, verify_domain
from auth_server.records.tenant_domains.table import TenantDomain
from auth_server.records.tenants.store import lock_tenant
from support.in_process.auth_server import RESOURCE
from support.processes.configuration import issuing, write_config


@pytest.fixture
def config(sqlite_url: str, tmp_path: Path) -> Path:
    """Settings with the providers of two customers, one of which has a verified domain."""
    customers = [
        {
            "kind": "oidc",
            "name": f"{name}-id",
            "title": name,
            "issuer": f"https://id.{name}.example",
            "client_id": "gatepost",
            "customer": True,
        }
        for name in ("acme", "globex")
    ]
    ways = [{"kind": "local"}, *customers]
    section = issuing("http://127.0.0.1:8400", RESOURCE, database_url=sqlite_url, sign_in=ways)

    async def verify() -> None:
        now, database = datetime.now(UTC), open_database(sqlite_url)
        async with database.writing() as db, db.begin():
            row = TenantDomain(
                tenant_id="org_acme", domain="acme.example", token="1", claimed_at=now
            )
            await add_domain(db, row)
            at = now + timedelta(days=1)
            await verify_domain(db, "org_acme", "acme.example", check_at=at, now=now)
        await database.close()

    asyncio.run(verify())
    return write_config(tmp_path, auth_server=section)


def provider(config: Path, *words: str) -> str:
    """Run the command; return what it says, or its refusal."""
    run = CliRunner().invoke(command, ["tenants", "provider", "--config", str(config), *words])
    assert run.exit_code in (0, 1, 2) and "Traceback" not in run.output, run.output
    return run.output.strip()


def test_an_operator_shows_assigns_and_takes_away_a_tenants_provider(config: Path) -> None:
    assert provider(config, "org_acme") == "org_acme  no provider of its own  (acme.example)"
    assigned = "org_acme  acme-id, not required  (acme.example)"
    assert provider(config, "org_acme", "acme-id") == assigned
    assert provider(config, "org_acme") == assigned
    assert "no verified domains" in provider(config, "org_globex", "globex-id")
    assert "is assigned to org_acme" in provider(config, "org_globex", "acme-id")
    assert "no provider of its own" in provider(config, "org_acme", "--none")


def test_an_operator_lifts_the_rule_before_taking_the_provider_away(
    config: Path, sqlite_url: str
) -> None:
    provider(config, "org_acme", "acme-id")

    async def require() -> None:
        database = open_database(sqlite_url)
        async with database.writing() as db, db.begin():
            tenant = await lock_tenant(db, "org_acme")
            assert tenant is not None
            tenant.provider_only_since = datetime.now(UTC)
        await database.close()

    asyncio.run(require())
    assert "acme-id, required for members" in provider(config, "org_acme")
    assert "lift that rule first" in provider(config, "org_acme", "--none")
    assert "acme-id, not required" in provider(config, "org_acme", "--lift-rule")
    assert "no provider of its own" in provider(config, "org_acme", "--none")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("org_nowhere",), "the tenant org_nowhere does not exist"),
        (("org_acme", "local"), "customer: true"),
        (("org_acme", "acme-id", "--none"), "give only one of"),
        (("org_acme", "--none", "--lift-rule"), "give only one of"),
    ],
)
def test_an_impossible_change_is_refused_in_one_line(
    config: Path, words: tuple[str, ...], text: str
) -> None:
    assert text in provider(config, *words)


def test_an_operator_makes_shows_and_revokes_the_token_of_a_directory(config: Path) -> None:
    def directory(*words: str) -> list[str]:
        run = CliRunner().invoke(command, ["tenants", "directory", "--config", str(config), *words])
        assert run.exit_code in (0, 1) and "Traceback" not in run.output, run.output
        return run.output.strip().splitlines()

    assert directory("org_acme", "--create", "Okta") == [
        "Error: token: The organisation has no identity provider of its own."
    ]
    provider(config, "org_acme", "acme-id")
    made = directory("org_acme", "--create", "Okta", "--data", "team:sales")
    assert made[0].startswith("gatepost_scim_") and "won't be able to see it again" in made[1]
    assert made[2].endswith("http://127.0.0.1:8400/scim/v2")
    shown = directory("org_acme")
    assert shown[0] == "acme-id: 0 people, 0 active; 0 groups"
    assert "Okta  last used: never" in shown[1] and made[0] not in "".join(shown)
    token_id = shown[1].split()[0]
    for tenant_id, words in (("org_globex", f"no live token {token_id}"), ("org_none", "exist")):
        assert words in directory(tenant_id, "--revoke", token_id)[0]
    assert len(directory("org_acme", "--revoke", token_id)) == 1
    assert "only one" in directory("org_acme", "--revoke", "x", "--create", "y")[0]
