"""Tokens that are bound to a key or a certificate, at the gateway (RFC 9449 §7, RFC 8705 §3)."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import orjson
import pytest

from support.in_process import tokens
from support.in_process.client_certificate import ClientCertificate
from support.in_process.dpop import MCP_URL, DpopKey
from support.in_process.gateway import MODERN, World, a_world
from support.processes.former_release import NoFormerRelease, unpack_former_release, with_code

KEY, OTHER_KEY = DpopKey(), DpopKey()
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
ALGS = 'algs="ES256 EdDSA Ed25519"'


def bound(world: World, key: DpopKey = KEY, **claims: Any) -> str:
    """Sign a token of Ada's that is bound to a key."""
    cnf = {"cnf": {"jkt": key.thumbprint}, **claims}
    return tokens.sign(tokens.claims(world.clock(), **cnf), header={"typ": "bound+at+jwt"})


async def send(
    world: World,
    token: str,
    *proofs: str,
    scheme: str = "DPoP",
    method: str = "POST",
    url: str = "/mcp",
    body: object = LIST,
) -> httpx2.Response:
    """Send one request with proofs."""
    headers = {
        "authorization": f"{scheme} {token}",
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
    }
    lines = [*headers.items(), *(("dpop", proof) for proof in proofs)]
    return await world.http.request(method, url, content=orjson.dumps(body), headers=lines)


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    """Read a refusal, which the challenge names too."""
    error = answer.json()["error"]
    assert f'error="{error}"' in answer.headers["www-authenticate"]
    return answer.status_code, error


async def test_a_bound_token_with_a_proof_of_its_key_is_let_in(world: World) -> None:
    """RFC 9449 §7.1."""
    for _ in range(2):
        token = bound(world)
        answer = await send(world, token, KEY.prove(world.clock(), MCP_URL, token=token))
        assert answer.status_code == 200 and answer.json()["result"]["tools"], answer.text
        assert "dpop-nonce" not in answer.headers


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
async def test_each_kind_of_key_is_let_in(world: World, algorithm: Any) -> None:
    key = DpopKey(algorithm)
    token = bound(world, key)
    proof = key.prove(world.clock(), MCP_URL, token=token)
    assert (await send(world, token, proof, scheme="dpop")).status_code == 200


async def test_a_client_that_knows_dpop_learns_that_it_may_use_it(world: World) -> None:
    """RFC 9449 §7.1, §7.2: as a second challenge, so that other clients read the first as ever."""
    answer = await world.http.post("/mcp", json=LIST)
    first, second = answer.headers.get_list("www-authenticate")
    assert first.startswith("Bearer resource_metadata=") and second == f"DPoP {ALGS}"


async def test_a_stolen_bound_token_is_worthless_without_its_key_a190(world: World) -> None:
    """RFC 9449 §7.1, §7.2. A190."""
    token, now = bound(world), world.clock()

    as_bearer = await send(world, token, scheme="Bearer")
    with_proof = await send(world, token, KEY.prove(now, MCP_URL, token=token), scheme="Bearer")
    without = await send(world, token)
    with_own_key = await send(world, token, OTHER_KEY.prove(now, MCP_URL, token=token))

    assert refusal(as_bearer) == refusal(with_proof) == (401, "invalid_token")
    assert refusal(without) == (401, "invalid_dpop_proof")
    assert refusal(with_own_key) == (401, "invalid_token")
    for answer in (as_bearer, with_proof, without, with_own_key):
        challenge = answer.headers["www-authenticate"]
        assert challenge.startswith('DPoP error="') and challenge.endswith(ALGS)
        assert "resource_metadata=" in challenge


async def test_a_bound_token_is_refused_wherever_else_the_gateway_takes_tokens_a190(
    world: World,
) -> None:
    """A190: at the catalogue, in an API key's place, and in the answer to an exchange of a key."""
    token = bound(world, scope="gatepost:catalogue")
    catalogue = await world.http.get(
        "/internal/catalogue", headers={"authorization": f"Bearer {token}"}
    )
    as_key = await send(
        world, token, KEY.prove(world.clock(), MCP_URL, token=token), scheme="ApiKey"
    )
    assert catalogue.status_code == as_key.status_code == 401


async def test_an_unbound_token_is_not_sent_with_the_scheme_dpop_a195(world: World) -> None:
    """RFC 9449 §7.1. A195: what is not bound must not look bound."""
    token = world.token()
    answer = await send(world, token, KEY.prove(world.clock(), MCP_URL, token=token))
    assert refusal(answer) == (401, "invalid_token")


CONTRADICTIONS: dict[str, tuple[str, object]] = {
    "bound, with the usual type": ("at+jwt", {"jkt": KEY.thumbprint}),
    "not bound": ("bound+at+jwt", None),
    "bound to nothing": ("bound+at+jwt", {}),
    "a short thumbprint": ("bound+at+jwt", {"jkt": "short"}),
    "a method that is unknown": ("bound+at+jwt", {"jwk": {"kty": "EC"}}),
    "two methods": ("bound+at+jwt", {"jkt": KEY.thumbprint, "x5t#S256": KEY.thumbprint}),
    "a text": ("bound+at+jwt", KEY.thumbprint),
    "a number": ("bound+at+jwt", {"jkt": 1}),
}


@pytest.mark.parametrize("said", CONTRADICTIONS)
async def test_a_token_says_in_its_type_and_in_one_method_that_it_is_bound_a195(
    world: World, said: str
) -> None:
    """A195: a `cnf` that is not understood is never passed over."""
    typ, cnf = CONTRADICTIONS[said]
    token = tokens.sign(tokens.claims(world.clock(), cnf=cnf), header={"typ": typ})
    for scheme in ("Bearer", "DPoP"):
        proof = KEY.prove(world.clock(), MCP_URL, token=token)
        answer = await send(world, token, proof, scheme=scheme)
        assert refusal(answer) == (401, "invalid_token"), scheme


FORMER = """
import asyncio, datetime, sys
from mcp_gateway.auth.jwks import Jwks
from mcp_gateway.auth.verify_token import InvalidToken, TokenVerifier

async def fetch():
    return sys.argv[1].encode()

async def main():
    now = lambda: datetime.datetime.now(datetime.UTC)
    jwks = Jwks(fetch, now)
    verifier = TokenVerifier(
        jwks=jwks, issuer="http://127.0.0.1:8400", resource="http://127.0.0.1:8401/mcp",
        is_revoked=lambda *_: False, now=now,
    )
    for token in sys.argv[2:]:
        try:
            print((await verifier.verify(token.encode())).sub)
        except InvalidToken as problem:
            print(problem)

asyncio.run(main())
"""


def test_a_gateway_of_the_release_before_takes_no_bound_token_as_a_bearer_token_a195(
    tmp_path: Path,
) -> None:
    """A195: while a release rolls out, either gateway may get the token. The former does not know `cnf`."""
    try:
        code = unpack_former_release(tmp_path / "former")
    except NoFormerRelease as problem:
        pytest.skip(str(problem))
    command, environment = with_code([sys.executable, "-c", FORMER], code)
    now = datetime.now(UTC)
    usual = tokens.sign(tokens.claims(now))
    token = tokens.sign(
        tokens.claims(now, cnf={"jkt": KEY.thumbprint}), header={"typ": "bound+at+jwt"}
    )
    ran = subprocess.run(
        [*command, tokens.jwks().decode(), usual, token],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.splitlines() == ["usr_ada", "the token is not of type at+jwt"]


OTHER_REQUESTS: dict[str, dict[str, Any]] = {
    "another method": {"htm": "GET"},
    "another address": {"url": "http://127.0.0.1:8401/other"},
    "the authorization server": {"url": "http://127.0.0.1:8400/token"},
    "another token": {"token": "another"},
    "no token": {"token": None},
    "six minutes ago": {"ago": 360},
    "in six minutes": {"ago": -360},
    "another kind of token": {"header": {"typ": "JWT"}},
    "a shared secret": {"header": {"alg": "HS256"}},
    "a private key": {"header": {"jwk": {**KEY.pair.public(), "d": "x"}}},
}


@pytest.mark.parametrize("other", OTHER_REQUESTS)
async def test_a_proof_for_something_else_is_refused_a192_a194(world: World, other: str) -> None:
    """RFC 9449 §4.3, §11.5, §11.6. A192, A194."""
    token, changes = bound(world), dict(OTHER_REQUESTS[other])
    made = world.clock() - timedelta(seconds=changes.pop("ago", 0))
    proof = KEY.prove(made, **{"url": MCP_URL, "token": token, **changes})
    answer = await send(world, token, proof)
    assert refusal(answer) == (401, "invalid_dpop_proof")
    assert answer.headers["www-authenticate"].startswith('DPoP error="invalid_dpop_proof"')


@pytest.mark.parametrize("url", ["/mcp", "/mcp/"])
@pytest.mark.parametrize("htu", [MCP_URL, f"{MCP_URL}/", f"{MCP_URL}?session=1"])
async def test_a_slash_at_the_end_or_a_query_does_not_matter(
    world: World, url: str, htu: str
) -> None:
    token = bound(world)
    answer = await send(world, token, KEY.prove(world.clock(), htu, token=token), url=url)
    assert answer.status_code == 200


async def test_a_captured_proof_is_refused_a191(world: World) -> None:
    """RFC 9449 §11.1. A191: in the handshake era and the modern one, and with another body."""
    token = bound(world)
    proof = KEY.prove(world.clock(), MCP_URL, token=token)
    assert (await send(world, token, proof)).status_code == 200
    other = {**LIST, "method": "tools/call", "params": {"name": "list_tasks", "arguments": {}}}
    for body in (LIST, other):
        assert refusal(await send(world, token, proof, body=body)) == (401, "invalid_dpop_proof")
    world.clock.advance(seconds=299)
    assert refusal(await send(world, token, proof)) == (401, "invalid_dpop_proof")
    world.clock.advance(seconds=2)
    late = await send(world, token, proof)
    assert refusal(late) == (401, "invalid_dpop_proof")


async def test_of_fifty_requests_with_one_proof_one_is_let_in_a191(world: World) -> None:
    """RFC 9449 §11.1. A191."""
    token = bound(world)
    proof = KEY.prove(world.clock(), MCP_URL, token=token)
    answers = await asyncio.gather(*(send(world, token, proof) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + 49 * [401]


async def test_two_proofs_are_refused_even_if_both_are_valid_a194(world: World) -> None:
    """RFC 9449 §4.3. A194."""
    token = bound(world)
    proofs = [KEY.prove(world.clock(), MCP_URL, token=token) for _ in range(2)]
    assert refusal(await send(world, token, *proofs)) == (401, "invalid_dpop_proof")
    assert (await send(world, token, proofs[0])).status_code == 200


async def test_every_request_needs_its_own_proof_whatever_it_asks_a190(world: World) -> None:
    """A190: a notification, an answer to a question, and a look with another method."""
    token, now = bound(world), world.clock()
    notification = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    response = {"jsonrpc": "2.0", "id": "q", "result": {"action": "accept"}}
    for body in (notification, response):
        assert refusal(await send(world, token, body=body)) == (401, "invalid_dpop_proof")
    assert refusal(await send(world, token, method="DELETE")) == (401, "invalid_dpop_proof")
    assert refusal(await send(world, token, method="GET")) == (401, "invalid_dpop_proof")
    proof = KEY.prove(now, MCP_URL, token=token, htm="DELETE")
    looked = await send(world, token, proof, method="DELETE")
    assert looked.status_code == 405


async def test_a_gateway_with_nonces_takes_no_proof_that_was_made_before_them_a193(
    tmp_path: Path,
) -> None:
    """RFC 9449 §9, §11.2, §11.3. A193."""
    async with a_world(tmp_path, dpop_nonces=True) as world:
        token = bound(world)
        ahead = int(world.clock().timestamp()) + 250
        refused = await send(
            world, token, KEY.prove(world.clock(), MCP_URL, token=token, iat=ahead)
        )
        assert refusal(refused) == (401, "use_dpop_nonce")
        nonce = refused.headers["dpop-nonce"]

        async def use(nonce: str) -> httpx2.Response:
            proof = KEY.prove(world.clock(), MCP_URL, token=token, nonce=nonce)
            return await send(world, token, proof)

        for wrong in ("", "x", nonce[:-1], f"{nonce}A", "é"):
            assert refusal(await use(wrong)) == (401, "use_dpop_nonce"), wrong
        first = await use(nonce)
        assert first.status_code == 200 and "dpop-nonce" not in first.headers
        world.clock.advance(minutes=3)
        second = await use(nonce)
        assert second.status_code == 200
        world.clock.advance(minutes=4)
        assert refusal(await use(nonce)) == (401, "use_dpop_nonce")
        assert (await use(second.headers["dpop-nonce"])).status_code == 200


async def test_any_replica_takes_anothers_nonce_a193(tmp_path: Path) -> None:
    """A193: both derive the seal from the gateway's key."""
    nonce = ""
    for _ in range(2):
        async with a_world(tmp_path, dpop_nonces=True) as world:
            token = bound(world)
            proof = KEY.prove(world.clock(), MCP_URL, token=token, nonce=nonce or None)
            answer = await send(world, token, proof)
            assert answer.status_code == (200 if nonce else 401)
            nonce = answer.headers.get("dpop-nonce", "")


async def test_a_client_with_a_key_is_challenged_to_step_up_with_its_own_scheme(
    world: World,
) -> None:
    """RFC 9449 §7.1 with RFC 6750 §3.1."""
    token = bound(world, scope="mcp:read", allowed_tools=["create_task", "list_tasks"])
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": "create_task", "arguments": {"title": "x"}, "_meta": meta}
    proof = KEY.prove(world.clock(), MCP_URL, token=token)
    answer = await world.http.post(
        "/mcp",
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
        headers={
            "authorization": f"DPoP {token}",
            "dpop": proof,
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": MODERN,
            "mcp-method": "tools/call",
            "mcp-name": "create_task",
        },
    )
    assert answer.status_code == 403, answer.text
    assert answer.headers["www-authenticate"].startswith('DPoP error="insufficient_scope"')


async def test_the_api_hears_nothing_of_the_clients_proof_a190(world: World) -> None:
    """A190, A121: neither the token nor the proof goes upstream; the statement says who calls."""
    token = bound(world)
    call = {**LIST, "method": "tools/call", "params": {"name": "list_tasks", "arguments": {}}}
    proof = KEY.prove(world.clock(), MCP_URL, token=token)
    answer = await send(world, token, proof, body=call)
    assert answer.status_code == 200
    [sent] = world.api.requests
    names = {name.lower() for name, _ in sent.headers}
    assert "dpop" not in names
    assert all(token not in value and proof not in value for _, value in sent.headers)


async def test_a_script_in_a_browser_may_send_a_proof_and_read_the_nonce(world: World) -> None:
    origin = {"origin": "http://127.0.0.1:8401"}
    preflight = await world.http.options(
        "/mcp", headers={**origin, "access-control-request-method": "POST"}
    )
    assert "dpop" in preflight.headers["access-control-allow-headers"].split(", ")
    answer = await world.post(LIST, headers=origin)
    assert "dpop-nonce" in answer.headers["access-control-expose-headers"].split(", ")


CERTIFICATE, OTHER_CERTIFICATE = ClientCertificate(), ClientCertificate()
WRITTEN = {
    "as RFC 9440 says": f":{CERTIFICATE.header}:",
    "in base64": CERTIFICATE.header,
    "as nginx escapes it": quote(CERTIFICATE.pem, safe=""),
    "as a load balancer escapes it": quote(CERTIFICATE.pem, safe="+=/"),
    "with spaces for line ends": CERTIFICATE.pem.replace("\n", " ").strip(),
}


def certified(world: World) -> str:
    """Sign a token of Ada's that is bound to a certificate."""
    claims = tokens.claims(world.clock(), cnf={"x5t#S256": CERTIFICATE.thumbprint})
    return tokens.sign(claims, header={"typ": "bound+at+jwt"})


@pytest.mark.parametrize("written", WRITTEN)
async def test_a_token_that_is_bound_to_a_certificate_comes_over_its_connection(
    tmp_path: Path, written: str
) -> None:
    """RFC 8705 §3: the proxy says whose connection it is, in whichever form it can."""
    async with a_world(tmp_path, client_certificate_header="Client-Cert") as world:
        answer = await world.post(
            LIST, token=certified(world), headers={"client-cert": WRITTEN[written]}
        )
        metadata = await world.http.get("/.well-known/oauth-protected-resource")
    assert answer.status_code == 200
    assert metadata.json()["tls_client_certificate_bound_access_tokens"] is True


WRONG: dict[str, str | None] = {
    "none": None,
    "empty": "",
    "another": OTHER_CERTIFICATE.header,
    "no certificate": "x",
    "broken escapes": "%%%",
    "not DER": ":eA==:",
    "not ASCII": "é",
    "endless": "A" * 20_000,
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_token_that_is_bound_to_a_certificate_comes_over_no_other_connection_a198(
    tmp_path: Path, wrong: str
) -> None:
    """RFC 8705 §3, §7. A198."""
    given = WRONG[wrong]
    async with a_world(tmp_path, client_certificate_header="Client-Cert") as world:
        token = certified(world)
        lines = [(b"authorization", f"Bearer {token}".encode())]
        if given is not None:
            lines.append((b"client-cert", given.encode()))
        answer = await world.http.post("/mcp", json=LIST, headers=lines)
        lines += [(b"client-cert", WRITTEN["in base64"].encode())] * 2
        beside_the_right_one = await world.http.post("/mcp", json=LIST, headers=lines)
        proof = KEY.prove(world.clock(), MCP_URL, token=token)
        with_a_key = await send(world, token, proof)
    for refused in (answer, beside_the_right_one, with_a_key):
        assert refusal(refused) == (401, "invalid_token")
        assert refused.headers["www-authenticate"].startswith("Bearer ")


async def test_without_a_proxy_that_verifies_certificates_their_header_means_nothing_a198(
    world: World,
) -> None:
    """A198: a client writes any header it likes."""
    headers = {"client-cert": WRITTEN["in base64"]}
    answer = await world.post(LIST, token=certified(world), headers=headers)
    assert refusal(answer) == (401, "invalid_token")
