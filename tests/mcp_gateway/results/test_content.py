"""How the model reads the API's answer."""

from base64 import b64decode
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.results.content import CompiledShape, Unshapeable, shape_answer
from mcp_gateway.results.edit import compile_edit
from mcp_gateway.results.pagination import Pagination
from mcp_gateway.text import strip_text


def shape(content_type: str, body: bytes, status: int = 200) -> tuple[list[dict[str, Any]], Any]:
    """Shape a body and read the structured content back as a client would."""
    shaped = shape_answer(HttpResponse(status, content_type, body), name="t/1")
    return shaped.content, orjson.loads(orjson.dumps(shaped.structured))


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


VISIBLE = st.text().filter(lambda text: strip_text(text) == text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | VISIBLE,
        lambda inner: st.lists(inner) | st.dictionaries(VISIBLE, inner),
    )
)
def test_any_json_reaches_the_model_unchanged(value: object) -> None:
    content, structured = shape("application/json", orjson.dumps(value))
    assert structured == (value if isinstance(value, dict) else {"result": value})
    assert orjson.loads(content[0]["text"]) == value


def test_r19_an_answer_falsely_declared_as_json_is_passed_on_as_text() -> None:
    assert shape("application/json", b"<html>") == ([{"type": "text", "text": "<html>"}], None)


@pytest.mark.parametrize("status", [200, 204])
def test_r19_an_empty_answer_says_so(status: int) -> None:
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
        ("application/x-ndjson", b'{"a":1}\n{"a":2}\xe2\x80\xae\n', '{"a":1}\n{"a":2}\n'),
        ("application/jsonl", b"{}", "{}"),
        ("application/x-yaml", b"a: 1", "a: 1"),
        ("application/vnd.oai.openapi+yaml", b"a: 1", "a: 1"),
        ("application/javascript", b"a", "a"),
        ("application/sql", b"select", "select"),
    ],
)
def test_text_is_text(content_type: str, body: bytes, text: str) -> None:
    assert shape(content_type, body) == ([{"type": "text", "text": text}], None)


def test_r19_a_file_arrives_whole() -> None:
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
    response = HttpResponse(200, "multipart/mixed; boundary=b", body)
    shaped = shape_answer(response, name="n")
    blocks, structured = shaped.content, shaped.structured
    assert [block["type"] for block in blocks] == ["text", "image", "text"]
    assert blocks[1]["data"] == "iVBO"
    assert structured is None


@pytest.mark.parametrize("content_type", ["multipart/mixed", "multipart/mixed; boundary=other"])
def test_an_answer_whose_parts_can_not_be_told_apart_is_passed_on_whole(content_type: str) -> None:
    blocks = shape_answer(HttpResponse(200, content_type, b"--b\r\n\r\nx"), name="n").content
    assert [block["type"] for block in blocks] == ["resource"]


def page(items: object, **more: object) -> HttpResponse:
    """Answer a listing."""
    return HttpResponse(200, "application/json", orjson.dumps({"items": items, **more}))


TASKS = [{"id": number, "text": "x" * 90} for number in range(1000)]
OFFSET = Pagination("offset", "cursor", "skip", "limit", 50, items=("items",))
CURSOR = Pagination("cursor", "cursor", "after", "limit", 50, next=("next",), items=("items",))


def test_r20_a_long_list_is_cut_between_items_and_says_how_to_see_the_rest() -> None:
    shaped = shape_answer(page(TASKS), name="n")
    answer, note = (block["text"] for block in shaped.content)
    shown = orjson.loads(answer)["items"]
    assert 600 > len(shown) > 100
    assert shown == TASKS[: len(shown)]
    assert len(answer) <= 64 << 10
    assert f"it shows {len(shown)} of 1000 items of items" in note
    assert shaped.structured is None
    assert shaped.meta["gatepost/truncated"] == {
        "originalBytes": len(page(TASKS).body),
        "shownBytes": len(answer),
        "leftOut": [{"place": "items", "kind": "items", "shown": len(shown), "of": 1000}],
    }


@pytest.mark.parametrize(
    ("pages", "given", "told"),
    [
        # The cursor would skip items that a page omitted, so the page asks for fewer at a time.
        (CURSOR, {}, "To see all, make the same call with limit={shown}."),
        (OFFSET, {"cursor": 2000}, "nextCursor: {resumed}\n"),
    ],
)
def test_r20_no_item_is_skipped_after_a_cut_list(
    pages: Pagination, given: dict[str, int], told: str
) -> None:
    shaped = shape_answer(
        page(TASKS, next="abc"), CompiledShape(pages=pages), name="n", given=given
    )
    shown = len(orjson.loads(shaped.content[0]["text"])["items"])
    notes = "\n".join(block["text"] for block in shaped.content[1:])
    assert told.format(shown=shown, resumed=2000 + shown) in notes
    assert '"abc"' not in notes


def test_r20_an_answer_that_fits_without_its_spaces_is_whole() -> None:
    body = orjson.dumps({"items": TASKS[:500]}, option=orjson.OPT_INDENT_2)
    shaped = shape_answer(HttpResponse(200, "application/json", body), name="n")
    assert len(body) > 64 << 10
    assert [orjson.loads(block["text"]) for block in shaped.content] == [{"items": TASKS[:500]}]
    assert "gatepost/truncated" not in shaped.meta


def test_r20_structured_content_stands_beside_short_json_and_never_doubles_long() -> None:
    short, long = page(TASKS[:10]), page(TASKS[:300])
    assert shape_answer(short, name="n").structured is not None
    shaped = shape_answer(long, name="n")
    assert shaped.structured is None
    assert shaped.content == [{"type": "text", "text": long.body.decode()}]


def test_r20_numbers_stay_exact_where_an_answer_is_cut_or_edited() -> None:
    body = b'{"items":[{"id":18446744073709551617,"price":0.10000000000000000001,"mail":"a"}]}'
    shape = CompiledShape(edit=compile_edit((), (("items", "[]", "mail"),)))
    shaped = shape_answer(HttpResponse(200, "application/json", body), shape, name="n")
    exact = (
        '{"items":[{"id":18446744073709551617,"price":0.10000000000000000001,"mail":"[redacted]"}]}'
    )
    assert shaped.content[0]["text"] == exact
    long = body[:-2] + b"," + b",".join([b'{"id":36893488147419103234}'] * 9000) + b"]}"
    shaped = shape_answer(HttpResponse(200, "application/json", long), name="n")
    assert "36893488147419103234" in shaped.content[0]["text"]
    assert shaped.content[0]["text"].startswith('{"items":[{"id":18446744073709551617,')


def test_a_number_without_end_does_not_keep_the_gateway_busy() -> None:
    body = b'{"id":1,"pi":3.' + b"1" * 70_000 + b"}"
    shaped = shape_answer(HttpResponse(200, "application/json", body), name="n")
    assert shaped.content[0]["text"] == '{"id":1,"pi":null}'
    assert "0 of 70002 characters of pi" in shaped.content[1]["text"]


def test_long_text_is_cut_at_a_line_and_says_so() -> None:
    text = "".join(f"line {number} é\n" for number in range(20_000))
    shaped = shape_answer(HttpResponse(200, "text/csv", text.encode()), name="n")
    kept = shaped.content[0]["text"]
    assert text.startswith(kept)
    assert kept.endswith("\n")
    assert (64 << 10) - 40 < len(kept.encode()) <= 64 << 10
    assert f"the first {len(kept)} of {len(text)} characters" in shaped.content[1]["text"]
    assert shaped.meta["gatepost/truncated"]["originalBytes"] == len(text.encode())


def test_the_next_page_is_called_next_cursor_for_any_api() -> None:
    following = shape_answer(page([1], next="a b"), CompiledShape(pages=CURSOR), name="n")
    assert following.content[1]["text"] == (
        'nextCursor: "a b"\nThere is more: repeat the call with cursor set to this value.'
    )
    assert orjson.loads(orjson.dumps(following.structured)) == {
        "items": [1],
        "next": "a b",
        "nextCursor": "a b",
    }
    last = shape_answer(page([1], next=None), CompiledShape(pages=CURSOR), name="n")
    assert len(last.content) == 1
    assert orjson.loads(orjson.dumps(last.structured)) == {"items": [1], "next": None}


def test_a_next_page_that_a_link_tells_of_is_told_beside_a_bare_list() -> None:
    """RFC 8288."""
    pages = Pagination("page", "cursor", "page", "limit")
    link = (
        '<https://api.example/tasks?page=3&per_page=2>; rel="next", <https://x/?page=9>; rel=last'
    )
    response = HttpResponse(200, "application/json", b"[1,2]", link=link)
    shaped = shape_answer(response, CompiledShape(pages=pages), name="n")
    assert shaped.content[1]["text"].startswith('nextCursor: "3"')
    assert orjson.loads(orjson.dumps(shaped.structured)) == {"result": [1, 2], "nextCursor": "3"}


def test_r21_only_the_chosen_fields_are_shown_and_the_next_page_all_the_same() -> None:
    shape = CompiledShape(edit=compile_edit((("items", "[]", "id"),), ()), pages=CURSOR)
    shaped = shape_answer(page(TASKS[:2], next="abc"), shape, name="n")
    assert orjson.loads(shaped.content[0]["text"]) == {"items": [{"id": 0}, {"id": 1}]}
    assert "abc" in shaped.content[1]["text"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{broken"),
        ("text/csv", b"mail\na@b"),
        ("image/png", b"\x89PNG"),
        ("multipart/mixed; boundary=b", b"--b\r\n\r\nx\r\n--b--"),
        ("application/json", b'{"a":' + b"[" * 600 + b"]" * 600 + b"}"),
    ],
)
def test_r21_an_answer_that_cannot_be_redacted_is_not_shown(content_type: str, body: bytes) -> None:
    shape = CompiledShape(edit=compile_edit((), (("mail",),)))
    with pytest.raises(Unshapeable):
        shape_answer(HttpResponse(200, content_type, body), shape, name="n")


def test_clients_are_told_that_content_is_the_apis_and_not_the_servers_words() -> None:
    assert shape_answer(page([]), name="n").meta == {"gatepost/untrusted": True}
