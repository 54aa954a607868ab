"""Connect an app without the pages, for tests that are about something else."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from auth_server.records.audit.store import record
from auth_server.records.authorization_codes.store import add_code
from auth_server.records.authorization_codes.table import AuthorizationCode
from auth_server.records.grants.store import put_grant
from auth_server.records.grants.table import Grant
from auth_server.secrets import hash_secret, new_secret
from auth_server.tenancy.grant_contents import audit_of
from auth_server.tokens.refresh_token import name_new_family
from support.in_process.auth_server import AuthServer
from support.in_process.oauth_client import OAuthClient

_DATA = {
    ("usr_ada", "org_acme"): "team:design team:engineering",
    ("usr_ada", "org_globex"): "team:sales",
}
"""The data of the memberships that are seeded."""


async def connect_without_pages(
    server: AuthServer,
    client: OAuthClient | None = None,
    *,
    person: str = "usr_ada",
    tenant: str = "org_acme",
) -> dict[str, Any]:
    """Return the tokens of a client that a person connected, Ada for Acme; nobody has signed in.

    The grant and its code are stored as the consent page stores them with what is ticked at first,
    and the client redeems the code at the token endpoint. It costs a quarter of
    `OAuthClient.connect`, which goes through the pages.
    """
    client = client or await server.client()
    opened, now, code = server.opened, server.clock(), new_secret()
    asked = parse_qs(urlsplit(client.authorize_url()).query)
    grant = Grant(
        grant_id=f"grant_{new_secret()}",
        person_id=person,
        client_id=client.client_id,
        tenant_id=tenant,
        resource=client.resource,
        scope="mcp:read mcp:write",
        asked_scope="mcp:read mcp:write",
        tools=["create_task", "list_projects", "list_tasks"],
        data_scope=_DATA.get((person, tenant), ""),
        redirect_host=urlsplit(client.redirect_uri).netloc,
        client_snapshot={"name": "Test client", "source": "dynamic"},
        catalogue_hash="0" * 64,
        created_at=now,
        updated_at=now,
        approved_at=now,
        expires_at=now + timedelta(days=180),
    )
    async with opened.transaction() as db:
        grant = await put_grant(db, grant)
        await record(db, audit_of(grant), now=now)
        await add_code(
            db,
            AuthorizationCode(
                code_hash=hash_secret(code),
                family_id=name_new_family(opened.keys.refresh, code),
                grant_id=grant.grant_id,
                client_id=client.client_id,
                redirect_uri=client.redirect_uri,
                resource=client.resource,
                scope="mcp:read mcp:write",
                code_challenge=asked["code_challenge"][0],
                expires_at=now + opened.settings.code_lifetime,
            ),
        )
    answer = await client.redeem(code)
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens
