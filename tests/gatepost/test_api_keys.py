"""API keys: a damaged key is not a key."""

import re
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.api_keys import (
    ApiKey,
    MalformedApiKey,
    looks_like_api_key,
    make_api_key,
    parse_api_key,
)

KEYS = st.builds(
    make_api_key, st.sampled_from(["live", "test"]), st.binary(min_size=32, max_size=32)
)
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def refused(text: str) -> bool:
    """Tell whether the text is refused as a key."""
    try:
        parse_api_key(text)
    except MalformedApiKey:
        return True
    return False


@given(KEYS)
def test_a_key_is_read_back_as_it_was_made(key: ApiKey) -> None:
    assert parse_api_key(key.text) == key
    assert re.fullmatch(r"mcp_(live|test)_[0-9A-Za-z]{49}", key.text)
    assert looks_like_api_key(key.text)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_two_keys_are_equal_only_if_their_bytes_are(one: bytes, other: bytes) -> None:
    same = make_api_key("live", one).text == make_api_key("live", other).text
    assert same is (one == other)
    assert make_api_key("live", one).text != make_api_key("test", one).text


@given(KEYS, st.data())
def test_a_key_with_one_character_changed_is_refused_a127(key: ApiKey, data: st.DataObject) -> None:
    """A127."""
    place = data.draw(st.integers(0, len(key.text) - 1))
    character = data.draw(st.characters().filter(lambda c: c != key.text[place]))
    assert refused(key.text[:place] + character + key.text[place + 1 :])


@given(KEYS, st.data())
def test_a_key_in_another_case_is_refused_a127(key: ApiKey, data: st.DataObject) -> None:
    """A127: one letter's case, or all of it."""
    letters = [place for place, character in enumerate(key.text) if character.isalpha()]
    place = data.draw(st.sampled_from(letters))
    assert refused(key.text[:place] + key.text[place].swapcase() + key.text[place + 1 :])
    assert refused(key.text.upper())


@given(KEYS, st.data())
def test_a_cut_or_extended_key_is_refused_a127(key: ApiKey, data: st.DataObject) -> None:
    """A127: a truncated token was accepted elsewhere (CVE-2026-27840)."""
    cut = data.draw(st.integers(0, len(key.text) - 1))
    more = data.draw(st.text(min_size=1, max_size=60))
    assert refused(key.text[:cut])
    assert refused(key.text[cut + 1 :])
    assert refused(key.text + more)
    assert refused(more + key.text)


@given(KEYS)
def test_a_live_key_does_not_become_a_test_key_by_its_name(key: ApiKey) -> None:
    """A128."""
    other = "test" if key.env == "live" else "live"
    assert refused(key.text.replace(f"mcp_{key.env}_", f"mcp_{other}_"))


@given(st.text())
def test_no_text_is_a_key_by_chance_and_none_makes_a_fault(text: str) -> None:
    assert refused(text)
    assert refused(f"mcp_live_{text}")


def test_more_than_32_bytes_in_the_same_characters_are_refused() -> None:
    """43 characters of base 62 can encode numbers beyond a key's range."""
    body = "mcp_live_" + "z" * 43
    number, checksum = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        checksum = ALPHABET[digit] + checksum
    assert refused(body + checksum)


@given(KEYS)
def test_a_key_never_shows_itself(key: ApiKey) -> None:
    """A128: neither in a log line nor in an error."""
    assert key.text not in repr(key)
    assert re.fullmatch(r"[0-9a-f]{16}", key.fingerprint)
    with pytest.raises(MalformedApiKey) as error:
        parse_api_key(key.text + "0")
    assert key.text not in str(error.value)


def test_a_key_needs_32_random_bytes() -> None:
    with pytest.raises(ValueError, match="32"):
        make_api_key("live", b"short")
