"""The access token's claims: written and read the same, and read strictly."""

from types import MappingProxyType
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gatepost.claims import MOST_ACTORS, AccessClaims, MalformedClaims, parse_claims
from gatepost.data_scope import DataScope

texts = st.text(min_size=1, max_size=40)
whole = st.integers(min_value=0, max_value=(1 << 53) - 1)
names = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
claims = st.builds(
    AccessClaims,
    iss=texts,
    aud=texts,
    sub=texts,
    client_id=texts,
    jti=texts,
    iat=whole,
    exp=whole,
    scopes=st.frozensets(st.sampled_from(["mcp:read", "mcp:write", "extra"])),
    tenant_id=st.text(max_size=40),
    allowed_tools=st.frozensets(names | names.map(lambda name: f"@{name}")),
    data_scope=st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True),
        st.frozensets(
            st.from_regex(r"[A-Za-z0-9._~-]{1,8}", fullmatch=True), min_size=1, max_size=20
        ),
        max_size=10,
    ).map(lambda kinds: DataScope(MappingProxyType(kinds))),
    rate_limit_tier=st.text(max_size=10),
    grant_id=st.text(max_size=10),
    grant_version=whole,
    env=texts,
    actors=st.lists(texts, max_size=MOST_ACTORS).map(tuple),
)
EXAMPLE: dict[str, Any] = {
    "iss": "https://auth.example.com",
    "aud": "https://mcp.example.com/mcp",
    "sub": "usr_ada",
    "client_id": "c",
    "jti": "j",
    "iat": 1,
    "exp": 2,
    "scope": "mcp:read",
    "tenant_id": "org_acme",
    "allowed_tools": ["@read"],
    "data_scope": "team:a",
    "rate_limit_tier": "pro",
    "grant_id": "g",
    "grant_version": 1,
    "env": "live",
}
MAY_BE_EMPTY = {"scope", "tenant_id", "data_scope", "rate_limit_tier", "grant_id"}


@given(claims)
def test_written_claims_are_read_back_the_same(written: AccessClaims) -> None:
    assert parse_claims(written.to_json()) == written


@pytest.mark.parametrize("name", EXAMPLE)
def test_a_claim_that_is_missing_or_of_another_type_is_named(name: str) -> None:
    missing = {key: value for key, value in EXAMPLE.items() if key != name}
    others: tuple[Any, ...] = (None, True, 1.5, {}, [1])
    for payload in (missing, *({**EXAMPLE, name: other} for other in others)):
        with pytest.raises(MalformedClaims, match=name):
            parse_claims(payload)


@pytest.mark.parametrize("name", [k for k, v in EXAMPLE.items() if isinstance(v, str)])
def test_only_some_claims_may_be_empty(name: str) -> None:
    payload = {**EXAMPLE, name: ""}
    if name in MAY_BE_EMPTY:
        parse_claims(payload)
    else:
        with pytest.raises(MalformedClaims, match=name):
            parse_claims(payload)


def test_an_error_names_the_claim_and_not_its_value() -> None:
    with pytest.raises(MalformedClaims) as refused:
        parse_claims({**EXAMPLE, "sub": "s3cret" * 1000})
    assert "s3cret" not in str(refused.value)


@given(st.dictionaries(st.sampled_from(list(EXAMPLE)), st.none() | texts | whole | st.lists(texts)))
def test_no_payload_is_read_but_by_its_claims_or_a_refusal(changes: dict[str, Any]) -> None:
    payload = {**EXAMPLE, **changes}
    try:
        read = parse_claims(payload)
    except MalformedClaims:
        return
    assert parse_claims(read.to_json()) == read
    assert read.tenant_id == payload["tenant_id"]


@pytest.mark.parametrize(
    "act",
    [
        None,
        "x",
        [],
        {},
        {"sub": ""},
        {"sub": 1},
        {"sub": "x" * 1101},
        {"sub": "a", "act": {}},
        {"sub": "a", "act": None},
        {"sub": "a", "act": {"sub": "b", "act": {"sub": "c", "act": {"sub": "d"}}}},
    ],
)
def test_an_actor_is_read_strictly(act: object) -> None:
    """RFC 8693 §4.1: a gateway that can't tell who acts does not guess."""
    with pytest.raises(MalformedClaims, match="claim act"):
        parse_claims({**EXAMPLE, "act": act})


def test_the_longest_data_scope_that_a_person_can_have_is_read() -> None:
    longest = " ".join(f"team:{number:04}" for number in range(409))
    assert str(parse_claims({**EXAMPLE, "data_scope": longest}).data_scope) == longest
    with pytest.raises(MalformedClaims, match="data_scope is missing, too long"):
        parse_claims({**EXAMPLE, "data_scope": f"{longest} team:long"})
