"""The meaning of a provider's claims."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from auth_server.connectors.claims import find_claim, read_claims
from auth_server.connectors.port import SignInRefused
from auth_server.sign_in_settings import ClaimMapping
from gatepost.data_scope import parse_data_scope

WHO = {"iss": "https://id.example", "sub": "s1"}


def seats(claims: dict[str, Any], **mapping: Any) -> dict[str, tuple[str, str]]:
    """Role and data scope by tenant."""
    asserted = read_claims({**WHO, **claims}, ClaimMapping(**mapping))
    return {m.tenant_id: (m.role, str(m.data_scope)) for m in asserted.memberships or ()}


@pytest.mark.parametrize(
    ("claims", "path", "found"),
    [
        ({"a": {"b": 1}}, "a.b", 1),
        ({"a.b": 2, "a": {"b": 1}}, "a.b", 2),
        ({"https://x.example/app": {"org": 3}}, "https://x.example/app.org", 3),
        ({"https://x.example/app.org": 4}, "https://x.example/app.org", 4),
        ({"a": [1]}, "a.b", None),
        ({"a": None}, "a.b", None),
        ({}, "a", None),
    ],
)
def test_a_path_leads_into_objects(claims: dict[str, Any], path: str, found: object) -> None:
    assert find_claim(claims, path) == found


@pytest.mark.parametrize(
    "listed",
    [
        ["a", "b"],
        [{"id": "a"}, {"id": "b"}],
        {"a": {}, "b": {"id": "b"}},
        [1.5, None, "a", ["x"], {"id": "b"}, {"name": "c"}, "", " ", "x\n", {"id": {"y": 1}}],
    ],
)
def test_tenants_are_read_however_they_are_written(listed: object) -> None:
    assert set(seats({"orgs": listed}, tenants="orgs")) == {"a", "b"}


def test_a_lone_tenant_and_a_number_are_tenants_too() -> None:
    assert set(seats({"org": "a"}, tenants="org")) == {"a"}
    assert set(seats({"org": {"id": 7}}, tenants="org")) == {"7"}
    assert set(seats({"org": True}, tenants="org")) == set()


def test_everybody_of_a_provider_can_belong_to_one_tenant() -> None:
    mapping = {"tenant": "org_acme", "role": "groups", "roles": {"admins": "admin"}}
    assert seats({"groups": ["x", "admins"]}, **mapping) == {"org_acme": ("admin", "")}


def test_a_person_without_a_role_claim_is_a_member() -> None:
    """A role of theirs called admin is not ours, unless the mapping says so."""
    entry = {"orgs": [{"id": "a", "role": "admin"}]}
    assert seats(entry, tenants="orgs", role="role") == {"a": ("member", "")}


def test_a_restriction_without_its_claim_gives_no_membership() -> None:
    """Else a claim that a provider forgets would show everything."""
    mapping = {"tenants": "orgs", "data_scope": ("team:{teams}", "region:eu")}
    entries = [
        {"id": "a", "teams": ["x", "y"]},
        {"id": "b"},
        {"id": "c", "teams": []},
        {"id": "d", "teams": [None, 7]},
        {"id": "e", "teams": "z"},
    ]
    assert seats({"orgs": entries}, **mapping) == {
        "a": ("member", "region:eu team:x team:y"),
        "e": ("member", "region:eu team:z"),
    }


@given(st.text(max_size=40))
def test_no_value_of_a_claim_says_more_than_one_entry(value: str) -> None:
    found = seats(
        {"orgs": [{"id": "a", "teams": value}]}, tenants="orgs", data_scope=("t:{teams}",)
    )
    assert found in ({}, {"a": ("member", f"t:{value}")})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["id", "name", "teams", "orgs", "role", "x"]), inner)
        ),
        max_leaves=12,
    )
)
def test_any_claims_of_a_provider_are_read_or_refused(said: Any) -> None:
    mapping = ClaimMapping(
        person_id="orgs.id", tenants="orgs", role="role", data_scope=("t:{teams}",)
    )
    try:
        read_claims({**WHO, "orgs": said, "name": said, "email": said, "amr": said}, mapping)
    except SignInRefused as refusal:
        assert "claim orgs.id" in str(refusal)


def test_without_a_mapping_of_tenants_memberships_are_managed_here() -> None:
    assert read_claims(WHO, ClaimMapping()).memberships is None


@pytest.mark.parametrize(
    "mapping",
    [
        {"tenant": "a", "tenants": "b"},
        {"data_scope": ["team"]},
        {"data_scope": ["Team:x"]},
        {"data_scope": ["{kind}:x"]},
        {"data_scope": ["team:{a}{b}"]},
        {"data_scope": ["team:{a"]},
        {"data_scope": ["team:a b:c d"]},
        {"unknown": "x"},
        {"person_id": ""},
    ],
)
def test_an_impossible_mapping_is_refused(mapping: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ClaimMapping(**mapping)


def test_the_length_of_claims_decides_no_amount_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shared values count for each tenant."""
    read = 0

    def counting(text: str) -> Any:
        nonlocal read
        read += 1
        return parse_data_scope(text)

    monkeypatch.setattr("auth_server.connectors.claims.parse_data_scope", counting)
    many = {"orgs": [f"org_{n}" for n in range(20_000)], "teams": [f"t{n}" for n in range(300)]}
    mapping: dict[str, Any] = {"tenants": "orgs", "data_scope": ("team:{teams}",)}

    with pytest.raises(SignInRefused, match="too many"):
        seats(many, **mapping)
    assert read < 20_000
    assert len(seats({**many, "teams": "one"}, **mapping)) == 200
    usual = {"orgs": many["orgs"][:150], "teams": many["teams"][:40]}
    assert len(seats(usual, **mapping)) == 150


def test_a_restriction_that_is_too_long_to_store_is_no_place_at_all() -> None:
    teams = [f"team-{n}" for n in range(1000)]

    assert seats({"org": "o", "teams": teams}, tenants="org", data_scope=("team:{teams}",)) == {}
