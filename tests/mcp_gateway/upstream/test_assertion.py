"""The claims of the identity assertion, and that it can't be forged."""

import hashlib
from base64 import urlsafe_b64encode

import orjson
import pytest
from joserfc import jws
from joserfc.jwk import KeySet

from support.in_process.gateway import World


async def stated(world: World) -> tuple[dict[str, object], dict[str, object]]:
    """Verify the last request's assertion with the published keys; return header and claims."""
    document = (await world.http.get("/.well-known/jwks.json")).json()
    assertion = world.api.header("gatepost-assertion") or ""
    keys = KeySet.import_key_set(document)
    verified = jws.deserialize_compact(assertion, keys, algorithms=["ES256"])
    return verified.headers(), orjson.loads(verified.payload)


@pytest.mark.parametrize(
    ("tool", "arguments"), [("list_tasks", {"q": "x y"}), ("create_task", {"title": "é"})]
)
async def test_the_api_learns_the_caller_and_the_exact_request(
    world: World, tool: str, arguments: dict[str, str]
) -> None:
    await world.call("new", tool, arguments)
    header, claims = await stated(world)
    request = world.api.requests[-1]
    assert header["typ"] == "gatepost-assertion+jwt"
    issued = int(world.clock().timestamp())
    digest = hashlib.sha256(request.body).digest()
    assert claims == {
        "iss": "http://127.0.0.1:8401/mcp",
        "aud": "http://127.0.0.1:8402",
        "sub": "usr_ada",
        "tenant_id": "org_acme",
        "data_scope": "team:engineering",
        "client_id": "client_claude",
        "env": "live",
        "tool": tool,
        "jti": world.records[-1]["call_id"],
        "iat": issued,
        "exp": issued + 60,
        "htm": request.method,
        "htu": request.url,
        "body_sha256": urlsafe_b64encode(digest).decode().rstrip("="),
    }


async def test_the_api_can_tell_the_calls_of_a_test_key(world: World) -> None:
    await world.call("new", "list_tasks", {}, token=world.token(env="test"))

    assert (await stated(world))[1]["env"] == "test"


async def test_the_api_learns_which_sub_agent_calls(world: World) -> None:
    """RFC 8693 §4.1."""
    act = {"sub": "client_claude#reader", "act": {"sub": "client_claude#researcher"}}
    await world.call("new", "list_tasks", {}, token=world.token(act=act))

    assert (await stated(world))[1]["act"] == act
