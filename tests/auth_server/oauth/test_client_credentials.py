"""Client credentials: a tenant's program gets the operator's permissions, never a person's."""

from typing import Any

import httpx2
import pytest

from auth_server.maintenance import maintain
from auth_server.records.clients.table import Client
from auth_server.records.people.table import Person
from auth_server.records.tenants.table import Tenant
from support.in_process.auth_server import RESOURCE, AuthServer
from support.in_process.operator import add

SECRET = "a-secret-of-43-characters-0123456789-abcdef"
OTHER_RESOURCE = "http://127.0.0.1:8411/mcp"
ACME = {
    "resource": RESOURCE,
    "tenant": "org_acme",
    "scope": "mcp:write",
    "tools": ["list_tasks", "@write"],
    "data_scope": "team:design",
}


async def manage(server: AuthServer, **members: Any) -> None:
    """Let an operator add the client."""
    client = {
        "client_id": "acme-reports",
        "name": "Acme reports",
        "token_endpoint_auth_method": "client_secret_post",
        "secret": SECRET,
        "ceilings": [ACME],
        **members,
    }
    await add(server, clients=[client])


async def ask(server: AuthServer, **form: str) -> httpx2.Response:
    """Ask for a token."""
    usual = {
        "grant_type": "client_credentials",
        "client_id": "acme-reports",
        "client_secret": SECRET,
    }
    return await server.http.post("/token", data={**usual, **form})


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    """The status and the error."""
    return answer.status_code, answer.json()["error"]


@pytest.mark.both_databases
async def test_a_program_gets_its_ceiling_in_its_tenant_and_is_itself(
    auth_server: AuthServer, read_token: Any
) -> None:
    """RFC 6749 §4.4, RFC 9068 §2.2. A150: `sub` is the client, the tenant is there."""
    await manage(auth_server)

    answer = await ask(auth_server)

    body = answer.json()
    claims = await read_token(auth_server, body["access_token"])
    assert answer.status_code == 200, answer.text
    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    assert (body["expires_in"], body["scope"]) == (600, "mcp:write")
    assert {name: claims[name] for name in claims if name not in {"iat", "exp", "jti"}} == {
        "iss": auth_server.issuer,
        "aud": RESOURCE,
        "sub": "acme-reports",
        "client_id": "acme-reports",
        "scope": "mcp:write",
        "tenant_id": "org_acme",
        "allowed_tools": ["@write", "list_tasks"],
        "data_scope": "team:design",
        "rate_limit_tier": "pro",
        "grant_id": claims["grant_id"],
        "grant_version": 1,
        "env": "live",
    }


@pytest.mark.both_databases
async def test_the_grant_id_is_the_same_each_time_and_another_in_another_tenant(
    auth_server: AuthServer, read_token: Any
) -> None:
    """A revocable permission has one name; a changed ceiling is its next version."""

    async def grant() -> tuple[str, int]:
        claims = await read_token(auth_server, (await ask(auth_server)).json()["access_token"])
        return claims["grant_id"], claims["grant_version"]

    await manage(auth_server)
    first, again = await grant(), await grant()
    await manage(auth_server, ceilings=[{**ACME, "tools": ["list_tasks"]}])
    changed = await grant()
    await manage(auth_server, ceilings=[{**ACME, "tenant": "org_globex"}])
    moved = await grant()

    assert first == again
    assert changed == (first[0], 2)
    assert moved[0] != first[0]
    assert len(first[0]) <= 64


async def test_a_program_may_ask_for_less_and_not_for_more(
    auth_server: AuthServer, read_token: Any
) -> None:
    """RFC 6749 §3.3. A63: the ceiling is the operator's."""
    await manage(auth_server)

    less = await ask(auth_server, scope="mcp:read")
    claims = await read_token(auth_server, less.json()["access_token"])

    assert (less.json()["scope"], claims["scope"]) == ("mcp:read", "mcp:read")
    for scope in ("mcp:admin", "mcp:write mcp:admin", "offline_access", "gatepost:catalogue", '"'):
        assert refusal(await ask(auth_server, scope=scope)) == (400, "invalid_scope")


@pytest.mark.both_databases
async def test_without_a_ceiling_there_is_nothing_a63(auth_server: AuthServer) -> None:
    """A63: an empty ceiling allows nothing."""
    people = {"ceilings": [], "redirect_uris": ["https://app.example/cb"]}
    await manage(auth_server, **people)
    assert refusal(await ask(auth_server)) == (400, "unauthorized_client")

    async with auth_server.opened.database.writing() as db, db.begin():
        client = await db.get(Client, "acme-reports")
        assert client is not None
        client.grant_types = [*client.grant_types, "client_credentials"]
    assert refusal(await ask(auth_server)) == (400, "unauthorized_client")


@pytest.mark.both_databases
async def test_a_removed_ceiling_no_longer_applies(auth_server: AuthServer) -> None:
    """Replacing a client replaces its permissions."""
    await manage(auth_server)
    assert (await ask(auth_server)).status_code == 200

    await manage(auth_server, ceilings=[], redirect_uris=["https://app.example/cb"])

    assert refusal(await ask(auth_server)) == (400, "unauthorized_client")


@pytest.mark.parametrize("method", ["none", "client_secret_post"])
async def test_a_client_that_registered_itself_gets_no_token_of_its_own_a62(
    auth_server: AuthServer, change_row: Any, method: str
) -> None:
    """A62: also when requested at registration, or present in the table."""
    document = {
        "redirect_uris": ["https://app.example/cb"],
        "grant_types": ["authorization_code", "client_credentials"],
        "token_endpoint_auth_method": method,
    }
    body = (await auth_server.http.post("/register", json=document)).json()
    form = {
        "grant_type": "client_credentials",
        "client_id": body["client_id"],
        "client_secret": body.get("client_secret", ""),
    }

    assert body["grant_types"] == ["authorization_code"]
    assert refusal(await auth_server.http.post("/token", data=form)) == (400, "unauthorized_client")
    await change_row(auth_server, Client, body["client_id"], grant_types=["client_credentials"])
    assert refusal(await auth_server.http.post("/token", data=form)) == (400, "unauthorized_client")


async def test_a_managed_public_client_gets_no_token_of_its_own(auth_server: AuthServer) -> None:
    """RFC 6749 §4.4: confidential clients only."""
    form = {"grant_type": "client_credentials", "client_id": "orbit-cli"}

    answer = await auth_server.http.post("/token", data=form)

    assert refusal(answer) == (400, "unauthorized_client")


async def test_the_resource_is_one_of_the_ceilings(table_server: AuthServer) -> None:
    """RFC 8707 §2: a client names one of several resources; a single one is the default."""
    await manage(table_server)
    assert (await ask(table_server)).status_code == 200
    assert (await ask(table_server, resource=RESOURCE)).status_code == 200
    assert refusal(await ask(table_server, resource=OTHER_RESOURCE)) == (400, "invalid_target")
    assert refusal(await ask(table_server, resource="https://x.example")) == (400, "invalid_target")

    other = {**ACME, "resource": OTHER_RESOURCE, "scope": "mcp:read"}
    await manage(table_server, ceilings=[ACME, other])
    assert refusal(await ask(table_server)) == (400, "invalid_target")
    assert (await ask(table_server, resource=OTHER_RESOURCE)).json()["scope"] == "mcp:read"

    await manage(table_server, ceilings=[{**ACME, "resource": "https://gone.example/mcp"}])
    assert refusal(await ask(table_server)) == (400, "invalid_target")


async def test_a_program_of_a_disabled_tenant_or_of_a_disabled_client_gets_nothing(
    auth_server: AuthServer, change_row: Any
) -> None:
    """A102: read again each time."""
    await manage(auth_server)
    await change_row(auth_server, Tenant, "org_acme", disabled_at=auth_server.clock())
    assert refusal(await ask(auth_server)) == (400, "unauthorized_client")

    await change_row(auth_server, Tenant, "org_acme", disabled_at=None)
    await change_row(auth_server, Client, "acme-reports", disabled_at=auth_server.clock())
    assert refusal(await ask(auth_server)) == (401, "invalid_client")


async def test_a_program_never_gets_a_persons_name_a150(auth_server: AuthServer) -> None:
    """A150: a client whose id is a person's, even a disabled one's (RFC 9068 §5)."""
    await manage(auth_server)
    async with auth_server.opened.database.writing() as db, db.begin():
        now = auth_server.clock()
        db.add(
            Person(
                person_id="acme-reports",
                email="x@acme.example",
                name="X",
                created_at=now,
                disabled_at=now,
            )
        )

    assert refusal(await ask(auth_server)) == (400, "unauthorized_client")


async def test_a_service_client_cannot_ask_people(auth_server: AuthServer) -> None:
    """It has no redirect URI, and no grant type for it."""
    await manage(auth_server)

    answer = await auth_server.http.get(
        "/authorize",
        params={
            "client_id": "acme-reports",
            "response_type": "code",
            "redirect_uri": "https://app.example/cb",
        },
    )

    assert answer.status_code == 400
    assert "location" not in answer.headers
    for grant_type, name in [("authorization_code", "code"), ("refresh_token", "refresh_token")]:
        answer = await ask(auth_server, grant_type=grant_type, **{name: "x"})
        assert refusal(answer) == (400, "unauthorized_client")


async def test_a_tenants_rules_hold_for_its_programs_too(
    auth_server: AuthServer, read_token: Any, change_row: Any
) -> None:
    """The tenant narrows an operator's permission to reading, or refuses it."""
    await maintain(auth_server.opened)
    await manage(auth_server)

    await change_row(auth_server, Tenant, "org_acme", read_only=True)
    claims = await read_token(auth_server, (await ask(auth_server)).json()["access_token"])
    assert (claims["allowed_tools"], claims["scope"]) == (["list_tasks"], "mcp:read")
    await change_row(auth_server, Tenant, "org_acme", allowed_clients=["claude.ai"])

    assert refusal(await ask(auth_server)) == (400, "unauthorized_client")
