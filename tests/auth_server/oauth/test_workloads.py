"""Workloads of clouds and CI systems act as a service client with their platform's JWT (MCP SEP-1933)."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.services.workloads import end_workload
from auth_server.outbound.guarded_fetch import Fetched, FetchRefused
from auth_server.records.audit.store import list_entries_after
from auth_server.records.clients.table import Client
from support.in_process.assertions import KeyPair, jwks, signed_by, statement
from support.in_process.auth_server import ISSUER, RESOURCE, AuthServer
from support.in_process.operator import add
from support.in_process.workloads import (
    CLIENT,
    JWT_BEARER,
    KEY,
    KEYS,
    PLATFORM,
    SECRET,
    SUBJECT,
    assertion,
    exchange,
    service_client,
    trust,
)

OTHER_KEY = KeyPair("ES256", kid="platform-1")
ChangeRow = Callable[..., Awaitable[None]]
ReadToken = Callable[[AuthServer, str], Awaitable[dict[str, Any]]]


async def end(server: AuthServer, workload_id: str) -> None:
    """Let the workload no longer act as the client."""
    async with server.opened.database.writing() as db, db.begin():
        lifetime = server.settings.longest_token_lifetime
        await end_workload(
            db, COMMAND_LINE, CLIENT, workload_id, lifetime=lifetime, now=server.clock()
        )


async def is_active(server: AuthServer, token: str) -> bool:
    """Ask the server about a token, as a client that may."""
    asker = {"client_id": "asker", "name": "Asker", "secret": SECRET, "introspects": True}
    await add(server, clients=[{**asker, "token_endpoint_auth_method": "client_secret_post"}])
    asked = {"client_id": "asker", "client_secret": SECRET, "token": token}
    active: bool = (await server.http.post("/introspect", data=asked)).json()["active"]
    return active


def error_of(answer: httpx2.Response) -> tuple[int, str]:
    """Read a refusal."""
    return answer.status_code, answer.json().get("error", "none")


@pytest.mark.both_databases
async def test_a_job_gets_tokens_of_its_service_client_without_a_secret(
    auth_server: AuthServer, read_token: ReadToken
) -> None:
    """SEP-1933: the assertion is all that is sent, besides the resource."""
    await trust(auth_server)

    answer = await exchange(auth_server, assertion(auth_server), resource=RESOURCE)

    assert answer.status_code == 200, answer.text
    assert "refresh_token" not in answer.json()
    claims = await read_token(auth_server, answer.json()["access_token"])
    assert (claims["sub"], claims["client_id"]) == (CLIENT, CLIENT)
    assert (claims["tenant_id"], claims["scope"]) == ("org_acme", "mcp:read")


async def test_the_conformance_suites_workload_is_answered_as_its_scenario_expects(
    sqlite_server: AuthServer,
) -> None:
    """`auth/wif-jwt-bearer`: its issuer, subject and JWTs, from the server's side."""
    await trust(sqlite_server)
    now = int(sqlite_server.clock().timestamp())
    wrong = assertion(sqlite_server, aud="https://wrong.example")
    expired = assertion(sqlite_server, iat=now - 300, exp=now - 60)
    valid = assertion(sqlite_server)

    assert error_of(await exchange(sqlite_server, wrong)) == (400, "invalid_grant")
    assert error_of(await exchange(sqlite_server, expired)) == (400, "invalid_grant")
    rejected = await exchange(sqlite_server, valid, scope="wif.rejected")
    assert error_of(rejected) == (400, "invalid_scope")
    assert (await exchange(sqlite_server, valid, client_id=CLIENT)).status_code == 200
    document = (await sqlite_server.http.get("/.well-known/oauth-authorization-server")).json()
    assert JWT_BEARER in document["grant_types_supported"]
    assert "none" in document["token_endpoint_auth_methods_supported"]


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://idp.evil.example"},
        {"iss": f"{PLATFORM}/"},
        {"iss": None},
        {"iss": ["a"]},
        {"sub": "another-workload"},
        {"sub": None},
        {"sub": 7},
        {"aud": [ISSUER, "https://elsewhere.example"]},
        {"aud": None},
        {"exp": None},
        {"exp": "soon"},
        {"exp": 1e11},
        {"nbf": 1e11},
        {"iat": 1e11},
    ],
    ids=str,
)
async def test_an_assertion_is_refused_for_each_claim_that_is_not_the_workloads_a209(
    sqlite_server: AuthServer, changes: dict[str, Any]
) -> None:
    """RFC 7523 §3: issuer, subject, audience and times, exactly as the operator said."""
    await trust(sqlite_server)

    answer = await exchange(sqlite_server, assertion(sqlite_server, **changes))

    assert error_of(answer) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "forge",
    [
        lambda server: assertion(server, OTHER_KEY),
        lambda server: assertion(server, KeyPair("RS256", kid="platform-1")),
        lambda server: assertion(server, KeyPair("RS256", kid="unknown")),
        lambda server: f"{assertion(server).rpartition('.')[0]}.",
        lambda server: assertion(server)[:-9] + "AAAAAAAAA",
    ],
    ids=["another algorithm", "another key", "an unknown kid", "no signature", "a changed one"],
)
async def test_a_forged_assertion_is_refused_a210(
    sqlite_server: AuthServer, forge: Callable[[AuthServer], str]
) -> None:
    """RFC 8725 §3.1: the key of the issuer decides, not the header."""
    await trust(sqlite_server)

    assert error_of(await exchange(sqlite_server, forge(sqlite_server))) == (400, "invalid_grant")


@pytest.mark.parametrize("kind", ["at+jwt", "logout+jwt", "dpop+jwt"])
async def test_another_token_of_the_issuer_is_no_workload_a210(
    sqlite_server: AuthServer, kind: str
) -> None:
    """RFC 8725 §3.11: an access token of the platform must not act as a client here."""
    await trust(sqlite_server)
    now = int(sqlite_server.clock().timestamp())
    claims = {"iss": PLATFORM, "sub": SUBJECT, "aud": ISSUER, "exp": now + 60}

    answer = await exchange(sqlite_server, KEY.sign(claims, typ=kind))

    assert error_of(answer) == (400, "invalid_grant")


async def test_all_conditions_must_hold_exactly_a211(sqlite_server: AuthServer) -> None:
    """A job of another branch, or of a repository whose name only begins alike, is nobody here."""
    await trust(
        sqlite_server, subject="", claims={"repository": "acme/reports", "protected": "true"}
    )

    right = assertion(sqlite_server, sub="any", protected=True)
    fork = assertion(sqlite_server, repository="acme/reports-fork", protected=True)
    branch = assertion(sqlite_server, protected=False)
    listed = assertion(sqlite_server, repository=["acme/reports"], protected=True)

    assert (await exchange(sqlite_server, right)).status_code == 200
    for other in (fork, branch, listed, assertion(sqlite_server)):
        assert error_of(await exchange(sqlite_server, other)) == (400, "invalid_grant")


async def test_a_workload_of_two_clients_must_name_one_a211(sqlite_server: AuthServer) -> None:
    """And it can name no client that does not trust it."""
    await trust(sqlite_server)
    await trust(sqlite_server, "acme-backup")
    text = assertion(sqlite_server)

    assert error_of(await exchange(sqlite_server, text)) == (400, "invalid_grant")
    assert (await exchange(sqlite_server, text, client_id="acme-backup")).status_code == 200
    assert error_of(await exchange(sqlite_server, text, client_id="orbit-cli")) == (
        400,
        "invalid_grant",
    )


async def test_a_token_ends_no_later_than_the_assertion_a212(sqlite_server: AuthServer) -> None:
    """Whoever stole an assertion keeps nothing beyond its own life."""
    await trust(sqlite_server)
    now = int(sqlite_server.clock().timestamp())

    answer = await exchange(sqlite_server, assertion(sqlite_server, exp=now + 40))

    assert answer.json()["expires_in"] in {39, 40}


async def test_a_workload_that_an_operator_ended_gets_nothing_more_a212(
    sqlite_server: AuthServer,
) -> None:
    """And the tokens of its client are outdated."""
    workload_id = await trust(sqlite_server)
    text = assertion(sqlite_server)
    token = (await exchange(sqlite_server, text)).json()["access_token"]
    assert await is_active(sqlite_server, token)
    await end(sqlite_server, workload_id)

    assert error_of(await exchange(sqlite_server, text)) == (400, "invalid_grant")
    assert not await is_active(sqlite_server, token)


async def test_an_outage_of_the_issuer_is_not_a_refusal_a213(sqlite_server: AuthServer) -> None:
    """The job tries again; and a stranger's issuer is never asked for keys."""
    await trust(sqlite_server)
    sqlite_server.web[KEYS] = FetchRefused("no answer")
    stranger = assertion(sqlite_server, iss="https://idp.evil.example")

    answer = await exchange(sqlite_server, assertion(sqlite_server))
    await exchange(sqlite_server, stranger)

    assert error_of(answer) == (503, "temporarily_unavailable")
    assert answer.headers["retry-after"]
    assert {url for url in sqlite_server.fetched if "evil" in url} == set()


async def test_a_client_that_is_disabled_while_its_keys_are_read_gets_nothing_a291(
    sqlite_server: AuthServer, change_row: ChangeRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client with keys at an address of its own chooses how long that takes."""
    signing = {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": KEYS}
    described = {name: value for name, value in service_client().items() if name != "secret"}
    await add(sqlite_server, clients=[{**described, **signing}])
    read = sqlite_server.opened.key_sets.read
    sqlite_server.web[KEYS] = Fetched(json.dumps(jwks(KEY)).encode(), "application/json", "")

    async def ask() -> httpx2.Response:
        signed = KEY.sign(statement(CLIENT, ISSUER, sqlite_server.clock()))
        form = {"grant_type": "client_credentials", **signed_by(signed)}
        return await sqlite_server.http.post("/token", data=form)

    async def read_slowly(*asked: Any, **named: Any) -> Any:
        keys = await read(*asked, **named)
        await change_row(sqlite_server, Client, CLIENT, disabled_at=sqlite_server.clock())
        return keys

    assert (await ask()).status_code == 200
    monkeypatch.setattr(sqlite_server.opened.key_sets, "read", read_slowly)

    assert error_of(await ask()) == (401, "invalid_client")


async def test_credentials_beside_an_assertion_must_be_right_and_its_clients_own_a290(
    sqlite_server: AuthServer,
) -> None:
    """RFC 7521 §4.1: whoever sends a wrong secret is refused, whatever else they have."""
    await trust(sqlite_server)
    other = {"client_id": "acme-backup", "name": "Backup", "secret": SECRET, "introspects": True}
    await add(
        sqlite_server, clients=[{**other, "token_endpoint_auth_method": "client_secret_basic"}]
    )
    text, mine = assertion(sqlite_server), {"client_id": CLIENT}
    form = {"grant_type": JWT_BEARER, "assertion": text}

    right = await exchange(sqlite_server, text, **mine, client_secret=SECRET)
    wrong = await exchange(sqlite_server, text, **mine, client_secret="a-guess")
    foreign = await sqlite_server.http.post("/token", data=form, auth=("acme-backup", SECRET))

    assert right.status_code == 200
    assert error_of(wrong) == (401, "invalid_client")
    assert error_of(foreign) == (400, "invalid_grant")


@pytest.mark.parametrize("meanwhile", ["the trust ends", "the assertion expires"])
async def test_what_ends_while_the_keys_are_read_counts_a291(
    sqlite_server: AuthServer, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    """An issuer may take seconds to answer, and chooses when."""
    workload_id = await trust(sqlite_server)
    text = assertion(sqlite_server)
    read = sqlite_server.opened.key_sets.read

    async def read_slowly(*asked: Any, **named: Any) -> Any:
        keys = await read(*asked, **named)
        if meanwhile == "the trust ends":
            await end(sqlite_server, workload_id)
        sqlite_server.clock.advance(seconds=2 if meanwhile == "the trust ends" else 299.5)
        return keys

    monkeypatch.setattr(sqlite_server.opened.key_sets, "read", read_slowly)

    assert error_of(await exchange(sqlite_server, text)) == (400, "invalid_grant")


async def test_a_client_that_moves_to_another_organisation_leaves_its_workloads_a294(
    sqlite_server: AuthServer,
) -> None:
    """The jobs of the former one must not act there; replaced for the same one, they go on."""
    await trust(sqlite_server)
    client = service_client()
    text = assertion(sqlite_server)

    await add(sqlite_server, clients=[client])
    assert (await exchange(sqlite_server, text)).status_code == 200
    moved = [{**ceiling, "tenant": "org_globex"} for ceiling in client["ceilings"]]
    await add(sqlite_server, clients=[{**client, "ceilings": moved}])

    assert error_of(await exchange(sqlite_server, text)) == (400, "invalid_grant")


async def test_a_seed_file_lifts_no_block_of_a_client_a294(
    sqlite_server: AuthServer, change_row: ChangeRow
) -> None:
    """It may be stored at each start, long after an operator blocked the client."""
    await trust(sqlite_server)
    await change_row(sqlite_server, Client, CLIENT, disabled_at=sqlite_server.clock())

    await add(sqlite_server, clients=[service_client()])

    assert error_of(await exchange(sqlite_server, assertion(sqlite_server))) == (
        400,
        "invalid_grant",
    )


async def test_a_replaced_ceiling_ends_the_tokens_from_before_a294(
    sqlite_server: AuthServer,
) -> None:
    """They may live for a day; storing the same seed file once more ends nothing."""
    await trust(sqlite_server)
    token = (await exchange(sqlite_server, assertion(sqlite_server))).json()["access_token"]
    client = service_client()

    await add(sqlite_server, clients=[client])
    assert await is_active(sqlite_server, token)
    less = [{**ceiling, "tools": ["list_tasks"]} for ceiling in client["ceilings"]]
    await add(sqlite_server, clients=[{**client, "ceilings": less}])

    assert not await is_active(sqlite_server, token)


async def test_a_request_without_an_assertion_is_told_so(sqlite_server: AuthServer) -> None:
    """RFC 6749 §5.2: a missing parameter is not an invalid grant."""
    answer = await sqlite_server.http.post("/token", data={"grant_type": JWT_BEARER})

    assert error_of(answer) == (400, "invalid_request")
    assert "assertion" in answer.json()["error_description"]


async def test_the_audit_trail_tells_which_workload_was_trusted_and_by_whose_keys(
    sqlite_server: AuthServer,
) -> None:
    """Also after it ended, when its row is gone."""
    workload_id = await trust(sqlite_server, subject="", claims={"repository": "acme/reports"})
    await end(sqlite_server, workload_id)

    async with sqlite_server.opened.database.reading() as db:
        entries = await list_entries_after(db, 0, most=100)
    told = [json.loads(one.detail) for one in entries if "workload" in one.event]
    assert len(told) == 2
    for detail in told:
        assert detail["claims"] == ["repository=acme/reports"]
        assert (detail["issuer"], detail["jwks_uri"]) == (PLATFORM, KEYS)


async def test_an_operator_manages_workloads_on_the_page_of_the_client(
    sqlite_server: AuthServer,
) -> None:
    """The console's door; the page shows what is trusted, and a mistake keeps the form."""
    await trust(sqlite_server)
    op = sqlite_server.person("op@orbit.example")
    page = await op.sign_in(await op.open(f"/console/client?client={CLIENT}"))
    given = {
        "issuer": "https://token.actions.githubusercontent.com",
        "jwks_uri": "https://token.actions.githubusercontent.com/.well-known/jwks",
        "subject": "",
        "audience": "",
    }

    refused = await op.press(page, "Add a workload", fill={**given, "claims": ""})
    for claims in ("job", "ref=main\nref=release"):
        wrong = await op.press(refused, "Add a workload", fill={**given, "claims": claims})
        assert "must be written as NAME=VALUE" in wrong.text or "ref comes twice" in wrong.text
    added = await op.press(refused, "Add a workload", fill={**given, "claims": "job=nightly"})
    ended = added.forms["/console/client/workloads/delete"]
    ((_, name, workload_id),) = ended.buttons
    data = [*ended.fields.items(), (name, workload_id)]
    left = await op.send(added, "/console/client/workloads/delete", data)

    assert "name the subject or a claim" in refused.text
    assert "job=nightly" in added.text
    assert SUBJECT in added.text
    assert "job=nightly" not in left.text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"subject": ""}, "name the subject or a claim"),
        ({"jwks_uri": "http://169.254.169.254/keys"}, "must begin with https://"),
        ({"jwks_uri": "https://127.0.0.1/keys"}, "must name a public host"),
    ],
)
async def test_an_operator_is_told_what_a_workload_lacks_a213(
    sqlite_server: AuthServer, changes: dict[str, str], told: str
) -> None:
    """An issuer alone is everybody there, and keys are read from public hosts only."""
    with pytest.raises(Exception, match=told):
        await trust(sqlite_server, **changes)
