"""Tokens that the token endpoint binds to a key of the client, by a DPoP proof (RFC 9449)."""

import asyncio
import base64
import json
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import jwt
import pytest
from sqlmodel import select

from auth_server.maintenance import maintain
from auth_server.records.client_assertions.table import UsedAssertion
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.customers_place import running_place
from support.in_process.dpop import TOKEN_URL, DpopKey
from support.in_process.grants import connect_without_pages
from support.in_process.oauth_client import OAuthClient, answer_of
from support.in_process.operator import add
from support.in_process.tenant_apps import add_app, set_app
from support.in_process.tokens import encode

KEY, OTHER_KEY = DpopKey(), DpopKey()
NO_GRANT = {"grant_type": "refresh_token", "refresh_token": "not-one"}


def sends(server: AuthServer, key: DpopKey = KEY, **changes: Any) -> Any:
    """Make what signs a new proof for each request of a client."""
    return lambda: {"dpop": key.prove(server.clock(), **changes)}


async def a_client(server: AuthServer, key: DpopKey | None = KEY, **metadata: Any) -> OAuthClient:
    """Register a public client, which sends proofs if it has a key."""
    client = await server.client(**metadata)
    if key is not None:
        client.prove = sends(server, key)
    return client


def claims_of(body: dict[str, Any]) -> dict[str, Any]:
    """Read an access token."""
    claims: dict[str, Any] = jwt.decode(body["access_token"], options={"verify_signature": False})
    return claims


def error_of(answer: httpx2.Response) -> tuple[int, str]:
    """Read a refusal."""
    return answer.status_code, answer.json().get("error", "none")


async def present(server: AuthServer, *proofs: str, **form: str) -> httpx2.Response:
    """Send proofs with a request whose grant is not valid, so that only the proofs differ."""
    client = await server.client()
    return await server.http.post(
        "/token",
        data={**NO_GRANT, "client_id": client.client_id, **form},
        headers=[(b"dpop", proof.encode()) for proof in proofs],
    )


@pytest.mark.both_databases
async def test_a_client_with_a_key_gets_tokens_that_are_bound_to_it(
    auth_server: AuthServer,
) -> None:
    """RFC 9449 §5, §6.1."""
    client = await a_client(auth_server)

    first = await connect_without_pages(auth_server, client)
    second = (await client.refresh(first["refresh_token"])).json()

    for body in (first, second):
        assert body["token_type"] == "DPoP"
        assert claims_of(body)["cnf"] == {"jkt": KEY.thumbprint}
        assert jwt.get_unverified_header(body["access_token"])["typ"] == "bound+at+jwt"


async def test_a_client_without_a_key_gets_the_tokens_that_it_always_got(
    sqlite_server: AuthServer, read_token: Any
) -> None:
    body = await connect_without_pages(sqlite_server, await a_client(sqlite_server, None))
    assert body["token_type"] == "Bearer"
    assert "cnf" not in await read_token(sqlite_server, body["access_token"])


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
async def test_a_program_gets_a_bound_token_of_its_own(
    sqlite_server: AuthServer, algorithm: Any
) -> None:
    """RFC 9449 §5 with client credentials, and with either kind of key."""
    key = DpopKey(algorithm)
    secret = "a-secret-of-43-characters-0123456789-abcdef"
    ceiling = {"resource": sqlite_server.resource, "tenant": "org_acme", "scope": "mcp:read"}
    program = {
        "client_id": "acme-reports",
        "name": "Acme reports",
        "token_endpoint_auth_method": "client_secret_post",
        "secret": secret,
        "ceilings": [{**ceiling, "tools": ["@read"], "data_scope": ""}],
    }
    await add(sqlite_server, clients=[program])
    form = {"grant_type": "client_credentials", "client_id": "acme-reports"}

    answer = await sqlite_server.http.post(
        "/token", data={**form, "client_secret": secret}, headers=sends(sqlite_server, key)()
    )
    without_secret = await sqlite_server.http.post(
        "/token", data=form, headers=sends(sqlite_server, key)()
    )

    assert claims_of(answer.json())["cnf"] == {"jkt": key.thumbprint}
    # A key does not replace the client's own credentials (§11.11).
    assert error_of(without_secret) == (401, "invalid_client")


async def test_an_app_that_its_organisation_connects_gets_a_bound_token(
    sqlite_url: str, clock: Clock
) -> None:
    """RFC 9449 §5 with an identity assertion."""
    async with running_place(sqlite_url, clock) as place:
        await place.leave_globex()
        app = await add_app(place)
        await set_app(place)
        pair = base64.b64encode(f"{app.client_id}:{app.secret}".encode()).decode()

        async def ask(key: DpopKey, **claims: Any) -> httpx2.Response:
            return await place.server.http.post(
                "/token",
                data={
                    "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                    "assertion": app.assertion(**claims),
                },
                headers={"authorization": f"Basic {pair}", "dpop": key.prove(clock())},
            )

        answers = [await ask(KEY), await ask(KEY, cnf={"jkt": KEY.thumbprint})]
        another = await ask(OTHER_KEY, cnf={"jkt": KEY.thumbprint})
    for answer in answers:
        assert answer.json()["token_type"] == "DPoP"
        assert claims_of(answer.json())["cnf"] == {"jkt": KEY.thumbprint}
    # The provider said whose assertion it is.
    assert error_of(another) == (400, "invalid_grant")


async def test_the_server_says_that_it_binds_tokens_and_to_which_keys(
    sqlite_server: AuthServer,
) -> None:
    """RFC 9449 §5.1, §11.6: asymmetric algorithms only."""
    metadata = (await sqlite_server.http.get("/.well-known/oauth-authorization-server")).json()
    assert metadata["dpop_signing_alg_values_supported"] == ["ES256", "EdDSA", "Ed25519"]
    assert "tls_client_certificate_bound_access_tokens" not in metadata


def forged(header: dict[str, Any], payload: dict[str, Any], signature: bytes) -> str:
    """Write a proof with a signature of any kind."""
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), signature)
    return ".".join(map(encode, parts))


P256_OFF_CURVE = {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "B" * 43}
BROKEN_HEADERS: dict[str, dict[str, Any]] = {
    "a client assertion": {"typ": "JWT"},
    "an access token": {"typ": "at+jwt"},
    "no type": {"typ": None},
    "no algorithm": {"alg": "none"},
    "a shared secret": {"alg": "HS256"},
    "an algorithm of another key": {"alg": "EdDSA"},
    "an algorithm that is a number": {"alg": 1},
    "no key": {"jwk": None},
    "a key by reference": {"jwk": None, "jku": "https://evil.example/keys"},
    "a private key": {"jwk": {**KEY.pair.public(), "d": "x"}},
    "a symmetric key": {"jwk": {"kty": "oct", "k": "c2VjcmV0"}},
    "another key": {"jwk": OTHER_KEY.pair.public()},
    "a key that is not on its curve": {"jwk": P256_OFF_CURVE},
    "a key with odd coordinates": {"jwk": {**KEY.pair.public(), "x": "="}},
    "a key with coordinates that are numbers": {"jwk": {**KEY.pair.public(), "x": 1}},
    "another curve": {"jwk": {**KEY.pair.public(), "crv": "P-384"}},
    "an extension": {"crit": ["exp"]},
}


@pytest.mark.parametrize("broken", BROKEN_HEADERS)
async def test_a_proof_that_no_key_of_the_client_signed_is_refused_a194(
    table_server: AuthServer, broken: str
) -> None:
    """RFC 9449 §4.3, §11.5, §11.6. A194."""
    proof = KEY.prove(table_server.clock(), header=BROKEN_HEADERS[broken])
    answer = await present(table_server, proof)
    assert error_of(answer) == (400, "invalid_dpop_proof")
    # The refusal is of the proof, which would be good with the usual header.
    good = await present(table_server, KEY.prove(table_server.clock()))
    assert error_of(good) == (400, "invalid_grant")


async def test_texts_that_are_not_proofs_are_refused_a194(table_server: AuthServer) -> None:
    """A194: never a fault."""
    good = KEY.prove(table_server.clock())
    header, payload, signature = good.split(".")
    shown = {"typ": "dpop+jwt", "alg": "ES256", "jwk": KEY.pair.public()}
    texts = [
        "x",
        "..",
        "a.b",
        "é.é.é",
        f"{header}.{payload}",
        f"{header}.{payload}.",
        f"{header}.{payload}.{signature}.{signature}",
        f"{header}.{payload}.{encode(bytes(64))}",
        f"{header}.{payload}.{encode(bytes(63))}",
        f"{header}.{encode(b'[]')}.{signature}",
        f"{header}.{encode(b'{' * 900)}.{signature}",
        f"{encode(b'null')}.{payload}.{signature}",
        f"{encode(b'%ff')}.{payload}.{signature}",
        f"{good}, {good}",
        forged(shown, {"jti": "1"}, b""),
        "x" * 5000,
    ]
    for text in texts:
        answer = await present(table_server, text)
        assert error_of(answer) == (400, "invalid_dpop_proof"), text
    two = await present(table_server, good, KEY.prove(table_server.clock()))
    assert error_of(two) == (400, "invalid_dpop_proof")


BROKEN_CLAIMS: dict[str, dict[str, Any]] = {
    "no id": {"jti": None},
    "an id that is a number": {"jti": 7},
    "an empty id": {"jti": ""},
    "another method": {"htm": "GET"},
    "a method in lower case": {"htm": "post"},
    "no method": {"htm": None},
    "another endpoint": {"url": "http://127.0.0.1:8400/revoke"},
    "another server": {"url": "https://evil.example/token"},
    "another scheme": {"url": "https://127.0.0.1:8400/token"},
    "a longer path": {"url": "http://127.0.0.1:8400/token/x"},
    "another name in front": {"url": "http://127.0.0.1:8400@evil.example/token"},
    "an address that is not a URL": {"url": "http://[::1/token"},
    "a path alone": {"url": "/token"},
    "a port that is none": {"url": "http://127.0.0.1:0/token"},
    "an address with a line end": {"url": "http://127.0.0.1:8400/to\nken"},
    "an address with a tab": {"url": "http://127.0.0.1:8400/\ttoken"},
    "an address after a space": {"url": " http://127.0.0.1:8400/token"},
    "no address": {"htu": None},
    "an address that is a number": {"htu": 1},
    "no time": {"iat": None},
    "a time that is a text": {"iat": "now"},
    "a time that is true": {"iat": True},
    "the beginning of time": {"iat": 0},
    "a time far away": {"iat": 1e300},
    "a nonce that is a number": {"nonce": 1},
}


@pytest.mark.parametrize("broken", BROKEN_CLAIMS)
async def test_a_proof_for_another_request_is_refused_a192(
    table_server: AuthServer, broken: str
) -> None:
    """RFC 9449 §4.3. A192."""
    proof = KEY.prove(table_server.clock(), **BROKEN_CLAIMS[broken])
    answer = await present(table_server, proof)
    assert error_of(answer) == (400, "invalid_dpop_proof")
    assert "DPoP proof" in answer.json()["error_description"]


@pytest.mark.parametrize(
    "url",
    [
        "HTTP://127.0.0.1:8400/token",
        "http://127.0.0.1:8400/token?x=1#y",
        "http://127.0.0.1:8400/%74oken",
        "http://127.0.0.1:8400/x/../token",
    ],
)
async def test_an_address_may_be_written_in_every_way_that_means_the_same(
    table_server: AuthServer, url: str
) -> None:
    """RFC 9449 §4.3: normalised, without query and fragment."""
    answer = await present(table_server, KEY.prove(table_server.clock(), url))
    assert error_of(answer) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("seconds", "refused"), [(-299, False), (-301, True), (299, False), (301, True)]
)
async def test_a_proof_counts_for_five_minutes_a192(
    table_server: AuthServer, seconds: int, refused: bool
) -> None:
    """RFC 9449 §4.3: and a client's clock may be that wrong. A192."""
    made = int(table_server.clock().timestamp()) + seconds
    answer = await present(table_server, KEY.prove(table_server.clock(), iat=made))
    assert answer.json()["error"] == ("invalid_dpop_proof" if refused else "invalid_grant")


@pytest.mark.both_databases
async def test_of_fifty_requests_with_one_proof_one_counts_a191(auth_server: AuthServer) -> None:
    """RFC 9449 §11.1. A191: the grant could be used any number of times."""
    secret, proof = "a-secret-of-43-characters-0123456789-abcdef", KEY.prove(auth_server.clock())
    ceiling = {"resource": auth_server.resource, "tenant": "org_acme", "scope": "mcp:read"}
    program = {
        "client_id": "acme-reports",
        "name": "Acme reports",
        "token_endpoint_auth_method": "client_secret_post",
        "secret": secret,
        "ceilings": [{**ceiling, "tools": ["@read"], "data_scope": ""}],
    }
    await add(auth_server, clients=[program])
    form = {
        "grant_type": "client_credentials",
        "client_id": "acme-reports",
        "client_secret": secret,
    }

    async def ask() -> httpx2.Response:
        return await auth_server.http.post("/token", data=form, headers={"dpop": proof})

    answers = await asyncio.gather(*(ask() for _ in range(50)))

    assert sorted(map(error_of, answers)) == [(200, "none")] + 49 * [(400, "invalid_dpop_proof")]


async def test_a_proof_stays_used_until_it_has_expired_and_then_leaves_the_table_a191_a199(
    sqlite_server: AuthServer,
) -> None:
    """RFC 9449 §11.1: of an id of any length, only a hash is stored. A191, A199."""
    proof = KEY.prove(sqlite_server.clock(), jti="j" * 2000)
    assert error_of(await present(sqlite_server, proof)) == (400, "invalid_grant")
    sqlite_server.clock.advance(seconds=299)
    await maintain(sqlite_server.opened)
    assert error_of(await present(sqlite_server, proof)) == (400, "invalid_dpop_proof")
    assert [len(proof_id) for proof_id in await used_proofs(sqlite_server)] == [64]

    sqlite_server.clock.advance(seconds=63)
    await maintain(sqlite_server.opened)
    assert await used_proofs(sqlite_server) == []


async def test_maintenance_with_a_clock_ahead_forgets_no_proof_that_still_counts_a191(
    sqlite_server: AuthServer,
) -> None:
    """RFC 9449 §11.1. A191: the clocks of two processes differ by half a minute."""
    proof = KEY.prove(sqlite_server.clock())
    assert error_of(await present(sqlite_server, proof)) == (400, "invalid_grant")
    sqlite_server.clock.advance(seconds=325)
    await maintain(sqlite_server.opened)
    sqlite_server.clock.advance(seconds=-30)
    assert error_of(await present(sqlite_server, proof)) == (400, "invalid_dpop_proof")


JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
WITHOUT_GRANTS: dict[str, dict[str, str]] = {
    "no refresh token": {"refresh_token": ""},
    "a wrong refresh token": {},
    "no code": {"grant_type": "authorization_code"},
    "an assertion of a stranger": {
        "grant_type": JWT_BEARER,
        "assertion": KEY.pair.sign({"iss": "https://stranger.example"}, typ="oauth-id-jag+jwt"),
    },
}


@pytest.mark.parametrize("sent", WITHOUT_GRANTS)
async def test_refused_requests_do_not_fill_the_table_with_proofs_a199(
    sqlite_url: str, clock: Clock, sent: str
) -> None:
    """RFC 9449 §11.1. A199: anybody can make proofs, and name a public client."""
    async with running_auth_server(sqlite_url, clock, wrong_guesses_per_minute=3) as server:
        form = {**NO_GRANT, "client_id": (await server.client()).client_id, **WITHOUT_GRANTS[sent]}
        answers = [
            await server.http.post("/token", data=form, headers=sends(server)()) for _ in range(9)
        ]
        stored = await used_proofs(server)
    assert [answer.status_code for answer in answers] == 3 * [400] + 6 * [429]
    assert len(stored) == 3


async def used_proofs(server: AuthServer) -> list[str]:
    """Return the ids of the stored proofs."""
    async with server.opened.database.reading() as db:
        return list((await db.execute(select(UsedAssertion.jti))).scalars())


async def test_one_clients_proof_uses_up_nobody_elses_a191(table_server: AuthServer) -> None:
    """A191: two keys may choose one id."""
    now = table_server.clock()
    for key in (KEY, OTHER_KEY):
        answer = await present(table_server, key.prove(now, jti="chosen by both"))
        assert error_of(answer) == (400, "invalid_grant")


async def test_a_server_with_nonces_takes_no_proof_that_was_made_before_them_a193(
    sqlite_url: str, clock: Clock
) -> None:
    """RFC 9449 §8, §11.2, §11.3. A193: the time in a proof is the client's word, a nonce is ours."""
    async with running_auth_server(sqlite_url, clock, dpop_nonces=True) as server:
        prepared = KEY.prove(clock(), iat=int(clock().timestamp()) + 250)
        refused = await present(server, prepared)
        nonce = refused.headers["dpop-nonce"]
        assert error_of(refused) == (400, "use_dpop_nonce")
        for wrong in ("x", f"{nonce}x", f"9{nonce}", "1." + nonce.partition(".")[2], "²." * 20):
            answer = await present(server, KEY.prove(clock(), nonce=wrong))
            assert error_of(answer) == (400, "use_dpop_nonce"), wrong

        client = await a_client(server)
        client.prove = sends(server, nonce=nonce)
        body = await connect_without_pages(server, client)
        assert body["token_type"] == "DPoP"
        clock.advance(minutes=3)
        renewed = await client.refresh(body["refresh_token"])
        assert renewed.headers["dpop-nonce"] != nonce
        clock.advance(minutes=4)
        assert error_of(await client.refresh(renewed.json()["refresh_token"])) == (
            400,
            "use_dpop_nonce",
        )


async def test_a_nonce_counts_at_every_process_with_the_same_secret_a193(
    sqlite_url: str, clock: Clock
) -> None:
    """A193: nothing about a nonce is stored, and one sealed with a former secret still counts."""
    former = "for-tests-only-former-0123456789abcdef01"
    async with running_auth_server(
        sqlite_url, clock, dpop_nonces=True, secret_key=former
    ) as before:
        nonce = (await present(before, KEY.prove(clock()))).headers["dpop-nonce"]
    async with running_auth_server(
        sqlite_url, clock, dpop_nonces=True, previous_secret_keys=(former,)
    ) as server:
        answer = await present(server, KEY.prove(clock(), nonce=nonce))
    assert error_of(answer) == (400, "invalid_grant")


async def test_a_client_that_registered_for_bound_tokens_gets_no_others_a195(
    table_server: AuthServer,
) -> None:
    """RFC 9449 §5.2. A195."""
    client = await a_client(table_server, None, dpop_bound_access_tokens=True)
    code = answer_of(await table_server.person().approve(client.authorize_url()))["code"]

    refused = await client.redeem(code)
    client.prove = sends(table_server)
    answer = await client.redeem(code)

    assert error_of(refused) == (400, "invalid_dpop_proof")
    assert answer.json()["token_type"] == "DPoP"


async def test_a_stolen_registration_token_takes_the_binding_off_no_connection_a195(
    table_server: AuthServer,
) -> None:
    """RFC 7592 §2.2. A195: the change ends what people allowed."""
    registration = {
        "client_name": "Test client",
        "redirect_uris": ["http://127.0.0.1:3999/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
    }
    made = await table_server.http.post(
        "/register", json={**registration, "dpop_bound_access_tokens": True}
    )
    known = made.json()
    assert known["dpop_bound_access_tokens"] is True
    client = OAuthClient(
        table_server.http, table_server.issuer, table_server.resource, known["client_id"]
    )
    client.prove = sends(table_server)
    body = await connect_without_pages(table_server, client)

    changed = await table_server.http.put(
        f"/register/{known['client_id']}",
        json={**registration, "client_id": known["client_id"]},
        headers={"authorization": f"Bearer {known['registration_access_token']}"},
    )

    assert "dpop_bound_access_tokens" not in changed.json()
    assert error_of(await client.refresh(body["refresh_token"])) == (400, "invalid_grant")


async def test_the_flag_of_a_registration_is_true_or_false(table_server: AuthServer) -> None:
    answer = await table_server.http.post(
        "/register",
        json={"redirect_uris": ["http://127.0.0.1/cb"], "dpop_bound_access_tokens": "yes"},
    )
    assert error_of(answer) == (400, "invalid_client_metadata")
    assert "dpop_bound_access_tokens" in answer.json()["error_description"]


@pytest.mark.both_databases
async def test_a_code_that_is_bound_to_a_key_is_redeemed_with_that_key_alone_a196(
    auth_server: AuthServer,
) -> None:
    """RFC 9449 §10, §11.9. A196: and a thief without the key does not use it up."""
    client = await a_client(auth_server, None)
    url = client.authorize_url(dpop_jkt=KEY.thumbprint)
    code = answer_of(await auth_server.person().approve(url))["code"]

    without = await client.redeem(code)
    client.prove = sends(auth_server, OTHER_KEY)
    with_another = await client.redeem(code)
    client.prove = sends(auth_server)
    answer = await client.redeem(code)

    assert error_of(without) == error_of(with_another) == (400, "invalid_grant")
    assert claims_of(answer.json())["cnf"] == {"jkt": KEY.thumbprint}


@pytest.mark.both_databases
async def test_a_code_of_a_pushed_request_with_a_proof_is_bound_to_its_key_a196(
    auth_server: AuthServer,
) -> None:
    """RFC 9449 §10.1. A196: a proof at `/par` means the same as `dpop_jkt`, and contradicts no other."""
    client = await a_client(auth_server, None)
    asked = dict(parse_qsl(urlsplit(client.authorize_url()).query))

    async def push(*proofs: str, **others: str) -> httpx2.Response:
        lines = [("dpop", proof) for proof in proofs]
        return await auth_server.http.post("/par", data={**asked, **others}, headers=lines)

    def proof(**changes: Any) -> str:
        return KEY.prove(auth_server.clock(), **{"url": f"{auth_server.issuer}/par", **changes})

    good = proof()
    pushed = await push(good, dpop_jkt=KEY.thumbprint)
    query = urlencode({"client_id": client.client_id, "request_uri": pushed.json()["request_uri"]})
    url = f"{auth_server.issuer}/authorize?{query}"
    code = answer_of(await auth_server.person().approve(url))["code"]
    without = await client.redeem(code)
    client.prove = sends(auth_server, OTHER_KEY)
    with_another = await client.redeem(code)
    client.prove = sends(auth_server)
    answer = await client.redeem(code)

    assert error_of(without) == error_of(with_another) == (400, "invalid_grant")
    assert claims_of(answer.json())["cnf"] == {"jkt": KEY.thumbprint}
    for refused in (
        await push(good),
        await push(proof(), proof()),
        await push(proof(url=TOKEN_URL)),
        await push(proof(), dpop_jkt=OTHER_KEY.thumbprint),
    ):
        assert error_of(refused) == (400, "invalid_dpop_proof"), refused.text


async def test_an_authorization_request_names_a_key_by_its_whole_thumbprint(
    table_server: AuthServer,
) -> None:
    client = await a_client(table_server, None)
    answer = await table_server.browser().get(client.authorize_url(dpop_jkt="abc"))
    assert answer.status_code == 303
    refusal = answer_of(answer.headers["location"])
    assert refusal["error"] == "invalid_request" and "dpop_jkt" in refusal["error_description"]


@pytest.mark.both_databases
async def test_a_stolen_refresh_token_of_a_public_client_is_worthless_without_its_key_a197(
    auth_server: AuthServer,
) -> None:
    """RFC 9449 §5. A197: and trying it neither uses it up nor ends the family."""
    client = await a_client(auth_server)
    body = await connect_without_pages(auth_server, client)
    thief = await a_client(auth_server, None)
    thief.client_id = client.client_id

    without = await thief.refresh(body["refresh_token"])
    thief.prove = sends(auth_server, OTHER_KEY)
    with_another = await thief.refresh(body["refresh_token"])
    auth_server.clock.advance(hours=1)
    answer = await client.refresh(body["refresh_token"])
    auth_server.clock.advance(hours=1)
    late = await thief.refresh(body["refresh_token"])
    again = await client.refresh(answer.json()["refresh_token"])

    assert error_of(without) == error_of(with_another) == error_of(late) == (400, "invalid_grant")
    assert answer.status_code == again.status_code == 200


@pytest.mark.both_databases
async def test_a_public_client_that_begins_with_proofs_binds_its_connection_a197(
    auth_server: AuthServer,
) -> None:
    """RFC 9449 §5. A197, A97: also if both keys use one token in the grace window."""
    client = await a_client(auth_server, None)
    body = await connect_without_pages(auth_server, client)
    client.prove = sends(auth_server)
    bound = (await client.refresh(body["refresh_token"])).json()
    client.prove = dict
    assert error_of(await client.refresh(bound["refresh_token"])) == (400, "invalid_grant")
    client.prove = sends(auth_server)
    assert (await client.refresh(bound["refresh_token"])).status_code == 200

    client.prove = sends(auth_server, OTHER_KEY)
    stolen = await client.refresh(body["refresh_token"])
    assert error_of(stolen) == (400, "invalid_grant")


@pytest.mark.both_databases
@pytest.mark.parametrize("refreshes_before", [0, 1])
async def test_a_thief_who_binds_a_stolen_refresh_token_to_an_own_key_is_found_out_a197(
    auth_server: AuthServer, refreshes_before: int
) -> None:
    """RFC 9700 §4.14.2. A197: however late the client comes back, and although it has no key."""
    client = await a_client(auth_server, None)
    stolen = (await connect_without_pages(auth_server, client))["refresh_token"]
    thief = await a_client(auth_server, None)
    thief.client_id = client.client_id
    thiefs = stolen
    for _ in range(refreshes_before):
        thiefs = (await thief.refresh(thiefs)).json()["refresh_token"]
    thief.prove = sends(auth_server, OTHER_KEY)
    for _ in range(2):
        thiefs = (await thief.refresh(thiefs)).json()["refresh_token"]
    auth_server.clock.advance(hours=2)
    await maintain(auth_server.opened)

    assert error_of(await client.refresh(stolen)) == (400, "invalid_grant")
    assert error_of(await thief.refresh(thiefs)) == (400, "invalid_grant")


@pytest.mark.both_databases
async def test_a_thief_without_the_key_ends_no_connection_however_late_a197(
    auth_server: AuthServer,
) -> None:
    """RFC 9449 §5. A197: also once the row of the stolen token is gone."""
    client = await a_client(auth_server)
    stolen = (await connect_without_pages(auth_server, client))["refresh_token"]
    newest = (await client.refresh(stolen)).json()["refresh_token"]
    thief = await a_client(auth_server, None)
    thief.client_id = client.client_id
    auth_server.clock.advance(hours=2)
    await maintain(auth_server.opened)

    assert error_of(await thief.refresh(stolen)) == (400, "invalid_grant")
    assert (await client.refresh(newest)).status_code == 200


async def test_a_client_that_authenticates_may_change_its_key(sqlite_server: AuthServer) -> None:
    """RFC 9449 §5: its refresh tokens are bound to the client, its access tokens to the key."""
    made = await sqlite_server.http.post(
        "/register",
        json={
            "redirect_uris": ["https://app.example/cb"],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "client_secret_post",
        },
    )
    secret = made.json()["client_secret"]
    client = OAuthClient(
        sqlite_server.http,
        sqlite_server.issuer,
        sqlite_server.resource,
        made.json()["client_id"],
        redirect_uri="https://app.example/cb",
    )
    client.prove = sends(sqlite_server)
    code = answer_of(await sqlite_server.person().approve(client.authorize_url()))["code"]
    body = (await client.redeem(code, client_secret=secret)).json()
    client.prove = sends(sqlite_server, OTHER_KEY)

    after = (await client.refresh(body["refresh_token"], client_secret=secret)).json()

    assert claims_of(body)["cnf"] == {"jkt": KEY.thumbprint}
    assert claims_of(after)["cnf"] == {"jkt": OTHER_KEY.thumbprint}


async def test_a_gateway_that_asks_learns_to_which_key_a_token_is_bound_a190(
    table_server: AuthServer,
) -> None:
    """RFC 9449 §6.2. A190."""
    body = await connect_without_pages(table_server, await a_client(table_server))
    secret = "a-secret-of-43-characters-0123456789-abcdef"
    asker = {
        "client_id": "asker",
        "name": "Asker",
        "token_endpoint_auth_method": "client_secret_post",
        "secret": secret,
        "introspects": True,
    }
    await add(table_server, clients=[asker])
    form = {"client_id": "asker", "client_secret": secret, "token": body["access_token"]}
    answer = (await table_server.http.post("/introspect", data=form)).json()
    assert (answer["active"], answer["token_type"]) == (True, "DPoP")
    assert answer["cnf"] == {"jkt": KEY.thumbprint}


@pytest.mark.parametrize("nonces", [False, True])
async def test_who_a_person_is_is_told_to_the_key_of_the_token_alone_a190(
    sqlite_url: str, clock: Clock, nonces: bool
) -> None:
    """RFC 9449 §7.1, §9, at the userinfo endpoint. A190."""
    async with running_auth_server(sqlite_url, clock, dpop_nonces=nonces) as server:
        client, nonce = await a_client(server), None
        if nonces:
            nonce = (await present(server, KEY.prove(clock()))).headers["dpop-nonce"]
            client.prove = sends(server, nonce=nonce)
        url = client.authorize_url(scope="openid mcp:read")
        code = answer_of(await server.person().approve(url))["code"]
        token = (await client.redeem(code)).json()["access_token"]

        async def ask(scheme: str, *proofs: str) -> httpx2.Response:
            lines = [("authorization", f"{scheme} {token}"), *(("dpop", one) for one in proofs)]
            return await server.http.get("/userinfo", headers=lines)

        def proof(key: DpopKey = KEY, **changes: Any) -> str:
            usual = {"url": f"{server.issuer}/userinfo", "htm": "GET", "nonce": nonce}
            return key.prove(clock(), **{**usual, "token": token, **changes})

        good = proof()
        answer = await ask("DPoP", good)
        invalid = [
            await ask("Bearer"),
            await ask("Bearer", proof()),
            await ask("DPoP", proof(OTHER_KEY)),
        ]
        unproven = [
            await ask("DPoP"),
            await ask("DPoP", proof(), proof()),
            await ask("DPoP", proof(htm="POST")),
            await ask("DPoP", proof(url=TOKEN_URL)),
            await ask("DPoP", proof(token="another")),
            await ask("DPoP", good),
        ]
        without_nonce = await ask("DPoP", proof(nonce=None))
        token = "not-one"
        invalid.append(await ask("DPoP", proof()))
    assert answer.json()["sub"] == "usr_ada"
    for error, answers in (("invalid_token", invalid), ("invalid_dpop_proof", unproven)):
        for one in answers:
            assert error_of(one) == (401, error), one.text
            challenge = one.headers["www-authenticate"]
            assert challenge == f'DPoP error="{error}", algs="ES256 EdDSA Ed25519"'
    assert error_of(without_nonce) == ((401, "use_dpop_nonce") if nonces else (200, "none"))
    assert ("dpop-nonce" in without_nonce.headers) is nonces


async def test_a_bound_token_without_the_scope_is_told_so_with_its_own_scheme(
    table_server: AuthServer,
) -> None:
    """RFC 9449 §7.1 with RFC 6750 §3.1."""
    token = (await connect_without_pages(table_server, await a_client(table_server)))[
        "access_token"
    ]
    url = f"{table_server.issuer}/userinfo"
    headers = {
        "authorization": f"DPoP {token}",
        "dpop": KEY.prove(table_server.clock(), url, token=token, htm="GET"),
    }
    answer = await table_server.http.get("/userinfo", headers=headers)
    assert answer.headers["www-authenticate"] == (
        'DPoP error="insufficient_scope", scope="openid", algs="ES256 EdDSA Ed25519"'
    )


async def test_an_unbound_token_is_not_taken_with_the_scheme_dpop_a195(
    table_server: AuthServer,
) -> None:
    """RFC 9449 §7.1. A195."""
    client = await a_client(table_server, None)
    url = client.authorize_url(scope="openid mcp:read")
    code = answer_of(await table_server.person().approve(url))["code"]
    token = (await client.redeem(code)).json()["access_token"]
    url = f"{table_server.issuer}/userinfo"
    proof = KEY.prove(table_server.clock(), url, token=token, htm="GET")
    headers = {"authorization": f"DPoP {token}", "dpop": proof}
    answer = await table_server.http.get("/userinfo", headers=headers)
    assert error_of(answer) == (401, "invalid_token")


async def test_a_client_ends_its_bound_token_like_any_other(table_server: AuthServer) -> None:
    """RFC 7009 §2: whoever ends a token does not have to prove its key."""
    client = await a_client(table_server)
    body = await connect_without_pages(table_server, client)
    form = {"client_id": client.client_id, "token": body["access_token"]}
    assert (await table_server.http.post("/revoke", data=form)).status_code == 200
    names = await table_server.http.post(
        "/revoke", data={"client_id": client.client_id, "token": body["refresh_token"]}
    )
    assert names.status_code == 200
    assert error_of(await client.refresh(body["refresh_token"])) == (400, "invalid_grant")


async def test_a_script_in_a_browser_may_send_a_proof_and_read_the_nonce(
    table_server: AuthServer,
) -> None:
    preflight = await table_server.http.options(
        "/token",
        headers={
            "origin": "https://app.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "dpop",
        },
    )
    assert "dpop" in preflight.headers["access-control-allow-headers"].split(", ")
    answer = await present(table_server, KEY.prove(table_server.clock(), TOKEN_URL))
    assert "dpop-nonce" in answer.headers["access-control-expose-headers"]
