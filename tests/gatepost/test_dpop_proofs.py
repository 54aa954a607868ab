"""Laws of DPoP proofs: whatever comes in the header, it is a proof or refused."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gatepost.proofs.certificates import UnreadableCertificate, thumbprint_of
from gatepost.proofs.dpop import InvalidProof, Proof, match_url, verify_proof
from support.in_process.dpop import TOKEN_URL, DpopKey

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
KEYS = {name: DpopKey(name) for name in ("ES256", "EdDSA")}
FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
CLAIMS = st.sampled_from(["jti", "htm", "htu", "iat", "ath", "nonce"])
MEMBERS = st.sampled_from(["typ", "alg", "jwk", "kid", "crit"])


def verify(text: str | bytes) -> Proof:
    """Verify a proof of a token request."""
    encoded = text if isinstance(text, bytes) else text.encode()
    return verify_proof(encoded, method="POST", url=TOKEN_URL, now=NOW.timestamp())


@given(st.binary(max_size=200) | st.text(alphabet="abcdefAZ09-_.=", max_size=200).map(str.encode))
def test_any_bytes_are_refused_as_no_proof_a194(text: bytes) -> None:
    """RFC 9449 §4.3. A194."""
    with pytest.raises(InvalidProof):
        verify(text)


@given(st.sampled_from(sorted(KEYS)), CLAIMS, JSON)
@example("ES256", "iat", 10**400)
@example("ES256", "nonce", float("inf"))
def test_any_claim_of_a_signed_proof_is_accepted_or_refused_a194(
    name: str, claim: str, value: Any
) -> None:
    """A194: and what is accepted is what was signed."""
    key = KEYS[name]
    usual = verify(key.prove(NOW, jti="usual"))
    try:
        proof = verify(key.prove(NOW, **{"jti": "usual", claim: value}))
    except InvalidProof:
        return
    assert proof.thumbprint == key.thumbprint
    assert (proof.id == usual.id) is (claim != "jti" or value in (None, "usual"))


@given(st.sampled_from(sorted(KEYS)), MEMBERS, JSON)
def test_any_member_of_a_header_is_accepted_or_refused_a194(
    name: str, member: str, value: Any
) -> None:
    """A194."""
    key = KEYS[name]
    try:
        assert verify(key.prove(NOW, header={member: value})).thumbprint == key.thumbprint
    except InvalidProof:
        assert member != "kid"


def test_a_number_that_json_does_not_have_is_refused_a194() -> None:
    """A194: `Infinity` in a member that is not read."""
    with pytest.raises(InvalidProof, match="not a JSON object"):
        verify(KEYS["ES256"].prove(NOW, header={"kid": float("inf")}))


@given(st.text(max_size=60), st.text(max_size=60))
@example("http://[", "http://a/")
@example("http://a:99999/", "http://a/")
def test_any_texts_can_be_compared_as_addresses_a192(one: str, other: str) -> None:
    """A192: never a fault, and the order does not matter."""
    assert match_url(one, other) is match_url(other, one)


@pytest.mark.parametrize(
    "htu",
    [
        "https://a.example:0/mcp",
        "https://\u212a.example/mcp",
        "https://k.exam\rple/mcp",
        "\x1fhttps://k.example/mcp",
    ],
)
def test_port_0_and_characters_that_no_url_has_are_not_passed_over_a192(htu: str) -> None:
    """RFC 3986 §2, §3.2.3. A192: port 0, the sign of kelvin for a `k`, and control characters."""
    assert match_url("https://K.example:443/mcp", "https://k.example/mcp")
    assert not match_url(htu, "https://k.example/mcp") and not match_url(
        htu, "https://a.example/mcp"
    )


SEGMENTS = st.lists(st.text("abcXYZ019-._~", min_size=1, max_size=5), max_size=3)


@given(st.sampled_from(["a.example", "a.example:443", "a.example:8443"]), SEGMENTS, SEGMENTS)
def test_addresses_are_the_same_only_with_the_same_host_and_path_a192(
    host: str, path: list[str], other: list[str]
) -> None:
    """RFC 3986 §6.2. A192."""
    kept, others = ([name for name in names if name not in {".", ".."}] for names in (path, other))
    url = f"https://{host}/{'/'.join(kept)}"
    escaped = "".join(f"%{ord(letter):02x}" for letter in "/".join(kept)).replace("%2f", "/")
    assert match_url(f"HTTPS://{host.upper()}/{escaped}?q=1#f", url)
    assert match_url(f"https://{host}/{'/'.join(others)}", url) is (others == kept)
    assert not match_url(url.replace("https", "http"), url)
    assert not match_url(url.replace("a.example", "b.example"), url)


@given(st.text(max_size=300))
def test_any_header_of_a_proxy_holds_a_certificate_or_is_refused_a198(text: str) -> None:
    """RFC 9440. A198."""
    with suppress(UnreadableCertificate):
        assert len(thumbprint_of(text)) == 43
