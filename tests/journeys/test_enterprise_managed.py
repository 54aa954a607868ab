"""The official Python client is connected by its person's organisation, without a page (ID-JAG)."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from mcp.client.auth.extensions.identity_assertion import IdentityAssertionOAuthProvider

from auth_server.db.engine import open_database
from auth_server.records.tenant_domains.store import add_domain, verify_domain
from auth_server.records.tenant_domains.table import TenantDomain
from support.browsers.tour import off_the_loop
from support.in_process.person import Person
from support.processes.deployment import (
    GATEPOST,
    Deployment,
    connect,
    run,
    running_deployment,
)
from support.processes.managed_client import Memory, managed_client
from support.processes.provider import SECRET, Organisation, running_provider
from support.processes.services import POLL_SECONDS, free_port

pytestmark = pytest.mark.whole_machine

APP, TOM, SUBJECT = "claude-for-work", "tom@acme.example", "okta-tom"


@dataclass(frozen=True)
class Place:
    """Everything running, with Acme's own provider beside it, and Tom, who is of Acme alone."""

    deployment: Deployment
    acme: Organisation

    def tenants(self, *words: str) -> str:
        """Run a command as an operator."""
        config = self.deployment.folder / "gatepost.yaml"
        return run(*GATEPOST, "auth-server", "tenants", *words, "--config", config)


async def give_domain(url: str) -> None:
    """Make acme.example a verified domain of Acme."""
    now, database = datetime.now(UTC), open_database(url)
    async with database.writing() as db, db.begin():
        row = TenantDomain(tenant_id="org_acme", domain="acme.example", token="1", claimed_at=now)
        await add_domain(db, row)
        at = now + timedelta(days=1)
        await verify_domain(db, "org_acme", "acme.example", check_at=at, now=now)
    await database.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, seeded_sqlite: Path) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("managed")
    shutil.copy(seeded_sqlite, folder / "gatepost.db")
    off_the_loop(give_domain(f"sqlite+aiosqlite:///{folder}/gatepost.db"))
    acme = Organisation(f"http://127.0.0.1:{free_port()}", "claude")
    (folder / "provider_secret").write_text(SECRET)
    ways = [
        {"kind": "local"},
        {
            "kind": "oidc",
            "name": "acme-id",
            "title": "Acme ID",
            "issuer": acme.issuer,
            "client_id": "gatepost",
            "client_secret": {"file": "provider_secret"},
            "customer": True,
        },
    ]
    with running_deployment(folder, "sqlite+aiosqlite:///gatepost.db", sign_in=ways) as deployment:
        setup = {
            "people": [{"subject": SUBJECT, "email": TOM, "name": "Tom", "groups": ["design"]}],
            "apps": [
                {
                    "client_id": "gatepost",
                    "secret": SECRET,
                    "logout_uri": f"{deployment.issuer}/provider-logout/acme-id",
                },
                {
                    "client_id": "claude",
                    "secret": SECRET,
                    "ids_elsewhere": {deployment.issuer: APP},
                },
            ],
        }
        seed = {
            "tenants": [{"id": "org_acme", "name": "Acme", "rate_limit_tier": "pro"}],
            "people": [
                {
                    "id": "usr_tom",
                    "email": TOM,
                    "name": "Tom Okafor",
                    "password": "gatepost-demo",
                    "memberships": [{"tenant": "org_acme"}],
                }
            ],
            "clients": [
                {
                    "client_id": APP,
                    "name": "Claude for Work",
                    "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"],
                    "token_endpoint_auth_method": "client_secret_post",
                    "secret": SECRET,
                }
            ],
        }
        people = folder / "managed.json"
        people.write_text(json.dumps(seed))
        config = folder / "gatepost.yaml"
        run(*GATEPOST, "auth-server", "seed", "--config", config, people)
        with running_provider(acme.issuer, folder, setup):
            made = Place(deployment, acme)
            made.tenants("provider", "org_acme", "acme-id")
            yield made


async def test_an_agent_is_connected_by_the_organisation_and_out_when_its_person_leaves(
    place: Place, bo: Person
) -> None:
    deployment, acme = place.deployment, place.acme
    # Anybody's consent page makes the tools known.
    await connect(deployment, bo)
    place.tenants(
        *("apps", "org_acme", APP, "--ceiling", "design", "@read create_task", ""),
        *("--ceiling", "", "@read", ""),
    )
    memory = Memory()
    async with httpx2.AsyncClient(trust_env=False) as outside:
        id_token = await acme.sign_in(outside, TOM)

        async def assertion(audience: str, resource: str) -> str:
            return await acme.assertion(outside, id_token, audience, resource)

        provider = IdentityAssertionOAuthProvider(
            deployment.resource,
            memory,
            client_id=APP,
            client_secret=SECRET,
            issuer=deployment.issuer,
            assertion_provider=assertion,
            scope="mcp:read mcp:write",
        )
        async with managed_client(deployment.resource, provider) as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            assert {"create_task", "list_tasks"} <= tools and "update_task" not in tools
            task = {"project_id": "prj_website", "title": "By Tom's agent"}
            made = await client.call_tool("create_task", task)
            assert made.structured_content is not None, made
            assert deployment.rows(
                "SELECT org_id, created_by FROM tasks WHERE id = ?", made.structured_content["id"]
            ) == [{"org_id": "org_acme", "created_by": "usr_tom"}]
            assert memory.tokens is not None and memory.tokens.refresh_token is None

        sso = {
            "provider": acme.issuer,
            "provider_client_id": acme.app,
            "provider_client_secret": SECRET,
            "id_token": id_token,
            "client_id": APP,
            "client_secret": SECRET,
        }
        path = deployment.folder / "sso.json"
        path.write_text(json.dumps(sso))
        deployment_options = (deployment.issuer, "--resource", deployment.resource)
        said = run(*GATEPOST, "doctor", *deployment_options, "--sso", path)
        assert "ok     Claude with SSO by its organisation's provider" in said

        left = await acme.change(outside, SUBJECT, left="yes")
        assert left["told"] == 1
        headers = {"authorization": f"Bearer {memory.tokens.access_token}"}
        for _ in range(1000):
            if (await outside.get(deployment.resource, headers=headers)).status_code == 401:
                break
            await asyncio.sleep(POLL_SECONDS)
        else:
            pytest.fail("the gateway still takes the token")
        with pytest.raises(httpx2.HTTPStatusError):
            await acme.assertion(outside, id_token, deployment.issuer, deployment.resource)
