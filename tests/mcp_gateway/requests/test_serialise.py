"""Writing one call's arguments as a request."""

import base64
from email import message_from_bytes
from typing import Any

import pytest

from mcp_gateway.requests.operation import Body, Encoding, Operation, Parameter
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.requests.serialise import UnserialisableArgument, serialise

BASE = "https://api.example.com/v2"
COLOURS = ["blue", "black", "brown"]
RGB = {"R": 100, "G": 200, "B": 150}


def send(operation: Operation, /, **values: Any) -> HttpRequest:
    return serialise(operation, BASE, values)


def get(path: str, *parameters: Parameter) -> Operation:
    return Operation("GET", path, parameters)


def path_of(style: str, explode: bool, value: Any) -> str:
    parameter = Parameter("color", "color", "path", True, style, explode)
    return send(get("/{color}", parameter), color=value).url.removeprefix(BASE + "/")


def query_of(style: str, explode: bool, value: Any, **more: Any) -> str:
    parameter = Parameter("color", "color", "query", False, style, explode, **more)
    return send(get("/", parameter), color=value).url.removeprefix(BASE + "/?")


def header_of(explode: bool, value: Any, **more: Any) -> str:
    parameter = Parameter("color", "X-Color", "header", False, "simple", explode, **more)
    return dict(send(get("/", parameter), color=value).headers)["X-Color"]


def cookie_of(value: Any, explode: bool = False) -> str:
    parameter = Parameter("color", "color", "cookie", False, "form", explode)
    return dict(send(get("/", parameter), color=value).headers)["Cookie"]


def post(body: Body, /, **values: Any) -> HttpRequest:
    return send(Operation("POST", "/", body=body), **values)


def parts_of(request: HttpRequest) -> dict[str, Any]:
    head = f"Content-Type: {dict(request.headers)['Content-Type']}\r\n\r\n".encode()
    message = message_from_bytes(head + request.body)
    return {
        part.get_param("name", header="content-disposition"): part  # type: ignore[union-attr, misc]
        for part in message.get_payload()
    }


@pytest.mark.parametrize(
    ("style", "explode", "value", "written"),
    [
        # The table of OpenAPI 3.1.1 §4.8.12.4, percent-encoded.
        ("simple", False, "blue", "blue"),
        ("simple", False, COLOURS, "blue,black,brown"),
        ("simple", True, COLOURS, "blue,black,brown"),
        ("simple", False, RGB, "R,100,G,200,B,150"),
        ("simple", True, RGB, "R=100,G=200,B=150"),
        ("label", False, "blue", ".blue"),
        ("label", False, COLOURS, ".blue,black,brown"),
        ("label", True, COLOURS, ".blue.black.brown"),
        ("label", False, RGB, ".R,100,G,200,B,150"),
        ("label", True, RGB, ".R=100.G=200.B=150"),
        ("matrix", False, "blue", ";color=blue"),
        ("matrix", False, COLOURS, ";color=blue,black,brown"),
        ("matrix", True, COLOURS, ";color=blue;color=black;color=brown"),
        ("matrix", False, RGB, ";color=R,100,G,200,B,150"),
        ("matrix", True, RGB, ";R=100;G=200;B=150"),
        ("simple", False, True, "true"),
        ("simple", False, -7, "-7"),
        ("simple", False, 2.5, "2.5"),
        ("simple", False, 5.0, "5"),
        ("simple", False, "ab c?d#e%", "ab%20c%3Fd%23e%25"),
        ("simple", False, ["a,b", "c"], "a%2Cb,c"),
        ("simple", False, "v1.0", "v1.0"),
        ("simple", False, "日本", "%E6%97%A5%E6%9C%AC"),
    ],
)
def test_path_values_take_the_documented_style(
    style: str, explode: bool, value: Any, written: str
) -> None:
    assert path_of(style, explode, value) == written


@pytest.mark.parametrize("value", ["1/comments", "1%2Fcomments", "1%252fcomments", "1\\comments"])
def test_a_path_value_can_not_reach_another_operation(value: str) -> None:
    """Servers that route on the decoded path would split it into more than one segment."""
    with pytest.raises(UnserialisableArgument):
        path_of("simple", False, value)


@pytest.mark.parametrize(
    ("style", "explode", "value", "written"),
    [
        ("form", True, "blue", "color=blue"),
        ("form", True, "", "color="),
        ("form", True, COLOURS, "color=blue&color=black&color=brown"),
        ("form", False, COLOURS, "color=blue,black,brown"),
        ("form", True, RGB, "R=100&G=200&B=150"),
        ("form", False, RGB, "color=R,100,G,200,B,150"),
        ("spaceDelimited", False, COLOURS, "color=blue%20black%20brown"),
        ("spaceDelimited", False, RGB, "color=R%20100%20G%20200%20B%20150"),
        ("pipeDelimited", False, COLOURS, "color=blue%7Cblack%7Cbrown"),
        ("deepObject", True, RGB, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
        ("deepObject", True, {"a": {"b": 1}}, "color%5Ba%5D%5Bb%5D=1"),
        ("deepObject", True, {"a": [1, 2]}, "color%5Ba%5D%5B0%5D=1&color%5Ba%5D%5B1%5D=2"),
        ("form", True, True, "color=true"),
        ("form", True, "a&b=c+d", "color=a%26b%3Dc%2Bd"),
    ],
)
def test_query_values_take_the_documented_style(
    style: str, explode: bool, value: Any, written: str
) -> None:
    assert query_of(style, explode, value) == written


def test_reserved_characters_stay_where_the_document_allows_them_and_never_split_the_query() -> (
    None
):
    written = query_of("form", True, "a/b?c&d=e#f", allow_reserved=True)
    assert written == "color=a/b?c%26d%3De%23f"


def test_a_parameter_with_a_content_type_is_written_as_json() -> None:
    written = query_of("form", True, {"a": [1, None]}, content_type="application/json")
    assert written == "color=%7B%22a%22%3A%5B1%2Cnull%5D%7D"
    assert header_of(False, {"a": "é"}, content_type="application/json") == '{"a":"\\u00e9"}'


def test_headers_and_cookies_take_the_documented_style() -> None:
    assert header_of(False, COLOURS) == "blue,black,brown"
    assert header_of(False, RGB) == "R,100,G,200,B,150"
    assert header_of(True, RGB) == "R=100,G=200,B=150"
    assert header_of(False, 5) == "5"
    assert cookie_of("abc") == "color=abc"
    assert cookie_of([1, 2]) == "color=1,2"


@pytest.mark.parametrize("value", ["", ".", "..", "../admin", "%2e%2e", "a/..%2fb", "..\\x", "a/."])
def test_a_path_value_that_would_name_another_path_is_refused(value: str) -> None:
    with pytest.raises(UnserialisableArgument) as refused:
        path_of("simple", False, value)
    assert refused.value.argument == "color"


def test_a_path_value_encoded_without_end_is_refused_at_once() -> None:
    with pytest.raises(UnserialisableArgument):
        path_of("simple", False, "%" + "25" * 5000)


def test_two_values_in_one_segment_cannot_make_a_parent_step_together() -> None:
    operation = get("/x/{a}{b}", Parameter("a", "a", "path"), Parameter("b", "b", "path"))
    assert send(operation, a="1", b="2").url == f"{BASE}/x/12"
    for dots in ({"a": ".", "b": "."}, {"a": ".", "b": "x"}):
        with pytest.raises(UnserialisableArgument):
            send(operation, **dots)


def test_a_value_never_fills_another_placeholder() -> None:
    operation = get("/{a}/{b}", Parameter("a", "a", "path"), Parameter("b", "b", "path"))
    assert send(operation, a="{b}", b="1").url == f"{BASE}/%7Bb%7D/1"


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0b", "é", " a", "a "])
def test_a_header_value_that_could_end_the_header_is_refused(value: str) -> None:
    with pytest.raises(UnserialisableArgument):
        header_of(False, value)


@pytest.mark.parametrize("value", ["a; admin=1", 'a"b', "a\r\nb", "a b", "a\\b", "a,b", "é", "%41"])
def test_a_cookie_value_that_could_set_another_cookie_is_refused(value: str) -> None:
    with pytest.raises(UnserialisableArgument):
        cookie_of(value)


@pytest.mark.parametrize(
    ("style", "explode", "value"),
    [
        ("form", True, []),
        ("form", True, {}),
        ("form", True, None),
        ("form", True, [None]),
        ("form", True, [[1]]),
        ("form", True, {"a": {"b": 1}}),
        ("form", True, float("nan")),
        ("form", True, "\ud800"),
        ("pipeDelimited", False, ["a|b"]),
        ("pipeDelimited", False, "a"),
        ("spaceDelimited", False, ["a b"]),
        ("deepObject", True, "a"),
        ("deepObject", True, {"a": []}),
        ("deepObject", True, {"a][x": 1}),
        ("deepObject", True, {"": 1}),
    ],
)
def test_a_query_value_without_an_exact_form_is_refused(
    style: str, explode: bool, value: Any
) -> None:
    with pytest.raises(UnserialisableArgument) as refused:
        query_of(style, explode, value)
    assert refused.value.argument == "color"


@pytest.mark.parametrize("key", ["tenant_id", "Tenant_ID", "tenant_id[]", "tenant_id[0]", "fixed"])
def test_a_key_of_an_object_cannot_set_a_parameter_that_the_gateway_fills(key: str) -> None:
    operation = get(
        "/tasks?fixed=1",
        Parameter("filter", "filter", "query", style="form", explode=True),
        Parameter("tenant_id", "tenant_id", "query", style="form", explode=True),
    )
    with pytest.raises(UnserialisableArgument) as refused:
        send(operation, filter={key: "org_other"}, tenant_id="org_acme")
    assert refused.value.argument == "filter"


def test_a_bracketed_key_cannot_set_a_parameter_that_is_declared_with_brackets() -> None:
    operation = get(
        "/tasks",
        Parameter("filter", "filter", "query", style="deepObject", explode=True),
        Parameter("tenant", "filter[tenant]", "query", style="form", explode=True),
    )
    with pytest.raises(UnserialisableArgument):
        send(operation, filter={"tenant": "org_other"}, tenant="org_acme")


def test_the_literal_query_of_a_path_and_the_prefix_of_the_base_url_stay() -> None:
    operation = get("/a:list?action=list&beta=true", Parameter("q", "q", "query", style="form"))
    request = serialise(operation, BASE + "/", {"q": "x y"})
    assert request.url == f"{BASE}/a:list?action=list&beta=true&q=x%20y"
    assert request.body == b""
    assert "Content-Type" not in dict(request.headers)


def test_arguments_the_operation_lacks_or_needs_are_named() -> None:
    operation = get("/{id}", Parameter("id", "id", "path", True))
    with pytest.raises(UnserialisableArgument, match="id: is required"):
        send(operation)
    with pytest.raises(UnserialisableArgument, match="host: is not an argument"):
        send(operation, id="1", host="evil.test")


def test_a_url_too_long_for_servers_is_refused() -> None:
    with pytest.raises(UnserialisableArgument, match="longer than"):
        query_of("form", True, "x" * 20_000)


def test_a_json_body_keeps_explicit_nulls_and_upstream_names() -> None:
    body = Body("application/merge-patch+json", {"due": "due", "first_name": "first name"})
    request = post(body, due=None, first_name="Ada")
    assert request.body == b'{"due":null,"first name":"Ada"}'
    assert dict(request.headers)["Content-Type"] == "application/merge-patch+json"


def test_an_optional_body_is_left_out_and_a_required_one_is_an_empty_object() -> None:
    assert post(Body("application/json", {"a": "a"})).body == b""
    assert post(Body("application/json", {"a": "a"}, required=True)).body == b"{}"
    with pytest.raises(UnserialisableArgument, match="body: is required"):
        post(Body("application/json", whole="body", required=True))


def test_a_whole_body_is_written_as_json_text_or_bytes() -> None:
    assert post(Body("application/json", whole="body"), body=[1, {"a": None}]).body == (
        b'[1,{"a":null}]'
    )
    text = post(Body("text/plain", whole="body"), body="é")
    assert (text.body, dict(text.headers)["Content-Type"]) == (
        "é".encode(),
        "text/plain; charset=utf-8",
    )
    raw = Body("application/octet-stream", whole="body", files=frozenset({"body"}))
    assert post(raw, body=base64.b64encode(b"\0\xff").decode()).body == b"\0\xff"
    with pytest.raises(UnserialisableArgument, match="not valid base64"):
        post(raw, body="not base64!")


def test_numbers_beyond_64_bits_reach_a_json_body_unchanged() -> None:
    body = Body("application/json", {"n": "n"})
    assert post(body, n=1 << 70).body == b'{"n":1180591620717411303424}'


def test_a_form_repeats_lists_and_brackets_what_is_nested() -> None:
    body = Body("application/x-www-form-urlencoded", {k: k for k in ("a", "b", "c", "d")})
    request = post(body, a="x y&z", b=[1, 2], c={"k": {"l": True}}, d=[{"price": 5}])
    assert request.body == (b"a=x%20y%26z&b=1&b=2&c%5Bk%5D%5Bl%5D=true&d%5B0%5D%5Bprice%5D=5")


def test_a_form_honours_the_encoding_the_document_gives() -> None:
    body = Body(
        "application/x-www-form-urlencoded",
        {k: k for k in ("expand", "ids", "meta")},
        encodings={
            "expand": Encoding(style="deepObject"),
            "ids": Encoding(style="form", explode=False),
            "meta": Encoding(content_type="application/json"),
        },
    )
    request = post(body, expand=["a"], ids=[1, 2], meta={"k": 1})
    assert request.body == b"expand%5B0%5D=a&ids=1,2&meta=%7B%22k%22%3A1%7D"


def test_a_form_value_without_an_exact_form_is_refused_by_its_argument() -> None:
    body = Body("application/x-www-form-urlencoded", {"key": "a key"})
    values: tuple[Any, ...] = (None, [], {"a": None})
    for value in values:
        with pytest.raises(UnserialisableArgument) as refused:
            post(body, key=value)
        assert refused.value.argument == "key"


def test_a_file_arrives_as_bytes_with_its_name_and_type() -> None:
    body = Body("multipart/form-data", {"file": "file", "note": "note"}, files=frozenset({"file"}))
    content = base64.b64encode(b"\x89PNG\r\n--").decode()
    parts = parts_of(post(body, file=f"data:image/png;name=a%20b.png;base64,{content}", note="é"))
    assert parts["file"].get_payload(decode=True) == b"\x89PNG\r\n--"
    assert parts["file"].get_content_type() == "image/png"
    assert parts["file"].get_filename() == "a b.png"
    assert parts["note"].get_payload(decode=True) == "é".encode()
    plain = parts_of(post(body, file=content))["file"]
    assert (plain.get_filename(), plain.get_content_type()) == ("file", "application/octet-stream")


def test_a_file_name_cannot_end_its_header() -> None:
    body = Body("multipart/form-data", {"file": "file"}, files=frozenset({"file"}))
    evil = 'x"%0D%0AX-Evil: 1%0D%0A%0D%0A'
    request = post(body, file=f"data:text/plain;name={evil};base64,aGk=")
    parts = parts_of(request)
    assert list(parts) == ["file"]
    assert "X-Evil" not in parts["file"]
    for kind in ("text/plain\r\nX-Evil: 1", "text", "é/x"):
        with pytest.raises(UnserialisableArgument):
            post(body, file=f"data:{kind};base64,aGk=")


def test_multipart_writes_lists_as_parts_and_objects_as_json() -> None:
    body = Body("multipart/form-data", {"tag": "tag", "meta": "meta"})
    request = post(body, tag=["a", "b"], meta={"k": [1]})
    assert request.body.count(b'name="tag"') == 2
    assert parts_of(request)["meta"].get_content_type() == "application/json"
    assert parts_of(request)["meta"].get_payload(decode=True) == b'{"k":[1]}'


def test_equal_calls_are_equal_requests() -> None:
    body = Body("multipart/form-data", {"a": "a"})
    assert post(body, a="x") == post(body, a="x")
    assert post(body, a="x") != post(body, a="y")


def test_accept_lists_the_documents_media_types() -> None:
    operation = Operation(
        "GET", "/", responses={"200": ("text/csv", "application/json"), "404": ("text/html",)}
    )
    assert dict(send(operation).headers)["Accept"] == "application/json, text/csv, */*;q=0.1"
