"""Client authentication at the token endpoint, only by the registered method."""

import base64
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
import pytest

from support.in_process.assertions import KeyPair, jwks, signed_by, statement
from support.in_process.auth_server import AuthServer
from support.in_process.oauth_client import OAuthClient, answer_of

METHODS = ("none", "client_secret_basic", "client_secret_post")
SIGNED = "private_key_jwt"
KEY = KeyPair(kid="k")
GRANT = {"grant_type": "refresh_token", "refresh_token": "not-one"}


def basic(client_id: str, secret: str) -> dict[str, str]:
    """Write Basic credentials as RFC 6749 §2.3.1 requires."""
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


async def call(
    server: AuthServer, data: dict[str, str], headers: dict[str, str] | None = None
) -> httpx2.Response:
    """Call the token endpoint with an invalid grant, so that only authentication differs."""
    return await server.http.post("/token", data={**GRANT, **data}, headers=headers or {})


async def registered(server: AuthServer, method: str) -> tuple[str, str]:
    """Register a client; return its id and its secret, or a made-up one."""
    answer = await server.http.post(
        "/register",
        json={
            "client_name": "Test client",
            "redirect_uris": ["https://app.example/cb"],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": method,
            **({"jwks": jwks(KEY)} if method == SIGNED else {}),
        },
    )
    body = answer.json()
    return body["client_id"], body.get("client_secret", "made-up-secret")


@pytest.mark.parametrize("method", [*METHODS, SIGNED])
@pytest.mark.parametrize("used", [*METHODS, SIGNED])
async def test_a_client_authenticates_only_by_its_registered_method_a88(
    table_server: AuthServer, method: str, used: str
) -> None:
    """RFC 6749 §2.3. A88: every method against every other."""
    client_id, secret = await registered(table_server, method)
    requests = {
        "none": call(table_server, {"client_id": client_id}),
        "client_secret_basic": call(table_server, {}, basic(client_id, secret)),
        "client_secret_post": call(table_server, {"client_id": client_id, "client_secret": secret}),
        SIGNED: call(
            table_server,
            signed_by(KEY.sign(statement(client_id, table_server.issuer, table_server.clock()))),
        ),
    }

    answer = await requests.pop(used)
    for unused in requests.values():
        unused.close()

    expected = (400, "invalid_grant") if used == method else (401, "invalid_client")
    assert (answer.status_code, answer.json()["error"]) == expected


@pytest.mark.both_databases
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_confidential_client_connects_with_its_secret(
    auth_server: AuthServer, method: str
) -> None:
    """RFC 6749 §2.3.1, from registration to tokens."""
    client_id, secret = await registered(auth_server, method)
    client = OAuthClient(
        auth_server.http,
        auth_server.issuer,
        auth_server.resource,
        client_id,
        redirect_uri="https://app.example/cb",
    )
    code = answer_of(await auth_server.person().approve(client.authorize_url()))["code"]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": client.verifier,
    }

    if method == "client_secret_basic":
        answer = await call(auth_server, form | {"refresh_token": ""}, basic(client_id, secret))
    else:
        answer = await call(
            auth_server,
            form | {"refresh_token": "", "client_id": client_id, "client_secret": secret},
        )

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("method", METHODS)
async def test_an_unknown_client_and_a_wrong_secret_sound_the_same_a93(
    table_server: AuthServer, method: str
) -> None:
    """RFC 6749 §5.2. A93: nobody learns which clients exist."""
    client_id, secret = await registered(table_server, "client_secret_basic")
    other_id, _ = await registered(table_server, "client_secret_post")

    def request(client: str, given: str) -> Any:
        if method == "client_secret_basic":
            return call(table_server, {}, basic(client, given))
        if method == "client_secret_post":
            return call(table_server, {"client_id": client, "client_secret": given})
        return call(table_server, {"client_id": client})

    answers = [
        await request("client_unknown", secret),
        await request(client_id, secret[:-1]),
        await request(other_id, secret),
        await request("x" * 5000, secret),
        await request("' OR ''='", secret),
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    challenges = {answer.headers.get("www-authenticate", "none") for answer in answers}
    basic_challenge = {'Basic realm="gatepost"'}
    assert challenges == (basic_challenge if method == "client_secret_basic" else {"none"})


async def test_two_methods_in_one_request_are_refused_a89(table_server: AuthServer) -> None:
    """RFC 6749 §2.3. A89."""
    client_id, secret = await registered(table_server, "client_secret_basic")
    header = basic(client_id, secret)

    both = await call(table_server, {"client_id": client_id, "client_secret": secret}, header)
    other = await call(table_server, {"client_id": "client_other"}, header)
    repeated = await call(table_server, {"client_id": client_id}, header)

    assert (both.status_code, both.json()["error"]) == (400, "invalid_request")
    assert (other.status_code, other.json()["error"]) == (400, "invalid_request")
    assert repeated.json()["error"] == "invalid_grant"


def encoded(text: str | bytes) -> str:
    """Encode credentials that RFC 6749 would not."""
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


BROKEN = [
    "Basic",
    "Basic ",
    "Basic !!!",
    "Basic a",
    f"Basic {encoded('no-colon')}",
    f"Basic {encoded(':secret')}",
    f"Basic {encoded('id:')}",
    f"Basic {encoded(':')}",
    f"Basic {encoded(bytes([0xFF, 0xFE, 0x3A, 0xFF]))}",
    f"Basic {encoded(chr(0) + ':secret')}",
    f"Basic {encoded('%00:secret')}",
    f"Basic {encoded('%ff:secret')}",
    f"Basic {encoded('id:%00')}",
    f"Basic {encoded('client_unknown:secret')} more",
    f"Basic {encoded('client_unknown:secret')},Basic x",
    f"Basic {encoded('x' * 40_000 + ':secret')}",
    "Bearer eyJhbGciOiJub25lIn0.e30.",
    "Digest username=x",
    "",
    "é",
]


async def test_broken_credentials_are_a_401_with_a_challenge_a90(auth_server: AuthServer) -> None:
    """RFC 6749 §5.2. A90: not a 500, and not ignored in favour of the form."""
    for authorization in BROKEN:
        for form in ({}, {"client_id": "orbit-cli"}):
            answer = await auth_server.http.post(
                "/token",
                data={**GRANT, **form},
                headers=[(b"authorization", authorization.encode("latin-1"))],
            )
            refusal = (answer.status_code, answer.json()["error"])
            if len(authorization) > 32 << 10:
                assert refusal == (431, "invalid_request")
                continue
            assert refusal in {(401, "invalid_client"), (400, "invalid_request")}, authorization
            if answer.status_code == 401:
                assert answer.headers["www-authenticate"].startswith("Basic ")


async def test_the_scheme_is_read_in_any_case_and_the_parts_are_form_decoded_a90(
    table_server: AuthServer,
) -> None:
    """RFC 9110 §11.1, RFC 6749 §2.3.1. A90."""
    client_id, secret = await registered(table_server, "client_secret_basic")
    escaped = "".join(f"%{ord(character):02x}" for character in secret)
    header = basic(client_id, secret)["authorization"]

    for authorization in (
        header,
        header.replace("Basic", "basic"),
        f"BASIC {encoded(f'{client_id}:{escaped}')}",
    ):
        answer = await call(table_server, {}, {"authorization": authorization})
        assert answer.json()["error"] == "invalid_grant"
    unescaped = f"Basic {encoded(f'{client_id}:{escaped.replace(chr(37), chr(37) + str(25))}')}"
    answer = await call(table_server, {}, {"authorization": unescaped})
    assert answer.json()["error"] == "invalid_client"


@pytest.mark.parametrize("name", ["client_id", "grant_type", "refresh_token", "scope", "unheard"])
async def test_a_parameter_sent_twice_to_the_token_endpoint_is_refused_a10(
    table_server: AuthServer, name: str
) -> None:
    """RFC 6749 §3.2."""
    form = {**GRANT, "client_id": "orbit-cli"}
    pairs = [*form.items(), *[(name, form.get(name, "x"))] * 2]

    answer = await table_server.http.post(
        "/token",
        content=urlencode(pairs),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert name in answer.json()["error_description"]


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b'{"grant_type": "refresh_token"}', "application/json"),
        (b"grant_type=refresh_token", "text/plain"),
        (b"grant_type=refresh_token", ""),
        (b"grant_type=%ff", "application/x-www-form-urlencoded"),
        (b"grant_type=%00", "application/x-www-form-urlencoded"),
        (b"client_id=%00&grant_type=x", "application/x-www-form-urlencoded"),
        (b"\xff\x00", "application/x-www-form-urlencoded"),
        (b"a=1&" * 300, "application/x-www-form-urlencoded"),
        (b"a=" + b"x" * 100_000, "application/x-www-form-urlencoded"),
        (b"", "application/x-www-form-urlencoded"),
    ],
)
async def test_a_body_that_is_not_a_form_is_refused_in_json(
    table_server: AuthServer, content: bytes, content_type: str
) -> None:
    """RFC 6749 §5.2. A156."""
    answer = await table_server.http.post(
        "/token", content=content, headers={"content-type": content_type}
    )

    assert answer.status_code in {400, 401}
    assert answer.json()["error"] in {"invalid_request", "invalid_client"}
    assert answer.headers["cache-control"] == "no-store"


async def test_credentials_in_the_url_are_not_read_a104(table_server: AuthServer) -> None:
    """RFC 6749 §2.3.1: never in the request URI. A104."""
    query = httpx2.QueryParams({**GRANT, "client_id": "orbit-cli"})

    answer = await table_server.http.post(f"/token?{query}", data={})
    got = await table_server.http.get(f"/token?{query}")

    assert answer.json()["error"] in {"invalid_client", "invalid_request"}
    assert got.status_code == 405


@pytest.mark.parametrize(
    ("grant_type", "error"),
    [
        ("", "invalid_request"),
        ("password", "unsupported_grant_type"),
        ("client_credentials", "unauthorized_client"),
        ("implicit", "unsupported_grant_type"),
        ("urn:ietf:params:oauth:grant-type:device_code", "unauthorized_client"),
        ("AUTHORIZATION_CODE", "unsupported_grant_type"),
    ],
)
async def test_a_public_client_gets_no_grant_type_but_those_it_registered(
    table_server: AuthServer, grant_type: str, error: str
) -> None:
    """RFC 6749 §5.2; OAuth 2.1 has no password and no implicit grant."""
    answer = await call(table_server, {"client_id": "orbit-cli", "grant_type": grant_type})

    assert (answer.status_code, answer.json()["error"]) == (400, error)
