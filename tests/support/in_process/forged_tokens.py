"""Access tokens that a verifier must refuse, each by the attack, and unusual ones that it accepts."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import orjson

from support.in_process import tokens
from support.in_process.gateway import World


def with_public_key_as_secret(world: World) -> str:
    """Sign with HMAC and the published key as the secret (algorithm confusion)."""
    header = tokens.encode(orjson.dumps({"alg": "HS256", "typ": "at+jwt", "kid": tokens.KID}))
    signed = f"{header}.{tokens.encode(orjson.dumps(tokens.claims(world.clock())))}"
    mac = hmac.digest(tokens.KEY.as_pem(private=False), signed.encode(), hashlib.sha256)
    return f"{signed}.{tokens.encode(mac)}"


def unsigned(world: World) -> str:
    """Leave the signature out."""
    header = tokens.encode(orjson.dumps({"alg": "none", "typ": "at+jwt", "kid": tokens.KID}))
    return f"{header}.{tokens.encode(orjson.dumps(tokens.claims(world.clock())))}."


def headed(**header: Any) -> Callable[[World], str]:
    """Sign correctly, with another header."""
    return lambda world: tokens.sign(tokens.claims(world.clock()), header=header)


def claiming(**claims: Any) -> Callable[[World], str]:
    """Sign correctly, with other claims."""
    return lambda world: world.token(**claims)


def timed(**shifts: int) -> Callable[[World], str]:
    """Sign correctly, with time claims relative to now, in seconds."""

    def make(world: World) -> str:
        now = int(world.clock().timestamp())
        return world.token(**{name: now + shift for name, shift in shifts.items()})

    return make


def raw(payload: bytes) -> Callable[[World], str]:
    """Sign a payload that is not a set of claims."""
    return lambda _: tokens.sign(payload)


RESOURCE = "http://127.0.0.1:8401/mcp"

FORGED: dict[str, Callable[[World], str]] = {
    "no signature": unsigned,
    "HMAC under the public key": with_public_key_as_secret,
    "another's key": lambda w: tokens.sign(tokens.claims(w.clock()), key=tokens.OTHER_KEY),
    "embedded jwk": lambda w: tokens.sign(
        tokens.claims(w.clock()),
        key=tokens.OTHER_KEY,
        header={"jwk": tokens.OTHER_KEY.as_dict(private=False)},
    ),
    "jku": headed(jku="https://evil.example/jwks.json"),
    "x5u": headed(x5u="https://evil.example/cert.pem"),
    "x5c": headed(x5c=["MII"]),
    "crit": headed(crit=["exp"], exp=1),
    "b64": headed(b64=True),
    "typ JWT": headed(typ="JWT"),
    "typ of a client assertion": headed(typ="client-authentication+jwt"),
    "typ missing": headed(typ=None),
    "typ a list": headed(typ=["at+jwt"]),
    "kid missing": headed(kid=None),
    "kid a path": headed(kid="../../dev/null"),
    "kid of SQL": headed(kid="' OR 1=1 --"),
    "kid huge": headed(kid="a" * 129),
    "kid a number": headed(kid=1),
    "kid unknown": headed(kid="2027-01"),
    "issuer of another": claiming(iss="https://evil.example"),
    "issuer with a slash": claiming(iss="http://127.0.0.1:8400/"),
    "issuer in capitals": claiming(iss="HTTP://127.0.0.1:8400"),
    "issuer missing": claiming(iss=None),
    "audience of another resource": claiming(aud="http://127.0.0.1:8401/other"),
    "audience the origin": claiming(aud="http://127.0.0.1:8401"),
    "audience a longer path": claiming(aud=f"{RESOURCE}-evil"),
    "audience with a slash": claiming(aud=f"{RESOURCE}/"),
    "audience a list of two": claiming(aud=[RESOURCE, "https://evil.example"]),
    "audience an empty list": claiming(aud=[]),
    "audience missing": claiming(aud=None),
    "expired": timed(exp=-31),
    "issued in the future": timed(iat=31, exp=600),
    "not valid yet": timed(nbf=31),
    "nbf a boolean": claiming(nbf=True),
    "exp a boolean": claiming(exp=True),
    "exp a text": claiming(exp="9999999999"),
    "exp a fraction": claiming(exp=9999999999.5),
    "exp negative": claiming(exp=-1),
    "exp beyond any number": raw(b'{"exp":1e400}'),
    "exp not a number": raw(b'{"exp":NaN}'),
    "payload a list": raw(b"[]"),
    "payload no JSON": raw(b"\xff\xfe"),
    "too long": claiming(padding="x" * 7_000),
    **{
        f"{name} missing": claiming(**{name: None})
        for name in ("sub", "client_id", "jti", "iat", "exp", "scope", "tenant_id")
    },
    **{
        f"{name} missing": claiming(**{name: None})
        for name in ("allowed_tools", "data_scope", "grant_id", "grant_version", "env")
    },
    "allowed_tools a text": claiming(allowed_tools="@read"),
    "allowed_tools everything": claiming(allowed_tools=["*"]),
    "two segments": lambda w: w.token().rpartition(".")[0],
    "four segments": lambda w: f"{w.token()}.e30",
    "cut off": lambda w: w.token()[:-5],
    "not a JWT": lambda _: "mcp_live_0123456789abcdef",
    "header a list": lambda _: f"{tokens.encode(b'[]')}.e30.e30",
}

GOOD: dict[str, Callable[[World], str]] = {
    "as issued": claiming(),
    "typ in full": headed(typ="application/at+jwt"),
    "typ in capitals": headed(typ="AT+JWT"),
    "audience a list of one": claiming(aud=[RESOURCE]),
    "just expired": timed(exp=-29),
    "issued by a clock ahead": timed(iat=29, exp=600),
    "valid by a clock ahead": timed(nbf=29),
}
