"""Reading others' key sets: any content is a usable key or a clear error."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from jwt.algorithms import RSAAlgorithm

from auth_server.jwks import UnusableKeySet, format_jwk_set, parse_jwk_set
from support.in_process.assertions import KeyPair, jwks

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
ENCODED = st.text("ABCabc019-_=+/", max_size=400)
JWKS = st.fixed_dictionaries(
    {},
    optional={
        "kty": st.sampled_from(["EC", "RSA", "OKP", "oct", ""]) | JSON,
        "crv": st.sampled_from(["P-256", "P-384", "Ed25519", "X25519"]) | JSON,
        **dict.fromkeys(("x", "y", "n", "e"), ENCODED | JSON),
        **dict.fromkeys(("kid", "use", "alg", "key_ops"), JSON),
    },
)


WEAK = rsa.RSAPublicNumbers(65537, (1 << 1023) + 9).public_key()


@given(JSON | st.fixed_dictionaries({"keys": st.lists(JWKS | JSON, max_size=4)}))
def test_any_json_is_a_key_set_or_is_refused(document: Any) -> None:
    try:
        keys = parse_jwk_set(document)
    except UnusableKeySet:
        return
    assert keys


def test_a_parsed_key_set_survives_a_round_trip() -> None:
    keys = parse_jwk_set(jwks(KeyPair(kid="a"), KeyPair("RS256"), KeyPair("EdDSA", kid="c")))

    again = parse_jwk_set(format_jwk_set(keys))

    assert [(key.kid, key.algorithm) for key in again] == [
        ("a", "ES256"),
        (None, "RS256"),
        ("c", "EdDSA"),
    ]


def test_only_known_members_are_kept() -> None:
    """A key's extra members are untrusted."""
    document = {"keys": [KeyPair(kid="a").public(note="x" * 100, nested={"\0": []})]}

    (kept,) = format_jwk_set(parse_jwk_set(document))["keys"]

    assert set(kept) == {"kty", "crv", "x", "y", "kid", "alg", "use"}


@pytest.mark.parametrize(
    "entry",
    [
        ECKey.generate_key("P-384").as_dict(private=False),
        OKPKey.generate_key("X25519").as_dict(private=False),
        RSAAlgorithm.to_jwk(WEAK, as_dict=True),
        KeyPair().public(use="enc"),
        KeyPair().public(alg="ES512"),
        KeyPair().public(alg="HS256"),
        KeyPair().public(kid="a\0b"),
        KeyPair().public(kid="k" * 257),
        KeyPair().public(kid=1),
        KeyPair().public(y="AAAA"),
        {"kty": "EC", "crv": "P-256"},
        ECKey.generate_key("P-256").as_dict(private=True),
        RSAKey.generate_key(2048).as_dict(private=True),
        OctKey.generate_key(256).as_dict(private=True),
    ],
    ids=range(14),
)
def test_a_key_that_is_weak_broken_private_or_for_something_else_is_none(
    entry: dict[str, Any],
) -> None:
    """A92, A115: RSA below 2048 bits, points off the curve, encryption keys, private halves."""
    with pytest.raises(UnusableKeySet):
        parse_jwk_set({"keys": [entry]})


def test_one_private_key_spoils_the_set() -> None:
    """The error tells its publisher."""
    with pytest.raises(UnusableKeySet, match="public"):
        parse_jwk_set({"keys": [KeyPair().public(), KeyPair().public(d="AAAA")]})


def test_a_key_of_an_unknown_kind_does_not_spoil_the_set() -> None:
    """RFC 7517 §5."""
    keys = parse_jwk_set({"keys": [{"kty": "ML-DSA"}, KeyPair(kid="a").public()]})
    assert [key.kid for key in keys] == ["a"]
