"""Write vectors.json: assertions with the answers that every verifier must give.

`python packages/vectors/make.py`. The keys are derived from texts and the signatures are deterministic
(RFC 6979), so the file only changes if a case does. docs/verify-calls.md describes the format.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hmac
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NOW = 1_790_000_000
ISSUER, AUDIENCE = "https://mcp.example.com/mcp", "https://api.example.com"
URL = f"{AUDIENCE}/v1/orgs/org_acme/tasks?status=todo"
BODY = '{"title":"Call Northwind"}'
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def encode(data: bytes) -> str:
    """Write base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def write(value: object) -> str:
    """Write compact JSON as base64url."""
    return encode(json.dumps(value, separators=(",", ":")).encode())


def digest(body: str) -> str:
    """Hash a body as the claim `body_sha256` does."""
    return encode(hashlib.sha256(body.encode()).digest())


class Key:
    """A key derived from its name."""

    def __init__(self, kid: str) -> None:
        """Derive the key."""
        self.kid = kid
        secret = int.from_bytes(hashlib.sha256(f"gatepost vectors {kid}".encode()).digest(), "big")
        self.private = ec.derive_private_key(secret % (_ORDER - 1) + 1, ec.SECP256R1())

    def jwk(self, **members: object) -> dict[str, Any]:
        """Write the public key."""
        numbers = self.private.public_key().public_numbers()
        x, y = (encode(value.to_bytes(32, "big")) for value in (numbers.x, numbers.y))
        usual = {"kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig", "alg": "ES256"}
        return {**usual, "x": x, "y": y, **members}

    def sign(self, signed: str) -> bytes:
        """Sign as in JWS (RFC 7518 §3.4)."""
        der = self.private.sign(signed.encode(), ec.ECDSA(SHA256(), deterministic_signing=True))
        r, s = decode_dss_signature(der)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


GATEWAY, NEXT, STRANGER = Key("gateway-1"), Key("gateway-2"), Key("stranger")
OTHER_KINDS = (
    {"kty": "RSA", "kid": "rsa-1", "use": "sig", "n": encode(b"\xff" * 256), "e": "AQAB"},
    GATEWAY.jwk(kid="encryption-1", use="enc"),
    GATEWAY.jwk(kid="es512-1", alg="ES512"),
    {"kty": "EC", "crv": "P-256", "kid": "broken-1", "x": "AA", "y": "AA"},
    {
        "kty": "EC",
        "crv": "P-384",
        "kid": "p384-1",
        "x": encode(b"\1" * 48),
        "y": encode(b"\1" * 48),
    },
    "not a key",
)


def claims(**changed: object) -> dict[str, Any]:
    """Write the claims of the usual request; None leaves one out."""
    usual = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "usr_ada",
        "tenant_id": "org_acme",
        "data_scope": "",
        "client_id": "client_1",
        "env": "live",
        "tool": "list_tasks",
        "jti": "call_1",
        "iat": NOW,
        "exp": NOW + 60,
        "htm": "GET",
        "htu": URL,
        "body_sha256": digest(""),
    }
    return {name: value for name, value in {**usual, **changed}.items() if value is not None}


def sign(payload: object, *, key: Key = GATEWAY, **header: object) -> str:
    """Sign a payload; a header set to None is left out."""
    usual = {"alg": "ES256", "typ": "gatepost-assertion+jwt", "kid": "gateway-1"}
    kept = {name: value for name, value in {**usual, **header}.items() if value is not None}
    body = encode(payload) if isinstance(payload, bytes) else write(payload)
    signed = f"{write(kept)}.{body}"
    return f"{signed}.{encode(key.sign(signed))}"


def caller(**changed: object) -> dict[str, Any]:
    """Write the caller that the usual claims name."""
    usual = {
        "sub": "usr_ada",
        "person": "usr_ada",
        "tenant_id": "org_acme",
        "data_scope": {},
        "client_id": "client_1",
        "tool": "list_tasks",
        "call_id": "call_1",
        "env": "live",
        "actors": [],
    }
    return {**usual, **changed}


class Vectors:
    """Collects cases."""

    def __init__(self) -> None:
        """Start without any."""
        self.cases: list[dict[str, Any]] = []

    def add(
        self,
        name: str,
        assertion: str,
        answer: dict[str, Any] | str,
        *,
        request: tuple[str, str, str] = ("GET", URL, ""),
        now: int = NOW,
        after: tuple[str, ...] = (),
    ) -> None:
        """Add a case: the answer is the caller, or the code of the check that refuses."""
        method, url, body = request
        said = {"refused": answer} if isinstance(answer, str) else {"caller": answer}
        earlier = {"after": list(after)} if after else {}
        case = {"name": name, "now": now, "method": method, "url": url, "body": body}
        self.cases.append({**case, **earlier, "assertion": assertion, **said})

    def altered(self, name: str, code: str, **changed: object) -> None:
        """Add a case in which the gateway signed other claims."""
        self.add(name, sign(claims(**changed)), code)


def accepted(to: Vectors) -> None:
    """Assertions that must be accepted."""
    post = ("POST", f"{AUDIENCE}/v1/orgs/org_acme/tasks", BODY)
    bound: dict[str, object] = {"htm": "POST", "htu": post[1], "body_sha256": digest(BODY)}
    encoded = f"{AUDIENCE}/v1/files/a%2Fb%20c?q=team%20page%20%26%20more%2F%C3%BC&empty="
    to.add("a request without a body", sign(claims()), caller())
    to.add("a request with a body", sign(claims(**bound)), caller(), request=post)
    to.add(
        "an encoded path and query",
        sign(claims(htu=encoded)),
        caller(),
        request=("GET", encoded, ""),
    )
    to.add("a call with a test key", sign(claims(env="test")), caller(env="test"))
    to.add(
        "a service client, which is not a person",
        sign(claims(sub="client_1")),
        caller(sub="client_1", person=None),
    )
    scope = "team:design team:engineering"
    to.add(
        "a connection restricted to two teams",
        sign(claims(data_scope=scope)),
        caller(data_scope={"team": ["design", "engineering"]}),
    )
    act = {"sub": "client_1#reader", "act": {"sub": "client_2"}}
    to.add(
        "a sub-agent below another one",
        sign(claims(act=act)),
        caller(actors=["client_1#reader", "client_2"]),
    )
    to.add("a request that the gateway repeats", sign(claims(jti="call_1.2")), caller())
    to.add("a claim that this version does not know", sign(claims(extra={"a": 1})), caller())
    to.add("a gateway's clock 30 seconds ahead", sign(claims()), caller(), now=NOW - 30)
    to.add("a gateway's clock 29 seconds behind", sign(claims()), caller(), now=NOW + 89)
    to.add("a life of two minutes", sign(claims(exp=NOW + 120)), caller())


def not_of_the_gateway(to: Vectors) -> None:
    """Headers that the gateway did not sign."""
    good = sign(claims())
    head, payload, signature = good.split(".")
    for name, text in {
        "an empty header": "",
        "a word": "x",
        "two parts": f"{head}.{payload}",
        "five parts, as of an encrypted token": f"{good}.a.b",
        "a header that is not base64url": f"ä.{payload}.{signature}",
        "a header that is not JSON": f"{encode(b'{')}.{payload}.{signature}",
        "a header that is a list": f"{write([])}.{payload}.{signature}",
        "a header of nested lists": f"{encode(b'[' * 9000)}.{payload}.{signature}",
        "a header of more than 32 KiB": f"{head}.{'A' * 33_000}.{signature}",
    }.items():
        to.add(name, text, "malformed")
    to.add("a header that requires an extension", sign(claims(), crit=["exp"]), "malformed")

    none = (
        f"{write({'alg': 'none', 'typ': 'gatepost-assertion+jwt', 'kid': 'gateway-1'})}.{payload}."
    )
    to.add("an assertion without a signature", none, "algorithm")
    public = GATEWAY.private.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    signed = (
        f"{write({'alg': 'HS256', 'typ': 'gatepost-assertion+jwt', 'kid': 'gateway-1'})}.{payload}"
    )
    shared = hmac.HMAC(public, SHA256())
    shared.update(signed.encode())
    mac = encode(shared.finalize())
    to.add("the public key as a shared secret", f"{signed}.{mac}", "algorithm")
    to.add("another name of the algorithm", sign(claims(), alg="es256"), "algorithm")
    for typ in ("JWT", "at+jwt", "Gatepost-Assertion+JWT", None):
        to.add(f"the type {typ}", sign(claims(), typ=typ), "type")

    for kid in (
        None,
        "",
        7,
        ["gateway-1"],
        "gateway-9",
        "rsa-1",
        "p384-1",
        "encryption-1",
        "es512-1",
        "broken-1",
    ):
        to.add(f"the key {kid!r}", sign(claims(), kid=kid), "key")
    own = sign(claims(), key=STRANGER, kid="stranger", jwk=STRANGER.jwk())
    to.add("a key in the header", own, "key")
    to.add("a key that says it is the gateway's", sign(claims(), key=STRANGER), "signature")
    lie = write(claims(tenant_id="org_globex"))
    to.add("claims changed after signing", f"{head}.{lie}.{signature}", "signature")
    to.add("an empty signature", f"{head}.{payload}.", "signature")
    to.add("a signature of zeros", f"{head}.{payload}.{encode(bytes(64))}", "signature")
    half = encode(GATEWAY.sign(f"{head}.{payload}")[:63])
    to.add("a signature that is cut", f"{head}.{payload}.{half}", "signature")
    der = GATEWAY.private.sign(
        f"{head}.{payload}".encode(), ec.ECDSA(SHA256(), deterministic_signing=True)
    )
    to.add("a signature with padding", f"{good}==", "signature")
    to.add("a signature and a comma, as of two headers", f"{good}, ", "signature")
    bits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = f"{good[:-1]}{bits[bits.index(good[-1]) + 1]}"
    to.add("a signature with a bit after its end", other, "signature")
    to.add("a signature in DER", f"{head}.{payload}.{encode(der)}", "signature")


def for_something_else(to: Vectors) -> None:
    """Assertions of the gateway for another API, time or request."""
    to.altered("another gateway", "issuer", iss="https://gateway.example/mcp")
    to.altered("no issuer", "issuer", iss=None)
    for name, aud in {
        "another API": "https://other.example.com",
        "a list of APIs": [AUDIENCE],
        "a slash more": f"{AUDIENCE}/",
        "no audience": None,
    }.items():
        to.altered(name, "audience", aud=aud)
    exchange = {"htm": None, "htu": None, "body_sha256": None, "tool": None, "env": None}
    to.altered("a statement for a token endpoint", "audience", aud=f"{AUDIENCE}/token", **exchange)
    to.altered("a statement that is bound to no request", "method", **exchange)

    for name, when in {
        "no start": {"iat": None},
        "no end": {"exp": None},
        "a start that is not a number": {"iat": True},
        "a part of a second": {"iat": NOW + 0.5},
        "an end in words": {"exp": "soon"},
    }.items():
        to.altered(name, "claims", **when)
    for seconds in (0, -10, 121):
        to.altered(f"a life of {seconds} seconds", "lifetime", exp=NOW + seconds)
    to.add("a gateway's clock 31 seconds ahead", sign(claims()), "not_yet_valid", now=NOW - 31)
    to.add("a gateway's clock 30 seconds behind", sign(claims()), "expired", now=NOW + 90)

    for method in ("POST", "get", None, ["GET"]):
        to.altered(f"the method {method!r}", "method", htm=method)
    for name, url in {
        "another path": URL.replace("tasks", "members"),
        "another query": URL.replace("todo", "done"),
        "no query": URL.partition("?")[0],
        "a parameter more": f"{URL}&team=design",
        "another host": URL.replace("api.", "evil."),
        "another scheme": URL.replace("https", "http"),
        "a port": URL.replace(".com/", ".com:443/"),
        "a dot segment": URL.replace("/v1/", "/v1/x/../"),
        "an escape more": URL.replace("tasks", "%74asks"),
        "no URL": None,
    }.items():
        to.altered(name, "url", htu=url)
    for name, hashed in {
        "another body": digest(BODY),
        "no hash": None,
        "an empty hash": "",
        "a hash with padding": f"{digest('')}=",
        "a hash that is not ASCII": "ä",
    }.items():
        to.altered(name, "body", body_sha256=hashed)
    to.add(
        "a body where none was signed",
        sign(claims(htm="POST")),
        "body",
        request=("POST", URL, BODY),
    )


def nested(depth: int) -> dict[str, Any]:
    """Write a chain of so many actors."""
    act: dict[str, Any] = {"sub": "a"}
    for _ in range(depth - 1):
        act = {"sub": "a", "act": act}
    return act


def about_nobody(to: Vectors) -> None:
    """Assertions without a caller who can be known."""
    to.add("a payload that is not JSON", sign(b"{"), "claims")
    to.add("a payload that is a list", sign([]), "claims")
    for name in ("sub", "tenant_id", "client_id", "tool", "jti", "env"):
        for value in (None, "", 7):
            to.altered(f"{name} is {value!r}", "claims", **{name: value})
    for act in ("client_2", [], {}, {"sub": ""}, {"sub": 7}, {"sub": "a", "act": {}}, nested(11)):
        to.altered(f"the actor {str(act)[:40]}", "claims", act=act)
    to.altered("another environment", "claims", env="staging")
    for scope in (None, ["team:design"], "design", "team:", "Team:design", "team:a,b", "team:ä"):
        to.altered(f"the data scope {scope!r}", "claims", data_scope=scope)
    restricted = "region:eu team:design"
    to.altered("a restriction that the API does not enforce", "data_scope", data_scope=restricted)


def used_before(to: Vectors) -> None:
    """Assertions that were seen before."""
    good, ok = sign(claims()), caller()
    to.add("the same again", good, "replay", after=("a request without a body",))
    again = sign(claims(iat=NOW + 1))
    to.add("its id again", again, "replay", after=("a request without a body",))
    to.add("another attempt", sign(claims(jti="call_1.2")), ok, after=("a request without a body",))
    to.add("an id that was refused", good, ok, after=("another path",))
    early = sign(claims(iat=NOW + 30, exp=NOW + 150))
    to.add("a clock ahead, at first", early, ok)
    to.add("until it ends", early, "replay", after=("a clock ahead, at first",), now=NOW + 179)
    to.add("once it ended", early, "expired", after=("a clock ahead, at first",), now=NOW + 180)


def key_cache() -> list[dict[str, Any]]:
    """What a cache of the gateway's keys does, step by step.

    A step is: seconds since the start, the keys that are published (None: the request fails), the
    key that is looked for, whether it is found ("unavailable": that can't be told), and the number of
    requests until then.
    """
    one, two = "gateway-1", "gateway-2"
    down = None

    def steps(*rows: tuple[int, list[str] | None, str, bool | str, int]) -> list[dict[str, Any]]:
        names = ("at", "published", "kid", "found", "requests")
        return [dict(zip(names, row, strict=True)) for row in rows]

    return [
        {
            "name": "keys are fetched once, and again after ten minutes",
            "steps": steps(
                (0, [one], one, True, 1), (599, [one], one, True, 1), (600, [one], one, True, 2)
            ),
        },
        {
            "name": "a new key is fetched at once",
            "steps": steps((0, [one], one, True, 1), (10, [one, two], two, True, 2)),
        },
        {
            "name": "unknown keys cause a request every ten seconds at most",
            "steps": steps(
                (0, [one], one, True, 1),
                (9, [one, two], two, False, 1),
                (9, [one, two], "x", False, 1),
                (10, [one], "y", False, 2),
                (19, [one, two], two, False, 2),
                (20, [one, two], two, True, 3),
                (21, [one, two], one, True, 3),
            ),
        },
        {
            "name": "a withdrawn key is valid for ten minutes after it was last seen",
            "steps": steps(
                (0, [one], one, True, 1),
                (100, [two], two, True, 2),
                (599, [two], one, True, 2),
                (600, [two], one, False, 3),
            ),
        },
        {
            "name": "known keys stay valid for four hours of an outage",
            "steps": steps(
                (0, [one], one, True, 1),
                (600, down, one, True, 2),
                (609, down, one, True, 2),
                (610, down, one, True, 3),
                (14_999, down, one, True, 4),
                (15_000, down, one, "unavailable", 4),
                (15_009, [one], one, True, 5),
            ),
        },
        {
            "name": "an outage does not revive a withdrawn key",
            "steps": steps(
                (0, [one], one, True, 1),
                (100, [two], two, True, 2),
                (700, down, two, True, 3),
                (700, down, one, "unavailable", 3),
            ),
        },
        {
            "name": "without any keys nothing can be told",
            "steps": steps(
                (0, down, one, "unavailable", 1),
                (9, [one], one, "unavailable", 1),
                (10, [one], one, True, 2),
            ),
        },
        {
            "name": "a document without usable keys is a failure",
            "steps": steps((0, [one], one, True, 1), (600, [], one, True, 2)),
        },
        {
            "name": "a clock that is set back does not stop the fetching",
            "steps": steps((1000, [one], one, True, 1), (0, [two], two, True, 2)),
        },
    ]


def make() -> dict[str, Any]:
    """Write everything."""
    vectors = Vectors()
    for add in (accepted, not_of_the_gateway, for_something_else, about_nobody, used_before):
        add(vectors)
    names = [case["name"] for case in vectors.cases]
    if len(set(names)) != len(names):
        raise ValueError("two cases have one name")
    return {
        "about": "Test vectors for verifiers of Gatepost-Assertion; see docs/verify-calls.md.",
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "data_kinds": ["team"],
        "leeway": 30,
        "jwks": {"keys": [*OTHER_KINDS, GATEWAY.jwk()]},
        "assertions": vectors.cases,
        "keys": [GATEWAY.jwk(), NEXT.jwk()],
        "max_age": 600,
        "stale_for": 14_400,
        "refetch_every": 10,
        "key_cache": key_cache(),
    }


if __name__ == "__main__":
    text = json.dumps(make(), indent=1, ensure_ascii=False) + "\n"
    Path(__file__).with_name("vectors.json").write_text(text, encoding="utf-8")
