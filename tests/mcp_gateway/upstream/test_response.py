"""How the model reads what the API answered."""

from base64 import b64decode
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_gateway.upstream.port import UpstreamResponse
from mcp_gateway.upstream.response import shape_body


def shape(content_type: str, body: bytes, status: int = 200) -> tuple[list[dict[str, Any]], Any]:
    """Shape a body and read the structured content back as a client would."""
    content, structured = shape_body(UpstreamResponse(status, content_type, body), name="t/1")
    return content, orjson.loads(orjson.dumps(structured))


@pytest.mark.parametrize(
    ("body", "structured"),
    [
        (b'{"a":1}', {"a": 1}),
        (b"[1,2]", {"result": [1, 2]}),
        (b'"x"', {"result": "x"}),
        (b"null", {"result": None}),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
    ],
)
@pytest.mark.parametrize(
    "content_type", ["application/json", "application/hal+json; charset=utf-8", "APPLICATION/JSON"]
)
def test_json_is_both_text_and_structured_content(
    body: bytes, structured: object, content_type: str
) -> None:
    content, given_structure = shape(content_type, body)
    assert given_structure == structured
    assert content == [{"type": "text", "text": body.removeprefix(b"\xef\xbb\xbf").decode()}]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_reaches_the_model_unchanged(value: object) -> None:
    content, structured = shape("application/json", orjson.dumps(value))
    assert structured == (value if isinstance(value, dict) else {"result": value})
    assert orjson.loads(content[0]["text"]) == value


def test_what_calls_itself_json_and_is_not_is_passed_on_as_text() -> None:
    assert shape("application/json", b"<html>") == ([{"type": "text", "text": "<html>"}], None)


@pytest.mark.parametrize("status", [200, 204])
def test_an_empty_answer_says_so(status: int) -> None:
    content, structured = shape("application/json", b"", status)
    assert (structured, str(status) in content[0]["text"]) == (None, True)


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/csv", b"a,b", "a,b"),
        ("text/plain; charset=latin-1", b"\xe9", "é"),
        ("text/plain; charset=no-such", "é".encode(), "é"),
        ("text/plain; charset=hex", b"61", "61"),
        ("text/plain", b"\xff", "\ufffd"),
        ("application/xml", b"<a/>", "<a/>"),
        ("image/svg+xml", b"<svg/>", "<svg/>"),
    ],
)
def test_text_is_text(content_type: str, body: bytes, text: str) -> None:
    assert shape(content_type, body) == ([{"type": "text", "text": text}], None)


def test_a_file_arrives_whole() -> None:
    [block], _ = shape("application/pdf", b"\x00\xff")
    assert block["resource"]["mimeType"] == "application/pdf"
    assert b64decode(block["resource"]["blob"]) == b"\x00\xff"
    [block], _ = shape("image/png", b"\x89PNG")
    assert (block["type"], b64decode(block["data"])) == ("image", b"\x89PNG")
    [block], _ = shape("", b"\x00")
    assert block["resource"]["mimeType"] == "application/octet-stream"


def test_an_answer_in_parts_becomes_a_block_for_each() -> None:
    """RFC 2046 §5.1.3."""
    body = (
        b"--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
        b"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBO\r\n"
        b'--b\r\nContent-Type: application/json\r\n\r\n{"a":1}\r\n--b--\r\n'
    )
    response = UpstreamResponse(200, "multipart/mixed; boundary=b", body)
    blocks, structured = shape_body(response, name="n")
    assert [block["type"] for block in blocks] == ["text", "image", "text"]
    assert blocks[1]["data"] == "iVBO"
    assert structured is None


@pytest.mark.parametrize("content_type", ["multipart/mixed", "multipart/mixed; boundary=other"])
def test_an_answer_whose_parts_can_not_be_told_apart_is_passed_on_whole(content_type: str) -> None:
    blocks, _ = shape_body(UpstreamResponse(200, content_type, b"--b\r\n\r\nx"), name="n")
    assert [block["type"] for block in blocks] == ["resource"]
