"""Accepted values survive a round trip through independent parsers."""

import base64
import io
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import hypothesis.strategies as st
import python_multipart
from hypothesis import assume, given

from mcp_gateway.requests.operation import Body, Operation, Parameter
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.requests.serialise import UnserialisableArgument, serialise

BASE = "http://upstream.test/api"

scalars = st.text(max_size=20) | st.integers() | st.booleans()
keys = st.text(min_size=1, max_size=8)
lists = st.lists(scalars, min_size=1, max_size=4)
objects = st.dictionaries(keys, scalars, min_size=1, max_size=4)
nested = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(keys.filter(lambda k: not set(k) & set("[]")), inner, min_size=1)
    ),
    max_leaves=8,
)
documents = st.recursive(
    st.none() | scalars | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)


def text(value: Any) -> str:
    """Return a scalar as a server reads it: everything outside JSON is text."""
    return json.dumps(value) if isinstance(value, bool | int) else str(value)


def texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: texts(item) for key, item in value.items()}
    return [texts(item) for item in value] if isinstance(value, list) else text(value)


def accepted(operation: Operation, values: dict[str, Any]) -> HttpRequest:
    try:
        return serialise(operation, BASE, values)
    except UnserialisableArgument:
        assume(False)
        raise


def pairs_of(request: HttpRequest) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(request.url).query, keep_blank_values=True, strict_parsing=True)


def unbracket(pairs: list[tuple[str, str]]) -> Any:
    """Read bracketed names back: objects, and lists by index."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        path = [part.removesuffix("]") for part in name.split("[")]
        node = root
        for part in path[:-1]:
            node = node.setdefault(part, {})
        node[path[-1]] = value
    return root


def indexed(value: Any) -> Any:
    """Return lists as a reader of bracketed names sees them without the schema."""
    if isinstance(value, list):
        return {str(index): indexed(item) for index, item in enumerate(value)}
    if isinstance(value, dict):
        return {key: indexed(item) for key, item in value.items()}
    return text(value)


@given(st.dictionaries(st.sampled_from(["a", "b[]", "$c", "ü d"]), scalars | lists, min_size=1))
def test_every_query_of_scalars_and_lists_arrives(values: dict[str, Any]) -> None:
    parameters = tuple(Parameter(n, n, "query", style="form", explode=True) for n in values)
    request = serialise(Operation("GET", "/", parameters), BASE, values)
    expected = [
        (name, text(item))
        for name, value in values.items()
        for item in (value if isinstance(value, list) else [value])
    ]
    assert pairs_of(request) == expected
    assert request.url.isascii()


@given(objects)
def test_every_exploded_object_in_a_query_arrives(value: dict[str, Any]) -> None:
    parameter = Parameter("o", "o", "query", style="form", explode=True)
    request = serialise(Operation("GET", "/", (parameter,)), BASE, {"o": value})
    assert pairs_of(request) == list(texts(value).items())


@given(
    st.sampled_from([("form", ","), ("spaceDelimited", "%20"), ("pipeDelimited", "%7C")]),
    lists,
    st.booleans(),
)
def test_every_delimited_query_that_is_accepted_arrives(
    style: tuple[str, str], value: list[Any], reserved: bool
) -> None:
    parameter = Parameter("l", "l", "query", style=style[0], allow_reserved=reserved)
    request = accepted(Operation("GET", "/", (parameter,)), {"l": value})
    name, _, written = urlsplit(request.url).query.partition("=")
    assert name == "l"
    assert [unquote(part) for part in written.split(style[1])] == texts(value)


@given(st.dictionaries(keys.filter(lambda k: not set(k) & set("[]")), nested, min_size=1))
def test_every_nested_object_in_a_query_or_form_arrives(value: dict[str, Any]) -> None:
    parameter = Parameter("o", "o", "query", style="deepObject", explode=True)
    query = pairs_of(serialise(Operation("GET", "/", (parameter,)), BASE, {"o": value}))
    assert unbracket(query) == {"o": indexed(value)}
    body = Body("application/x-www-form-urlencoded", {"o": "o"})
    form = serialise(Operation("POST", "/", body=body), BASE, {"o": value}).body
    assert parse_qsl(form.decode("ascii"), keep_blank_values=True) == query


def path_parts(written: str, style: str, explode: bool) -> list[str]:
    """Split a written list as the style says."""
    if style == "label":
        return written.removeprefix(".").split("." if explode else ",")
    if style == "matrix" and explode:
        return [part.removeprefix("p=") for part in written.removeprefix(";").split(";")]
    return written.removeprefix(";p=").split(",")


@given(st.sampled_from(["simple", "label", "matrix"]), st.booleans(), lists)
def test_every_list_in_a_path_that_is_accepted_arrives(
    style: str, explode: bool, value: list[Any]
) -> None:
    parameter = Parameter("p", "p", "path", True, style, explode)
    request = accepted(Operation("GET", "/x/{p}/y", (parameter,)), {"p": value})
    before, written, after = request.url.removeprefix(BASE + "/").split("/")
    assert (before, after) == ("x", "y")
    assert [unquote(part) for part in path_parts(written, style, explode)] == texts(value)


@given(scalars)
def test_every_scalar_in_a_path_that_is_accepted_stays_in_its_segment(value: Any) -> None:
    parameter = Parameter("p", "p", "path", True)
    request = accepted(Operation("DELETE", "/users/{p}/keys", (parameter,)), {"p": value})
    segments = urlsplit(request.url).path.split("/")
    assert [unquote(segment) for segment in segments] == ["", "api", "users", text(value), "keys"]
    assert "" not in segments[1:]


@given(st.booleans(), scalars | lists)
def test_every_header_that_is_accepted_arrives(explode: bool, value: Any) -> None:
    parameter = Parameter("h", "X-H", "header", explode=explode)
    written = dict(accepted(Operation("GET", "/", (parameter,)), {"h": value}).headers)["X-H"]
    # As an HTTP server reads a field line: without line breaks and outer spaces.
    assert written.splitlines() in ([written], [])
    read = written.strip(" \t")
    assert (read.split(",") if isinstance(value, list) else read) == texts(value)


@given(st.dictionaries(st.text(max_size=10), documents))
def test_every_json_body_arrives_with_its_nulls(value: dict[str, Any]) -> None:
    arguments = {f"a{index}": name for index, name in enumerate(value)}
    body = Body("application/json", arguments, required=True)
    values = {argument: value[name] for argument, name in arguments.items()}
    assert json.loads(serialise(Operation("PUT", "/", body=body), BASE, values).body) == value


def fields_of(request: HttpRequest) -> Iterator[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []

    def on_field(field: Any) -> None:
        found.append((field.field_name.decode(), field.value or b""))

    def on_file(file: Any) -> None:
        file.file_object.seek(0)
        found.append((file.field_name.decode(), file.file_object.read()))

    headers: Any = {name: value.encode() for name, value in request.headers}
    python_multipart.parse_form(headers, io.BytesIO(request.body), on_field, on_file)
    yield from found


@given(st.binary(max_size=200), scalars | lists)
def test_every_multipart_body_arrives(content: bytes, value: Any) -> None:
    body = Body("multipart/form-data", {"f": "file", "v": "v"}, files=frozenset({"f"}))
    values = {"f": base64.b64encode(content).decode(), "v": value}
    request = serialise(Operation("POST", "/", body=body), BASE, values)
    items = value if isinstance(value, list) else [value]
    expected = [("file", content), *(("v", text(item).encode()) for item in items)]
    assert list(fields_of(request)) == expected
