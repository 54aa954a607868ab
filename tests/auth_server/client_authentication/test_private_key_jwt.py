"""`private_key_jwt`: a client signs an assertion, valid once and only for this server."""

import asyncio
import hashlib
import hmac
import json
from typing import Any

import httpx2
import pytest

from auth_server.client_authentication import credentials
from auth_server.maintenance import maintain
from auth_server.outbound.configured_fetch import fetch_key_set
from auth_server.outbound.guarded_fetch import Fetched, FetchRefused
from support.in_process.assertions import (
    ASSERTION_TYPE,
    Algorithm,
    KeyPair,
    jwks,
    signed_by,
    statement,
)
from support.in_process.auth_server import RESOURCE, AuthServer
from support.in_process.oauth_client import OAuthClient, answer_of
from support.in_process.operator import add
from support.in_process.tokens import encode

REPORTS = "acme-reports"
KEYS = "https://acme.example/keys.json"
DOCUMENT = "https://app.example/oauth/client.json"
INVALID = (401, "invalid_client")
KEY = KeyPair(kid="one")
OTHER_KEY = KeyPair(kid="two")


async def manage(server: AuthServer, client_id: str = REPORTS, **members: Any) -> str:
    """Let an operator add a client with its own tokens; return its id."""
    client = {
        "client_id": client_id,
        "name": "Acme reports",
        "token_endpoint_auth_method": "private_key_jwt",
        "ceilings": [
            {"resource": RESOURCE, "tenant": "org_acme", "scope": "mcp:read", "tools": ["@read"]}
        ],
        **members,
    }
    await add(server, clients=[client])
    return client_id


async def ask(server: AuthServer, form: dict[str, str], **more: Any) -> tuple[int, str]:
    """Ask for a token; return the status, and the error where there is one."""
    data = {"grant_type": "client_credentials", **form}
    answer = await server.http.post("/token", data=data, **more)
    return answer.status_code, answer.json().get("error", "")


def say(server: AuthServer, client_id: str = REPORTS, **changes: Any) -> dict[str, Any]:
    """Write a client's assertion for this server."""
    return statement(client_id, server.issuer, server.clock(), **changes)


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
async def test_a_client_signs_with_the_algorithm_of_its_key_a94(
    table_server: AuthServer, algorithm: Algorithm
) -> None:
    """RFC 7523 §3; one test for each algorithm that the metadata lists."""
    key = KeyPair(algorithm, kid="k")
    client_id = await manage(table_server, f"client-{algorithm}", jwks=jwks(key))

    answer = await ask(table_server, signed_by(key.sign(say(table_server, client_id))))

    assert answer == (200, "")


async def test_a_client_may_call_its_algorithm_by_the_newer_name(auth_server: AuthServer) -> None:
    """RFC 9864 §2.2: `Ed25519` replaces `EdDSA`, in the header and in the key."""
    key = KeyPair("EdDSA", kid="k")
    await manage(auth_server, jwks={"keys": [key.public(alg="Ed25519")]})

    newer = await ask(auth_server, signed_by(key.sign(say(auth_server), alg="Ed25519")))
    older = await ask(auth_server, signed_by(key.sign(say(auth_server))))
    other = await ask(auth_server, signed_by(key.sign(say(auth_server), alg="Ed448")))

    assert (newer, older, other) == ((200, ""), (200, ""), INVALID)


async def test_the_client_may_name_itself_beside_its_assertion_and_need_not(
    auth_server: AuthServer,
) -> None:
    """RFC 7523 §2.2: client_id is optional; RFC 7521 §4.2: it must be the same client."""
    await manage(auth_server, jwks=jwks(KEY))
    await manage(auth_server, "another", jwks=jwks(KEY))

    def form() -> dict[str, str]:
        return signed_by(KEY.sign(say(auth_server)))

    assert await ask(auth_server, form()) == (200, "")
    assert await ask(auth_server, {**form(), "client_id": REPORTS}) == (200, "")
    assert await ask(auth_server, {**form(), "client_id": "another"}) == INVALID


@pytest.mark.both_databases
async def test_an_assertion_is_valid_once_a92(auth_server: AuthServer) -> None:
    """A92: a replayed jti (GHSA-3p3g-vpw6-4w66 elsewhere)."""
    await manage(auth_server, jwks=jwks(KEY))
    form = signed_by(KEY.sign(say(auth_server)))

    assert await ask(auth_server, form) == (200, "")
    assert await ask(auth_server, form) == INVALID


async def test_an_assertion_is_used_up_by_a_request_that_fails(auth_server: AuthServer) -> None:
    """A92: an assertion from a refused request can't be used again."""
    await manage(auth_server, jwks=jwks(KEY))
    form = signed_by(KEY.sign(say(auth_server)))

    assert await ask(auth_server, {**form, "scope": "mcp:admin"}) == (400, "invalid_scope")
    assert await ask(auth_server, form) == INVALID


@pytest.mark.both_databases
async def test_of_twenty_simultaneous_uses_of_one_assertion_one_succeeds_a92(
    auth_server: AuthServer,
) -> None:
    """A92, for simultaneous requests."""
    await manage(auth_server, jwks=jwks(KEY))
    form = signed_by(KEY.sign(say(auth_server)))

    answers = await asyncio.gather(*(ask(auth_server, form) for _ in range(20)))

    assert sorted(answers) == [(200, ""), *[INVALID] * 19]


@pytest.mark.both_databases
async def test_two_clients_may_use_the_same_jti(auth_server: AuthServer) -> None:
    """RFC 7519 §4.1.7: unique within one issuer."""
    for client_id in (REPORTS, "another"):
        await manage(auth_server, client_id, jwks=jwks(KEY))
        assertion = KEY.sign(say(auth_server, client_id, jti="1"))
        assert await ask(auth_server, signed_by(assertion)) == (200, "")


@pytest.mark.both_databases
async def test_used_assertions_are_forgotten_once_they_have_expired_and_not_before(
    auth_server: AuthServer,
) -> None:
    """The table of used assertions stays small, and a replay is still refused."""
    await manage(auth_server, jwks=jwks(KEY))
    form = signed_by(KEY.sign(say(auth_server)))
    assert await ask(auth_server, form) == (200, "")

    for seconds in (50, 35, 35):
        await maintain(auth_server.opened)
        assert await ask(auth_server, form) == INVALID
        auth_server.clock.advance(seconds=seconds)
    await maintain(auth_server.opened)
    again = KEY.sign(say(auth_server, jti="fresh"))

    assert await ask(auth_server, signed_by(again)) == (200, "")


CLAIMS: dict[str, dict[str, Any]] = {
    "another audience": {"aud": "https://elsewhere.example"},
    "the token endpoint as audience": {"aud": "http://127.0.0.1:8400/token"},
    "the issuer and a slash": {"aud": "http://127.0.0.1:8400/"},
    "one audience more": {"aud": ["http://127.0.0.1:8400", "https://elsewhere.example"]},
    "no audience": {"aud": None},
    "an empty audience": {"aud": []},
    "an audience that is not a string": {"aud": {"a": "http://127.0.0.1:8400"}},
    "iss of another": {"iss": "another"},
    "no iss": {"iss": None},
    "sub of another": {"sub": "another"},
    "no sub": {"sub": None},
    "sub that is not a string": {"sub": [REPORTS], "iss": [REPORTS]},
    "no exp": {"exp": None},
    "exp as text": {"exp": "2099-01-01"},
    "exp as a truth": {"exp": True},
    "exp in years": {"exp": 4102444800},
    "exp at the end of numbers": {"exp": 10**400},
    "no jti": {"jti": None},
    "an empty jti": {"jti": ""},
    "a jti that is not a string": {"jti": 7},
    "a long jti": {"jti": "j" * 256},
    "a jti with a NUL": {"jti": "a\0b"},
    "half a character as jti": {"jti": "\ud800"},
}


@pytest.mark.parametrize("wrong", CLAIMS)
async def test_an_assertion_that_says_something_else_is_refused_a92(
    table_server: AuthServer, wrong: str
) -> None:
    """RFC 7523 §3, with the issuer as the only audience. A92."""
    await manage(table_server, jwks=jwks(KEY))

    assertion = KEY.sign(say(table_server, **CLAIMS[wrong]))

    assert await ask(table_server, signed_by(assertion)) == INVALID


@pytest.mark.parametrize(
    ("offsets", "believed"),
    [
        ({"exp": 300}, True),
        ({"exp": 331}, False),
        ({"exp": 3600}, False),
        ({"exp": -29}, True),
        ({"exp": -31}, False),
        ({"iat": 29}, True),
        ({"iat": 31}, False),
        ({"iat": -3600}, False),
        ({"iat": -100, "exp": 250}, False),
        ({"nbf": 0}, True),
        ({"nbf": 29}, True),
        ({"nbf": 31}, False),
    ],
    ids=str,
)
async def test_an_assertion_holds_for_five_minutes_at_most_and_clocks_may_differ_by_30_s_a159(
    table_server: AuthServer, offsets: dict[str, int], believed: bool
) -> None:
    """A92: `exp` years away; RFC 7523 §3 with 30 s of leeway. Offsets from now."""
    await manage(table_server, jwks=jwks(KEY))
    now = int(table_server.clock().timestamp())
    times: dict[str, Any] = {"iat": None, **{name: now + s for name, s in offsets.items()}}

    answer = await ask(table_server, signed_by(KEY.sign(say(table_server, **times))))

    assert answer == ((200, "") if believed else INVALID)


async def test_fractions_of_a_second_and_a_list_of_the_one_audience_are_fine(
    table_server: AuthServer,
) -> None:
    """RFC 7519 §2 NumericDate, §4.1.3: what libraries write."""
    await manage(table_server, jwks=jwks(KEY))
    moment = table_server.clock().timestamp()
    claims = say(table_server, aud=[table_server.issuer], iat=moment, exp=moment + 60.5)

    assert await ask(table_server, signed_by(KEY.sign(claims))) == (200, "")


HEADERS: dict[str, dict[str, Any]] = {
    "no algorithm": {"alg": None},
    "alg none": {"alg": "none"},
    "alg HS256": {"alg": "HS256"},
    "alg RS256 with a key of another type": {"alg": "RS256"},
    "alg ES512": {"alg": "ES512"},
    "alg that is not a string": {"alg": ["ES256"]},
    "its own key": {"jwk": OTHER_KEY.public()},
    "a place of keys": {"jku": "https://evil.example/keys"},
    "a certificate": {"x5c": ["MII"]},
    "a place of certificates": {"x5u": "https://evil.example/cert"},
    "a critical extension": {"crit": ["exp"], "exp": 1},
    "an unencoded payload": {"b64": False},
    "an unknown kid": {"kid": "three"},
    "a path as kid": {"kid": "../../dev/null"},
    "a kid that is not a string": {"kid": 1},
    "an access token's type": {"typ": "at+jwt"},
    "an identity assertion's type": {"typ": "gatepost-assertion+jwt"},
    "a type that is not a string": {"typ": 1},
}


@pytest.mark.parametrize("wrong", HEADERS)
async def test_an_assertion_under_another_header_is_refused_a92(
    table_server: AuthServer, wrong: str
) -> None:
    """RFC 7515 §4.1, RFC 8725 §3. A92: alg none and HS, kid confusion, keys brought along."""
    await manage(table_server, jwks=jwks(KEY, OTHER_KEY))

    assertion = KEY.sign(say(table_server), **HEADERS[wrong])

    assert await ask(table_server, signed_by(assertion)) == INVALID


async def test_a_secret_made_of_the_public_key_signs_nothing_a92(table_server: AuthServer) -> None:
    """A92: HS256 with a public value as its key."""
    await manage(table_server, jwks=jwks(KEY))
    head = encode(json.dumps({"alg": "HS256", "kid": "one"}).encode())
    signed = f"{head}.{encode(json.dumps(say(table_server)).encode())}"
    for secret in (json.dumps(KEY.public()).encode(), b""):
        digest = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        assert await ask(table_server, signed_by(f"{signed}.{encode(digest)}")) == INVALID


async def test_only_the_clients_own_key_counts_a92(table_server: AuthServer) -> None:
    """A92: a stranger's key under the registered name, another client's key, another signature."""
    await manage(table_server, jwks=jwks(KEY))
    await manage(table_server, "another", jwks=jwks(OTHER_KEY))
    stranger = KeyPair(kid="one")
    good = KEY.sign(say(table_server))
    head, _, signature = good.split(".")

    for assertion in (
        stranger.sign(say(table_server)),
        OTHER_KEY.sign(say(table_server)),
        OTHER_KEY.sign(say(table_server), kid="one"),
        f"{head}.{encode(json.dumps(say(table_server)).encode())}.{signature}",
        good[:-4],
        good[:-1] + ("A" if good[-2] != "A" else "B") * 5,
        f"{head}.{good.split('.')[1]}.",
    ):
        assert await ask(table_server, signed_by(assertion)) == INVALID
    assert await ask(table_server, signed_by(good)) == (200, "")


async def test_with_several_keys_the_assertion_says_which(table_server: AuthServer) -> None:
    """RFC 7515 §4.1.4: kid; the only key of a type doesn't need one."""
    rsa = KeyPair("RS256", kid="three")
    await manage(table_server, jwks=jwks(KEY, OTHER_KEY, rsa))

    cases: list[tuple[KeyPair, dict[str, Any], tuple[int, str]]] = [
        (KEY, {}, (200, "")),
        (OTHER_KEY, {}, (200, "")),
        (KEY, {"kid": None}, INVALID),
        (KEY, {"kid": "two"}, INVALID),
        (rsa, {"kid": None}, (200, "")),
        (rsa, {"kid": "one"}, INVALID),
    ]
    for key, header, answer in cases:
        assertion = key.sign(say(table_server), **header)
        assert await ask(table_server, signed_by(assertion)) == answer


async def test_a_single_key_without_an_id_matches_any_kid(
    table_server: AuthServer,
) -> None:
    """RFC 7517 §4.5: kid is optional in a key set."""
    key = KeyPair()
    await manage(table_server, jwks=jwks(key))

    headers: list[dict[str, Any]] = [{}, {"kid": "today"}]
    for header in headers:
        assertion = key.sign(say(table_server), **header)
        assert await ask(table_server, signed_by(assertion)) == (200, "")


@pytest.mark.parametrize(
    "assertion",
    [
        "x",
        "..",
        "a.b",
        "a.b.c.d",
        "e30.e30.",
        "!!!.e30.AA",
        "bnVsbA.bnVsbA.AA",
        "W10.W10.AA",
        encode(b'{"alg":"ES256","alg":"ES256"}') + ".e30.AA",
        encode(b"[" * 3000) + ".e30.AA",
        encode(b'{"alg":"ES256"}') + "." + encode(b"\xff\xfe") + ".AA",
        encode(b'{"alg":"ES256"}') + "." + encode(b'{"exp":NaN,"sub":"x","iss":"x"}') + ".AA",
        "é.é.é",
        "A" * 20_000 + ".e30.AA",
    ],
    ids=lambda value: value[:30],
)
async def test_a_malformed_assertion_is_refused_in_the_same_words(
    table_server: AuthServer, assertion: str
) -> None:
    """A93: uniform. A92: no 500."""
    unknown = KEY.sign(say(table_server, "nobody"))
    known = await table_server.http.post("/token", data=signed_by(unknown))

    answer = await table_server.http.post("/token", data=signed_by(assertion))

    assert (answer.status_code, answer.content) == (known.status_code, known.content)


async def test_an_unknown_client_a_public_one_and_a_wrong_key_sound_the_same(
    table_server: AuthServer,
) -> None:
    """A93."""
    await manage(table_server, jwks=jwks(KEY))
    assertions = [
        KEY.sign(say(table_server, "nobody")),
        KEY.sign(say(table_server, "orbit-cli")),
        KEY.sign(say(table_server, "x" * 3000)),
        KeyPair(kid="one").sign(say(table_server)),
        KEY.sign(say(table_server, exp=1)),
    ]

    answers = [
        await table_server.http.post(
            "/token", data={"grant_type": "client_credentials", **signed_by(assertion)}
        )
        for assertion in assertions
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "\n", "é", "x" * 100_000])
async def test_a_name_that_no_client_can_have_is_an_unknown_client(
    auth_server: AuthServer, name: str
) -> None:
    """A65: JSON that a database query can't contain does not cause a 500."""
    assertion = KEY.sign(say(auth_server, name))

    assert await ask(auth_server, signed_by(assertion)) in {INVALID, (400, "invalid_request")}


async def test_an_assertion_needs_its_type_and_excludes_other_methods(
    table_server: AuthServer,
) -> None:
    """RFC 6749 §2.3, RFC 7521 §4.2. A89: two methods in one request."""
    await manage(table_server, jwks=jwks(KEY))

    def form(**changes: str) -> dict[str, str]:
        return {**signed_by(KEY.sign(say(table_server))), **changes}

    basic = {"authorization": "Basic YWNtZS1yZXBvcnRzOngK"}
    bad = (400, "invalid_request")
    assert await ask(table_server, form(client_secret="x")) == bad
    assert await ask(table_server, form(), headers=basic) == bad
    assert await ask(table_server, form(client_assertion_type="")) == bad
    assert await ask(table_server, form(client_assertion="")) == bad
    saml = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"
    assert await ask(table_server, form(client_assertion_type=saml)) == INVALID
    assert await ask(table_server, form()) == (200, "")


async def test_a_client_that_signs_can_do_nothing_without_signing(
    table_server: AuthServer,
) -> None:
    """A88: only the registered method."""
    await manage(table_server, jwks=jwks(KEY))

    assert await ask(table_server, {"client_id": REPORTS}) == INVALID
    assert await ask(table_server, {"client_id": REPORTS, "client_secret": "x" * 43}) == INVALID


def published(*keys: KeyPair, cache_control: str = "") -> Fetched:
    """A key set as a server answers it."""
    return Fetched(json.dumps(jwks(*keys)).encode(), "application/json", cache_control)


async def test_keys_are_read_where_the_client_says_and_remembered(auth_server: AuthServer) -> None:
    """RFC 7591 §2 `jwks_uri`: one fetch for many requests, a new one when the time is up."""
    await manage(auth_server, jwks_uri=KEYS)
    auth_server.web[KEYS] = published(KEY)

    for _ in range(3):
        assert await ask(auth_server, signed_by(KEY.sign(say(auth_server)))) == (200, "")
    assert auth_server.fetched == [KEYS]
    auth_server.clock.advance(minutes=6)
    assert await ask(auth_server, signed_by(KEY.sign(say(auth_server)))) == (200, "")
    assert auth_server.fetched == [KEYS, KEYS]


@pytest.mark.both_databases
async def test_requests_at_the_same_time_share_one_fetch(auth_server: AuthServer) -> None:
    """A77: nobody can make this server flood another."""
    await manage(auth_server, jwks_uri=KEYS)
    auth_server.web[KEYS] = published(KEY)

    answers = await asyncio.gather(
        *(ask(auth_server, signed_by(KEY.sign(say(auth_server)))) for _ in range(8))
    )

    assert set(answers) == {(200, "")}
    assert auth_server.fetched == [KEYS]


async def test_a_new_key_is_found_soon_and_made_up_names_fetch_nothing(
    auth_server: AuthServer,
) -> None:
    """A111: a rotated key works after half a minute; random kids cost one fetch in that time."""
    await manage(auth_server, jwks_uri=KEYS)
    auth_server.web[KEYS] = published(KEY)
    assert await ask(auth_server, signed_by(KEY.sign(say(auth_server)))) == (200, "")

    auth_server.web[KEYS] = published(KEY, OTHER_KEY)
    for kid in ("three", "four", "five"):
        assert await ask(auth_server, signed_by(KEY.sign(say(auth_server), kid=kid))) == INVALID
    assert len(auth_server.fetched) == 1
    auth_server.clock.advance(seconds=31)
    assert await ask(auth_server, signed_by(OTHER_KEY.sign(say(auth_server)))) == (200, "")
    for kid in ("three", "four", "five"):
        assert await ask(auth_server, signed_by(KEY.sign(say(auth_server), kid=kid))) == INVALID
    assert len(auth_server.fetched) == 2


@pytest.mark.parametrize(
    "answer",
    [
        None,
        Fetched(b"<html>", "text/html", ""),
        Fetched(b"[" * 2000, "application/json", ""),
        Fetched(b'{"keys": []}', "application/json", ""),
        Fetched(b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', "application/json", ""),
    ],
    ids=str,
)
async def test_keys_that_cannot_be_read_are_the_same_refusal_and_never_the_clients_fault(
    auth_server: AuthServer, answer: Fetched | None
) -> None:
    """A84: the error reveals nothing and is not cached. At `invalid_client`, clients throw their id away."""
    await manage(auth_server, jwks_uri=KEYS)
    if answer is not None:
        auth_server.web[KEYS] = answer
    unavailable = (503, "temporarily_unavailable")
    assert await ask(auth_server, signed_by(KEY.sign(say(auth_server)))) == unavailable

    auth_server.web[KEYS] = published(KEY)
    assert await ask(auth_server, signed_by(KEY.sign(say(auth_server)))) == (200, "")


@pytest.mark.parametrize(
    "url",
    ["https://10.0.0.1/keys.json", "https://acme.example:6379/keys", "https://localhost/keys"],
)
async def test_keys_are_never_fetched_from_inside_a64(auth_server: AuthServer, url: str) -> None:
    """A64, A75: the URL's text is refused; the guarded fetch checks addresses."""
    await manage(auth_server, jwks_uri=url)
    auth_server.web[url] = published(KEY)

    assert await ask(auth_server, signed_by(KEY.sign(say(auth_server)))) == INVALID
    assert auth_server.fetched == []


def publish_client(server: AuthServer, **members: Any) -> OAuthClient:
    """Put a client's document on the web."""
    document = {
        "client_id": DOCUMENT,
        "client_name": "App",
        "redirect_uris": ["https://app.example/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        **members,
    }
    server.web[DOCUMENT] = Fetched(json.dumps(document).encode(), "application/json", "")
    return OAuthClient(
        server.http, server.issuer, server.resource, DOCUMENT, "https://app.example/callback"
    )


async def test_a_client_whose_document_names_its_key_must_sign(auth_server: AuthServer) -> None:
    """A81: CIMD with private_key_jwt as the one method."""
    client = publish_client(
        auth_server, token_endpoint_auth_method="private_key_jwt", jwks=jwks(KEY)
    )

    code = answer_of(await auth_server.person().approve(client.authorize_url()))["code"]
    bare = await client.redeem(code)
    signed = await client.redeem(code, **signed_by(KEY.sign(say(auth_server, DOCUMENT))))
    refreshed = await client.refresh(
        signed.json()["refresh_token"],
        client_id=None,
        **signed_by(KEY.sign(say(auth_server, DOCUMENT))),
    )

    assert (bare.status_code, bare.json()["error"]) == INVALID
    assert (signed.status_code, refreshed.status_code) == (200, 200)


@pytest.mark.parametrize("signs", [True, False])
async def test_a_client_that_offers_both_methods_connects_with_either_a81(
    auth_server: AuthServer, signs: bool
) -> None:
    """A81, as ChatGPT does: a client with a document is not told which method was picked."""
    client = publish_client(
        auth_server,
        token_endpoint_auth_methods_supported=["private_key_jwt", "none"],
        jwks_uri="https://app.example/oauth/jwks.json",
    )
    auth_server.web["https://app.example/oauth/jwks.json"] = published(KEY)

    code = answer_of(await auth_server.person().approve(client.authorize_url()))["code"]
    forged = await client.redeem(code, **signed_by(OTHER_KEY.sign(say(auth_server, DOCUMENT))))
    proof = signed_by(KEY.sign(say(auth_server, DOCUMENT))) if signs else {}
    tokens = await client.redeem(code, **proof)

    assert (forged.status_code, forged.json()["error"]) == INVALID
    assert tokens.status_code == 200


async def test_a_document_that_names_signing_without_keys_is_of_no_use(
    auth_server: AuthServer,
) -> None:
    """A81: a person sees a page, and nothing is stored."""
    client = publish_client(auth_server, token_endpoint_auth_method="private_key_jwt")

    answer = await auth_server.http.get(client.authorize_url())

    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize("named", ["jwks", "jwks_uri"])
async def test_a_client_may_register_its_keys(auth_server: AuthServer, named: str) -> None:
    """RFC 7591 §2: what the metadata advertises can be registered too."""
    auth_server.web[KEYS] = published(KEY)
    document = {
        "client_name": "App",
        "redirect_uris": ["https://app.example/callback"],
        "token_endpoint_auth_method": "private_key_jwt",
        **({"jwks": jwks(KEY)} if named == "jwks" else {"jwks_uri": KEYS}),
    }

    body = (await auth_server.http.post("/register", json=document)).json()
    client = OAuthClient(
        auth_server.http,
        auth_server.issuer,
        auth_server.resource,
        body["client_id"],
        "https://app.example/callback",
    )
    code = answer_of(await auth_server.person().approve(client.authorize_url()))["code"]
    tokens = await client.redeem(code, **signed_by(KEY.sign(say(auth_server, body["client_id"]))))

    assert "client_secret" not in body
    assert named in body
    assert tokens.status_code == 200


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"jwks": {"keys": []}},
        {"jwks": jwks(KEY), "jwks_uri": KEYS},
        {"jwks": {"keys": [KEY.public(d="AAAA")]}},
        {"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}},
        {"jwks": "keys"},
        {"jwks_uri": "http://acme.example/keys.json"},
        {"jwks_uri": 7},
    ],
    ids=["neither", "empty", "both", "private", "symmetric", "no set", "plain http", "no URL"],
)
async def test_keys_that_could_not_be_used_are_refused_at_registration(
    table_server: AuthServer, keys: dict[str, Any]
) -> None:
    """RFC 7591 §2, §3.2.2; a private key stays unregistered."""
    document = {
        "redirect_uris": ["https://app.example/callback"],
        "token_endpoint_auth_method": "private_key_jwt",
        **keys,
    }

    answer = await table_server.http.post("/register", json=document)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
    assert "jwks" in answer.json()["error_description"]


async def test_a_gateways_keys_are_read_over_plain_http_inside() -> None:
    """The operator configured the URL; only an invalid key set is refused."""
    answers = {
        "/keys": httpx2.Response(200, json=jwks(KEY), headers={"cache-control": "max-age=60"}),
        "/moved": httpx2.Response(302, headers={"location": "http://10.0.0.1/keys"}),
        "/large": httpx2.Response(200, content=b" " * 70_000),
    }

    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.headers["cache-control"] == "no-cache"  # keys rotate
        if request.url.path not in answers:
            raise httpx2.ConnectError("refused")
        return answers[request.url.path]

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        fetched = await fetch_key_set(http, "http://10.0.0.1/keys")
        for path in ("/moved", "/large", "/away"):
            with pytest.raises(FetchRefused):
                await fetch_key_set(http, f"http://10.0.0.1{path}")

    assert json.loads(fetched.body) == jwks(KEY)
    assert fetched.cache_control == "max-age=60"


def test_the_assertion_type_is_the_standards() -> None:
    """RFC 7523 §2.2, as the server spells it."""
    assert credentials.ASSERTION_TYPE == ASSERTION_TYPE
