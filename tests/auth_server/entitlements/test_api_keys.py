"""API keys: only the gateway of a resource exchanges a key for a token."""

import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlmodel import select
from structlog.testing import capture_logs

from auth_server.entitlements.api_key import end_api_key, name_api_key
from auth_server.maintenance import maintain
from auth_server.outbound.guarded_fetch import Fetched
from auth_server.records.api_keys.table import StoredApiKey
from auth_server.records.audit.table import AuditEntry
from auth_server.records.people.table import Person
from auth_server.records.tenants.table import Membership, Tenant
from auth_server.seed import SeedError
from auth_server.settings import ResourceSettings
from auth_server.tenancy.change_membership import remove_membership, set_membership
from gatepost.api_keys import ApiKey, make_api_key
from gatepost.data_scope import parse_data_scope
from support.in_process.api_keys import (
    EXCHANGE,
    GATEWAY,
    KEY_TYPE,
    OTHER_GATEWAY,
    OTHER_RESOURCE,
    TOKEN_TYPE,
    exchange,
    make_key,
)
from support.in_process.assertions import KeyPair, jwks, signed_by, statement
from support.in_process.auth_server import RESOURCE, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.operator import add

DEAD = (400, "invalid_grant")


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    """The status and the error."""
    return answer.status_code, answer.json()["error"]


async def stored(server: AuthServer, key: ApiKey) -> StoredApiKey:
    """The key's row as it is now."""
    async with server.opened.database.reading() as db:
        row = await db.get(StoredApiKey, name_api_key(key))
    assert row is not None
    return row


@pytest.mark.both_databases
async def test_a_gateway_gets_a_token_with_the_keys_permissions(
    auth_server: AuthServer, read_token: Any
) -> None:
    """RFC 8693 §2.2.1; the gateway is known by the keys at its own origin."""
    key = await make_key(auth_server)

    answer = await exchange(auth_server, key.text)

    body = answer.json()
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert {name: body[name] for name in body if name != "access_token"} == {
        "issued_token_type": TOKEN_TYPE,
        "token_type": "Bearer",
        "expires_in": 600,
        "scope": "mcp:write",
    }
    claims = await read_token(auth_server, body["access_token"])
    assert claims["exp"] - claims["iat"] == 600
    assert claims["jti"].startswith(f"{name_api_key(key)}.")
    assert {name: claims[name] for name in claims if name not in {"iat", "exp", "jti"}} == {
        "iss": auth_server.issuer,
        "aud": RESOURCE,
        "sub": "usr_ada",
        "client_id": RESOURCE,
        "scope": "mcp:write",
        "tenant_id": "org_acme",
        "allowed_tools": ["create_task", "list_tasks"],
        "data_scope": "team:design team:engineering",
        "rate_limit_tier": "pro",
        "grant_id": name_api_key(key),
        "grant_version": 1,
        "env": "live",
    }


async def test_a_test_key_makes_a_test_token(auth_server: AuthServer, read_token: Any) -> None:
    """A128: bound to its environment, in the token too."""
    key = await make_key(auth_server, env="test")

    answer = await exchange(auth_server, key.text)

    claims = await read_token(auth_server, answer.json()["access_token"])
    assert (key.text[:9], claims["env"]) == ("mcp_test_", "test")


async def test_a_key_narrows_the_data_and_the_gateway_may_narrow_the_scope(
    auth_server: AuthServer, read_token: Any
) -> None:
    """The key's data within the member's; RFC 8693 §2.1 scope."""
    key = await make_key(auth_server, data_scope="team:design")

    answer = await exchange(auth_server, key.text, scope="mcp:read")
    wider = await exchange(auth_server, key.text, scope="mcp:admin")

    claims = await read_token(auth_server, answer.json()["access_token"])
    assert (claims["data_scope"], claims["scope"]) == ("team:design", "mcp:read")
    assert refusal(wider) == (400, "invalid_scope")


def mutants(key: str) -> list[str]:
    """Damaged and guessed keys."""
    letter = next(place for place in range(9, len(key)) if key[place].isalpha())
    return [
        key[:-1],
        key[:32],
        key + "0",
        key[1:],
        key.swapcase(),
        key[:letter] + key[letter].swapcase() + key[letter + 1 :],
        key.replace("live", "test"),
        key.replace("mcp_live_", ""),
        f" {key}",
        f"{key}\n",
        key[:-6] + "000000",
        make_api_key("live", b"x" * 32).text,
        "mcp_live_",
        "é",
        "x" * 50_000,
    ]


async def test_a_slightly_wrong_key_is_refused(table_server: AuthServer) -> None:
    """A127 (a truncated token was accepted elsewhere, CVE-2026-27840), A93: one answer for all."""
    key = await make_key(table_server, seed=15)
    answers = [await exchange(table_server, text) for text in mutants(key.text)]

    assert {refusal(answer) for answer in answers} == {DEAD}
    assert len({answer.content for answer in answers}) == 1
    assert (await exchange(table_server, key.text)).status_code == 200


async def test_a_revoked_an_expired_and_an_unknown_key_sound_the_same(
    auth_server: AuthServer,
) -> None:
    """A128, A93: nobody learns which keys there are."""
    revoked = await make_key(auth_server, seed=2)
    expires = auth_server.clock() + timedelta(hours=1)
    expired = await make_key(auth_server, seed=3, expires_at=expires.isoformat())
    assert (await exchange(auth_server, revoked.text)).status_code == 200
    async with auth_server.opened.database.writing() as db, db.begin():
        lifetime, now = timedelta(minutes=10), auth_server.clock()
        assert await end_api_key(db, name_api_key(revoked), lifetime=lifetime, now=now)
        assert not await end_api_key(db, name_api_key(revoked), lifetime=lifetime, now=now)
    auth_server.clock.advance(hours=1)

    answers = [
        await exchange(auth_server, revoked.text),
        await exchange(auth_server, expired.text),
        await exchange(auth_server, make_api_key("live", b"u" * 32).text),
    ]

    assert {refusal(answer) for answer in answers} == {DEAD}
    assert len({answer.content for answer in answers}) == 1


async def test_a_token_ends_with_its_key_at_the_latest(
    auth_server: AuthServer, read_token: Any
) -> None:
    """`expires_in` is the smaller of ten minutes and the key's remaining lifetime."""
    expires = auth_server.clock() + timedelta(minutes=13)
    key = await make_key(auth_server, expires_at=expires.isoformat())

    async def lifetimes() -> tuple[int, int]:
        body = (await exchange(auth_server, key.text)).json()
        claims = await read_token(auth_server, body["access_token"])
        assert claims["exp"] <= expires.timestamp()
        return body["expires_in"], claims["exp"] - claims["iat"]

    assert await lifetimes() == (600, 600)
    auth_server.clock.advance(minutes=9)
    assert await lifetimes() == (240, 240)
    auth_server.clock.advance(minutes=3, seconds=59.5)
    assert refusal(await exchange(auth_server, key.text)) == DEAD


@pytest.mark.parametrize(
    ("table", "row", "changes"),
    [
        (Person, "usr_ada", {"disabled_at": ...}),
        (Tenant, "org_acme", {"disabled_at": ...}),
        (Membership, ("usr_ada", "org_acme"), {}),
        (Membership, ("usr_ada", "org_acme"), {"data_scope": "team:sales"}),
    ],
    ids=["person disabled", "tenant disabled", "no longer a member", "no data in common"],
)
async def test_a_key_follows_the_current_state_of_its_person(
    auth_server: AuthServer, change_row: Any, table: type, row: object, changes: dict[str, Any]
) -> None:
    """A102, A128: read again at each exchange."""
    key = await make_key(auth_server, data_scope="team:design")
    assert (await exchange(auth_server, key.text)).status_code == 200

    now = auth_server.clock()
    await change_row(
        auth_server, table, row, **{k: now if v is ... else v for k, v in changes.items()}
    )

    assert refusal(await exchange(auth_server, key.text)) == DEAD


async def test_a_shrunk_membership_shrinks_the_next_token(
    auth_server: AuthServer, change_row: Any, read_token: Any
) -> None:
    """A102."""
    key = await make_key(auth_server)
    await change_row(
        auth_server, Membership, ("usr_ada", "org_acme"), data_scope="team:design region:eu"
    )

    body = (await exchange(auth_server, key.text)).json()

    claims = await read_token(auth_server, body["access_token"])
    assert claims["data_scope"] == "region:eu team:design"


async def test_a_key_is_valid_only_at_its_own_resource_a109(table_server: AuthServer) -> None:
    """A109, A128: to another gateway it does not exist."""
    key = await make_key(table_server, seed=9)

    elsewhere = await exchange(table_server, key.text, signer=OTHER_GATEWAY, gateway=OTHER_RESOURCE)
    forged = await exchange(table_server, key.text, signer=OTHER_GATEWAY)
    unknown = await exchange(table_server, make_api_key("live", b"v" * 32).text)

    assert refusal(elsewhere) == DEAD
    assert elsewhere.content == unknown.content
    assert refusal(forged) == (401, "invalid_client")


async def test_wrong_keys_shown_to_a_gateway_keep_it_from_no_right_one_a128(
    database_url: str, clock: Clock
) -> None:
    """Wrong keys that strangers send to a gateway do not count as its own guesses."""
    async with running_auth_server(database_url, clock, wrong_guesses_per_minute=3) as server:
        key = await make_key(server)
        wrong = make_api_key("live", bytes(32)).text
        refused = [await exchange(server, wrong) for _ in range(40)]
        answer = await exchange(server, key.text)

    assert {refusal(one) for one in refused} == {DEAD}
    assert answer.status_code == 200


async def test_only_a_gateway_exchanges_keys(table_server: AuthServer) -> None:
    """A128: not a public, a managed or a self-registered client."""
    key = await make_key(table_server, seed=10)
    own = KeyPair(kid="own")
    ceiling = {
        "resource": RESOURCE,
        "tenant": "org_acme",
        "scope": "mcp:read",
        "tools": ["@read"],
    }
    client = {
        "client_id": "acme-reports",
        "name": "Acme reports",
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": jwks(own),
        "ceilings": [ceiling],
    }
    await add(table_server, clients=[client])
    form = {"grant_type": EXCHANGE, "subject_token": key.text, "subject_token_type": KEY_TYPE}

    public = await table_server.http.post("/token", data={**form, "client_id": "orbit-cli"})
    nobody = await table_server.http.post("/token", data={**form, "client_id": RESOURCE})
    managed = await exchange(table_server, key.text, signer=own, gateway="acme-reports")

    assert refusal(public) == (400, "unauthorized_client")
    assert refusal(nobody) == (401, "invalid_client")
    assert refusal(managed) == (400, "unauthorized_client")


async def test_a_gateway_is_nothing_but_a_gateway(table_server: AuthServer) -> None:
    """Its client id can't request authorization and has no tokens."""
    answers = [
        await exchange(table_server, "x", grant_type="client_credentials"),
        await exchange(table_server, "x", grant_type="authorization_code", code="x"),
        await exchange(table_server, "x", grant_type="refresh_token", refresh_token="x"),
    ]
    page = await table_server.http.get(
        "/authorize", params={"client_id": RESOURCE, "response_type": "code"}
    )

    assert {refusal(answer) for answer in answers} == {(400, "unauthorized_client")}
    assert page.status_code == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"subject_token": ""}, "invalid_request"),
        ({"subject_token_type": ""}, "invalid_request"),
        ({"subject_token_type": TOKEN_TYPE}, "invalid_request"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:jwt"}, "invalid_request"),
        ({"actor_token": "x", "actor_token_type": TOKEN_TYPE}, "invalid_request"),
        ({"resource": OTHER_RESOURCE}, "invalid_target"),
        ({"resource": "https://x.example"}, "invalid_target"),
        ({"audience": OTHER_RESOURCE}, "invalid_target"),
        ({"scope": '"'}, "invalid_scope"),
        ({"requested_token_type": TOKEN_TYPE, "resource": RESOURCE, "audience": RESOURCE}, None),
    ],
    ids=str,
)
async def test_an_exchange_with_wrong_parameters_gets_its_error(
    table_server: AuthServer, changes: dict[str, Any], error: str | None
) -> None:
    """RFC 8693 §2.1, RFC 8707 §2."""
    key = await make_key(table_server, seed=12)

    answer = await exchange(table_server, key.text, **changes)

    assert answer.json().get("error") == error


@pytest.mark.both_databases
async def test_the_last_use_is_noted_once_a_minute(auth_server: AuthServer) -> None:
    """This shows unused keys without a write for every exchange."""
    key = await make_key(auth_server)
    assert (await stored(auth_server, key)).last_used_at is None

    seen = []
    for seconds in (0, 30, 29, 2):
        auth_server.clock.advance(seconds=seconds)
        assert (await exchange(auth_server, key.text)).status_code == 200
        used = (await stored(auth_server, key)).last_used_at
        assert used is not None
        seen.append(used)

    assert seen[0] == seen[1] == seen[2]
    assert seen[3] == auth_server.clock()


@pytest.mark.both_databases
async def test_a_key_is_stored_as_a_hash_and_its_refusals_are_in_the_audit_log(
    auth_server: AuthServer,
) -> None:
    """A128: leaked tables are useless to attackers, and uses of dead keys are logged."""
    key = await make_key(auth_server)
    with capture_logs() as events:
        await exchange(auth_server, key.text)
        async with auth_server.opened.database.writing() as db, db.begin():
            await end_api_key(
                db, name_api_key(key), lifetime=timedelta(minutes=10), now=auth_server.clock()
            )
        await exchange(auth_server, key.text)
        await exchange(auth_server, key.text[:-1])

    async with auth_server.opened.database.reading() as db:
        entries = (await db.execute(select(AuditEntry))).scalars().all()
        rows = [str(row) for row in (await db.execute(select(StoredApiKey))).all()]
    of_key = [entry for entry in entries if entry.grant_id == name_api_key(key)]
    assert [entry.event for entry in of_key] == [
        "api_key.created",
        "api_key.revoked",
        "api_key.exchange_refused",
    ]
    assert of_key[-1].client_id == RESOURCE
    assert json.loads(of_key[-1].detail) == {"reason": "revoked"}
    body = key.text[9:]
    kept = [*rows, *(entry.detail for entry in entries), *map(str, events)]
    assert len(events) >= 3
    assert not [text for text in kept if body[:-1] in text]


@pytest.mark.parametrize("inline", [True, False])
async def test_an_operator_can_say_where_a_gateways_keys_are(
    database_url: str, clock: Clock, inline: bool
) -> None:
    """`gateway_jwks` in the settings, or `gateway_jwks_url` on an inner network."""
    place = "http://gateway.internal:8401/keys"
    keys: dict[str, Any] = (
        {"gateway_jwks": jwks(GATEWAY)} if inline else {"gateway_jwks_url": place}
    )
    resources = (ResourceSettings(resource=RESOURCE, **keys),)
    async with running_auth_server(database_url, clock, resources=resources) as server:
        server.web[place] = Fetched(json.dumps(jwks(GATEWAY)).encode(), "application/json", "")
        key = await make_key(server)
        answer = await exchange(server, key.text)

    assert answer.status_code == 200, answer.text
    assert server.fetched == ([] if inline else [place])


@pytest.mark.parametrize(
    "keys", [{}, {"keys": []}, {"keys": [{"kty": "oct", "k": "AAAA"}]}, {"keys": [{"d": "x"}]}]
)
def test_a_gateways_keys_that_could_verify_nothing_stop_the_start(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="gateway_jwks"):
        ResourceSettings(resource=RESOURCE, gateway_jwks=keys)


async def test_a_gateway_whose_keys_cannot_be_read_is_told_to_try_again(
    auth_server: AuthServer,
) -> None:
    """An outage of the key host says nothing about the assertion."""
    key = await make_key(auth_server)
    assertion = GATEWAY.sign(statement(RESOURCE, auth_server.issuer, auth_server.clock()))
    form = {"grant_type": EXCHANGE, "subject_token": key.text, "subject_token_type": KEY_TYPE}

    answer = await auth_server.http.post("/token", data={**form, **signed_by(assertion)})

    assert refusal(answer) == (503, "temporarily_unavailable")


# --- the tenant's policy --------------------------------------------------------------------------


async def test_where_agents_may_only_read_a_key_only_reads(
    auth_server: AuthServer, read_token: Any, change_row: Any
) -> None:
    """The same for toolsets: `@write` leaves no tools, so a write-only key is refused."""
    await maintain(auth_server.opened)
    key = await make_key(auth_server, tools=["list_tasks", "@write"])
    changing = await make_key(auth_server, seed=2, tools=["@write", "create_task"])
    await change_row(auth_server, Tenant, "org_acme", read_only=True)

    token = (await exchange(auth_server, key.text)).json()["access_token"]

    claims = await read_token(auth_server, token)
    assert (claims["allowed_tools"], claims["scope"]) == (["list_tasks"], "mcp:read")
    assert refusal(await exchange(auth_server, changing.text)) == DEAD


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        ({"allowed_clients": []}, False),
        ({"allowed_clients": ["claude.ai"]}, True),
        ({"api_keys": False}, False),
        ({"allowed_clients": [], "api_keys": True}, True),
    ],
)
async def test_where_a_tenant_turns_keys_off_none_works_and_none_is_made(
    sqlite_server: AuthServer, change_row: Any, rules: dict[str, Any], allowed: bool
) -> None:
    """A153: a key is no app, so the list of apps alone says nothing about it, unless it is empty."""
    key = await make_key(sqlite_server)
    await change_row(sqlite_server, Tenant, "org_acme", **rules)

    used = (await exchange(sqlite_server, key.text)).status_code
    made = True
    try:
        await make_key(sqlite_server, seed=2)
    except SeedError as refusal:
        made = "does not allow API keys" not in str(refusal)

    assert (used == 200, made) == (allowed, allowed)


async def test_a_key_for_a_read_only_tenant_is_refused_without_a_catalogue(
    auth_server: AuthServer, change_row: Any
) -> None:
    """Before the gateway's first catalogue, access is refused."""
    key = await make_key(auth_server)
    await change_row(auth_server, Tenant, "org_acme", read_only=True)

    assert refusal(await exchange(auth_server, key.text)) == DEAD


async def test_no_key_outlives_the_longest_grant_of_its_tenant(
    auth_server: AuthServer, change_row: Any
) -> None:
    key = await make_key(auth_server)
    await change_row(auth_server, Tenant, "org_acme", longest_grant=3600)

    auth_server.clock.advance(minutes=55)
    last = await exchange(auth_server, key.text)
    auth_server.clock.advance(minutes=5)

    assert (last.status_code, last.json()["expires_in"]) == (200, 300)
    assert refusal(await exchange(auth_server, key.text)) == DEAD


@pytest.mark.both_databases
async def test_a_removed_members_keys_end_with_the_membership_a53(auth_server: AuthServer) -> None:
    """A person who returns creates new keys."""
    key = await make_key(auth_server)
    membership: dict[str, Any] = {
        "lifetime": timedelta(minutes=10),
        "now": auth_server.clock(),
        "by": None,
    }
    async with auth_server.opened.transaction() as db:
        await remove_membership(db, "usr_ada", "org_acme", **membership)
    assert refusal(await exchange(auth_server, key.text)) == DEAD
    async with auth_server.opened.transaction() as db:
        anything = parse_data_scope("")
        await set_membership(
            db, "usr_ada", "org_acme", role="member", data_scope=anything, **membership
        )

    assert refusal(await exchange(auth_server, key.text)) == DEAD
    assert (await stored(auth_server, key)).revoked_at is not None
