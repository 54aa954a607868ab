"""The Python package answers every test vector as docs/verify-calls.md says."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from gatepost_verify import (
    AssertionRefused,
    AsyncRedisMemory,
    DataScopeUnsupported,
    InProcessMemory,
    KeyCache,
    VerificationUnavailable,
    Verifier,
)
from support.markdown import ROOT

VECTORS = json.loads((ROOT / "packages/vectors/vectors.json").read_text())
CASES = {case["name"]: case for case in VECTORS["assertions"]}
KEYS = {jwk["kid"]: jwk for jwk in VECTORS["keys"]}


class Clock:
    """Tells the time it was set to."""

    def __init__(self, now: float = 0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def verifier_at(clock: Clock, **settings: Any) -> Verifier:
    """An API as the vectors describe it."""
    keys = KeyCache("https://mcp.example.com/jwks", fetch=lambda _: VECTORS["jwks"], now=clock)
    usual = {name: VECTORS[name] for name in ("issuer", "audience", "data_kinds", "leeway")}
    return Verifier(**{**usual, "keys": keys, "now": clock, **settings})


def in_order(case: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """The cases that come before this one, and itself."""
    return (*(CASES[name] for name in case.get("after", ())), case)


def told(case: dict[str, Any], answer: Any) -> None:
    """Compare an answer with the one that the vectors give."""
    if isinstance(answer, AssertionRefused):
        assert answer.code == case.get("refused"), answer.reason
        assert isinstance(answer, DataScopeUnsupported) == (answer.code == "data_scope")
        assert answer.status == (403 if answer.code == "data_scope" else 401)
        return
    assert "caller" in case, "it was accepted"
    fields = ("sub", "person", "tenant_id", "client_id", "tool", "call_id", "env")
    found: dict[str, Any] = {name: getattr(answer, name) for name in fields}
    found["actors"] = list(answer.actors)
    found["data_scope"] = {kind: sorted(values) for kind, values in answer.data_scope.items()}
    assert found == case["caller"]
    assert answer.is_test == (case["caller"]["env"] == "test")


@pytest.mark.parametrize("name", CASES)
def test_each_assertion_is_answered_as_the_vectors_say(name: str) -> None:
    clock = Clock()
    verifier = verifier_at(clock)
    for case in in_order(CASES[name]):
        clock.now = case["now"]
        answer: Any
        try:
            answer = verifier.verify(
                case["assertion"],
                method=case["method"],
                url=case["url"],
                body=case["body"].encode(),
            )
        except AssertionRefused as refused:
            answer = refused
        told(case, answer)


@pytest.mark.parametrize("name", CASES)
async def test_each_assertion_is_answered_the_same_in_an_event_loop(name: str) -> None:
    clock = Clock()
    seen = InProcessMemory(now=clock)

    class Slow:
        async def first_use(self, jti: str, seconds: int) -> bool:
            return seen.first_use(jti, seconds)

    verifier = verifier_at(clock, memory=Slow())
    for case in in_order(CASES[name]):
        clock.now = case["now"]
        answer: Any
        try:
            answer = await verifier.verify_async(
                case["assertion"],
                method=case["method"],
                url=case["url"],
                body=case["body"].encode(),
            )
        except AssertionRefused as refused:
            answer = refused
        told(case, answer)


@pytest.mark.parametrize("scenario", VECTORS["key_cache"], ids=lambda scenario: scenario["name"])
def test_the_gateways_keys_are_kept_as_the_vectors_say_a254(scenario: dict[str, Any]) -> None:
    clock = Clock()
    published: list[str] | None = None
    requests = 0

    def fetch(url: str) -> object:
        nonlocal requests
        requests += 1
        if published is None:
            raise OSError("connection refused")
        return {"keys": [KEYS[kid] for kid in published]}

    cache = KeyCache("https://mcp.example.com/jwks", fetch=fetch, now=clock)
    for step in scenario["steps"]:
        clock.now, published = step["at"], step["published"]
        found: bool | str
        try:
            found = cache.find(step["kid"]) is not None
        except VerificationUnavailable:
            found = "unavailable"
        assert (found, requests) == (step["found"], step["requests"]), step


def test_every_code_has_a_vector() -> None:
    codes = {case["refused"] for case in CASES.values() if "refused" in case}
    assert codes == set(AssertionRefused.__init__.__annotations__["code"].__args__)


def test_a_refusal_tells_its_reason_to_the_log_and_the_same_to_every_caller_a253(
    caplog: pytest.LogCaptureFixture,
) -> None:
    said = set()
    for case in CASES.values():
        if case.get("refused") in (None, "data_scope") or "after" in case:
            continue
        caplog.clear()
        clock = Clock(case["now"])
        with pytest.raises(AssertionRefused) as refused:
            verifier_at(clock).verify(
                case["assertion"],
                method=case["method"],
                url=case["url"],
                body=case["body"].encode(),
            )
        said.add(str(refused.value))
        assert f"refused: {case['refused']}: {refused.value.reason}" in caplog.text
        assert "status=todo" not in caplog.text, "a query may contain personal data"
    assert said == {"The Gatepost-Assertion of this request is not accepted."}


def test_a_full_memory_accepts_nothing_more_until_ids_expire_a255() -> None:
    clock = Clock(100)
    memory = InProcessMemory(capacity=2, now=clock)
    assert memory.first_use("a", 10)
    assert memory.first_use("b", 20)
    with pytest.raises(VerificationUnavailable):
        memory.first_use("c", 10)
    assert not memory.first_use("b", 20)
    clock.now = 110
    assert memory.first_use("c", 10)


def test_a_memory_in_redis_that_fails_accepts_nothing_a255() -> None:
    class Broken:
        def set(self, *_: Any, **__: Any) -> bool:
            raise ConnectionError("redis://:secret@redis:6379 refused")

    from gatepost_verify import RedisMemory

    with pytest.raises(VerificationUnavailable) as failed:
        RedisMemory(Broken()).first_use("a", 10)
    assert "secret" not in failed.value.reason


def test_a_memory_for_event_loops_is_not_used_where_nobody_waits_for_it() -> None:
    case = CASES["a request without a body"]
    verifier = verifier_at(Clock(case["now"]), memory=AsyncRedisMemory(object()))
    with pytest.raises(TypeError, match="verify_async"):
        verifier.verify(case["assertion"], method="GET", url=case["url"], body=b"")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"audience": "orbit"}, "audience.*base_url"),
        ({"base_url": "https://api.example.com/"}, "base_url"),
        ({"base_url": "api.example.com"}, "base_url"),
        ({"issuer": "mcp", "keys": None}, "issuer"),
        ({"issuer": "http://mcp.example.com/mcp", "keys": None}, "issuer.*https"),
        ({"leeway": 61}, "leeway"),
        ({"data_kinds": "team"}, "data_kinds"),
    ],
)
def test_a_setting_that_can_not_work_is_named_a308(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises((TypeError, ValueError), match=named):
        verifier_at(Clock(), **wrong)


def test_an_audience_that_is_not_a_url_works_with_a_base_url() -> None:
    settings = {"audience": "orbit", "base_url": "https://api.example.com"}
    assert verifier_at(Clock(), **settings).base_url == "https://api.example.com"
