"""Reading JSON and YAML, and refusing costly documents early."""

import sys

import orjson
import pytest

from gatepost import document
from gatepost.document import DocumentError, parse_document


def test_yaml_is_read_with_the_json_rules() -> None:
    text = b"""
    200: code
    no: no
    day: 2026-01-02
    version: 1.0
    hex: 0x1F
    octal: 010
    exponent: 1e3
    empty:
    yes_: true
    """
    assert parse_document(text) == {
        "200": "code",
        "no": "no",
        "day": "2026-01-02",
        "version": 1.0,
        "hex": "0x1F",
        "octal": 10.0,
        "exponent": 1000.0,
        "empty": None,
        "yes_": True,
    }


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("9223372036854775807", 9223372036854775807),
        ("-9223372036854775808", -9223372036854775808),
        ("18446744073709551615", 18446744073709551615),
        ("-9223372036854776000", -9223372036854776000.0),
        ("18446744073709552000", 18446744073709552000.0),
        ("9" * 400, sys.float_info.max),
        ("-1e999", -sys.float_info.max),
    ],
)
def test_a_number_of_any_size_in_yaml_can_be_written_as_json(written: str, read: float) -> None:
    value = parse_document(f"a: {written}".encode())["a"]
    assert value == read
    assert type(value) is type(read)
    assert orjson.loads(orjson.dumps(value)) == read


def test_json_with_a_byte_order_mark_is_read() -> None:
    assert parse_document(b'\xef\xbb\xbf {"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not a mapping"),
        (b"[1]", "is not a mapping"),
        (b"just text", "is not a mapping"),
        (b'{"a": ', "is not valid JSON"),
        (b"a: [1", "is not valid YAML: .* at line 2, column 1"),
        (b"a: !!python/object/apply:os.system [ls]", "uses the YAML tag"),
        (b"a: &a\n  b: *a", "alias that refers to itself"),
        (b"a: &a {b: 1}\nc:\n  <<: *a", "merge key"),
        (b"a: " + b"[" * 300 + b"]" * 300, "nested"),
        (b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}", "nested"),
        (b"a: " + b"[" * 100_000, "nested"),
        (b"\xff\xfe\x00", "is not valid YAML"),
        (b"a: 1\nb: 2\na: 3", "has the key 'a' twice, line 3"),
        (b"? [a]\n: 1", "a mapping key that is not text"),
        (b"a: 1\n---\nb: 2", "more than one YAML document"),
    ],
)
def test_a_malformed_document_is_refused_with_a_reason(data: bytes, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        parse_document(data)


def test_aliases_that_unfold_without_bound_are_refused() -> None:
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 12):
        lines.append(f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 9)}]")
    with pytest.raises(DocumentError, match="unfolds to more than"):
        parse_document("\n".join(lines).encode())


def test_a_document_that_is_too_large_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "LARGEST", 10)
    with pytest.raises(DocumentError, match="larger than"):
        parse_document(b'{"a": "0123456789"}')


def test_a_document_from_elsewhere_is_read_as_other_tools_do_with_a_note() -> None:
    notes: list[str] = []
    text = b"a: &a {x: 1, y: 2}\nb: {<<: [*a, {x: 9, z: 3}], y: 5}\na: 7\n"
    assert parse_document(text, notes) == {"a": 7, "b": {"x": 1, "y": 5, "z": 3}}
    assert notes == [
        "uses a YAML merge key (<<), which YAML 1.2 does not have",
        "has the key 'a' twice, line 3",
    ]


def test_yaml_that_begins_with_a_brace_is_read_as_yaml() -> None:
    notes: list[str] = []
    assert parse_document(b"{a: 1, b: [x,]}", notes) == {"a": 1, "b": ["x"]}
    assert "was read as YAML" in notes[0]
    with pytest.raises(DocumentError, match="is not valid JSON"):
        parse_document(b"{a: [", notes)


@pytest.mark.parametrize("value", ["text", "[text]"])
def test_merging_a_value_that_is_not_a_mapping_is_refused(value: str) -> None:
    with pytest.raises(DocumentError, match="merges a value that is not a mapping"):
        parse_document(f"a: {{<<: {value}}}".encode(), [])
