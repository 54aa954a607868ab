"""A sample of real documents, and a document with every style."""

from typing import Any

import pytest

from mcp_gateway.manifest.entries import ToolEntry
from mcp_gateway.manifest.make_tool import make_tool
from mcp_gateway.openapi.document import OpenApiDocument, load_openapi
from mcp_gateway.requests.serialise import serialise
from support.processes.openapi_corpus import (
    STYLES,
    Report,
    check_document,
    install,
    is_saas,
    sample_folder,
    sample_names,
)

pytestmark = pytest.mark.whole_machine

BASE = "https://upstream.test"
NAMES = sample_names()
VALUES: dict[str, Any] = {
    "primitive": "blue",
    "array": ["blue", "black"],
    "object": {"R": "100", "G": "200"},
}
QUERY, HEADER, PATH = "/anything/query", "/anything/headers", "/anything/path"
ALL = "{primitive}/{array}/{object}"
FORM = "/anything/form-data"


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    """Import every document of the sample; `./dev test` has put them into the cache."""
    return {name: check_document(sample_folder() / name, name) for name in NAMES}


def test_nothing_illegal_comes_out_of_any_document(reports: dict[str, Report]) -> None:
    assert len(reports) == 150
    assert {name: report.broken for name, report in reports.items() if report.broken} == {}
    assert sum(report.operations for report in reports.values()) > 2500


def test_nearly_every_operation_of_products_is_served(reports: dict[str, Report]) -> None:
    saas = [report for name, report in reports.items() if is_saas(name.removeprefix("api/"))]
    served, total = (sum(getattr(r, what) for r in saas) for what in ("served", "operations"))
    assert served / total > 0.97
    sizes = sorted(size for report in reports.values() for size in report.sizes)
    assert sizes[len(sizes) // 2] < 2048


@pytest.fixture(scope="module")
def styles() -> OpenApiDocument:
    """The document with every style."""
    return load_openapi(install(STYLES) / "3.1" / "json" / "parameters-style.json")


@pytest.mark.parametrize(
    ("key", "written"),
    [
        (f"GET {QUERY}", "primitive=blue&array=blue&array=black&R=100&G=200"),
        (f"GET {QUERY}/form", "primitive=blue&array=blue,black&object=R,100,G,200"),
        (f"POST {QUERY}/form", "primitive=blue&array=blue&array=black&R=100&G=200"),
        (f"GET {QUERY}/spaceDelimited", "array=blue%20black&object=R%20100%20G%20200"),
        (f"GET {QUERY}/pipeDelimited", "array=blue%7Cblack&object=R%7C100%7CG%7C200"),
        (f"GET {QUERY}/deepObject", "object%5BR%5D=100&object%5BG%5D=200"),
        (f"GET {PATH}/{ALL}", "blue/blue,black/R,100,G,200"),
        (f"GET {PATH}/simple/{ALL}", "blue/blue,black/R,100,G,200"),
        (f"POST {PATH}/simple/{ALL}", "blue/blue,black/R=100,G=200"),
        (f"GET {PATH}/label/{ALL}", ".blue/.blue,black/.R,100,G,200"),
        (f"POST {PATH}/label/{ALL}", ".blue/.blue.black/.R=100.G=200"),
        (
            f"GET {PATH}/matrix/{ALL}",
            ";primitive=blue/;array=blue,black/;object=R,100,G,200",
        ),
        (
            f"POST {PATH}/matrix/{ALL}",
            ";primitive=blue/;array=blue;array=black/;R=100;G=200",
        ),
        (f"GET {HEADER}", "blue blue,black R,100,G,200"),
        (f"GET {HEADER}/simple", "blue blue,black R,100,G,200"),
        (f"POST {HEADER}/simple", "blue blue,black R=100,G=200"),
        ("GET /cookies", "primitive=blue"),
        (f"POST {FORM}", 'primitive=blue array=blue array=black object={"R":"100","G":"200"}'),
        (f"POST {FORM}/form", "primitive=blue array=blue,black object=R,100,G,200"),
        (f"PUT {FORM}/form", "primitive=blue array=blue array=black R=100 G=200"),
        (f"POST {FORM}/pipeDelimited", "array=blue|black object=R|100|G|200"),
    ],
)
def test_every_style_of_a_published_document_is_written_as_the_tables_say(
    styles: OpenApiDocument, key: str, written: str
) -> None:
    tool = make_tool(ToolEntry("t", key), styles)
    known = tool.input_schema["properties"]
    request = serialise(tool.operation, BASE, {k: v for k, v in VALUES.items() if k in known})
    headers = dict(request.headers)
    if FORM in key:
        found = " ".join(multipart(request.body))
    elif HEADER in key:
        found = " ".join(headers[name] for name in known)
    elif "cookies" in key:
        found = headers["Cookie"]
    else:
        found = request.url.removeprefix(BASE).partition("?")[2]
        if PATH in key:
            found = "/".join(request.url.split("/")[-3:])
    assert found == written


def multipart(body: bytes) -> list[str]:
    """Read `name=content` of each part."""
    parts = body.split(b"\r\n--")[0:-1]
    fields = []
    for part in parts:
        head, _, content = part.partition(b"\r\n\r\n")
        fields.append(head.split(b'name="')[1].split(b'"')[0].decode() + "=" + content.decode())
    return fields
