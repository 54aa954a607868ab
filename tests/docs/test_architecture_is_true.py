"""`docs/architecture.md` and `docs/request-paths.md` name what the code has."""

import ast
import inspect
import re
from collections.abc import Callable, Iterable

import pytest

from auth_server.oauth.authorize.checks import CHECKS
from auth_server.oauth.token_endpoint.grant_types import GRANT_TYPES
from mcp_gateway.front import build_front
from mcp_gateway.pipeline import build_steps
from support.markdown import ROOT, read, section, spans

ENTRY = re.compile(r"^- `([\w.]+)`: `([\w./]+)`$", re.MULTILINE)
PATHS = "docs/request-paths.md"
SYMBOLS = ENTRY.findall(section(read(PATHS), "## Where each symbol is"))


def defined_in(source: str) -> set[str]:
    """The names a module defines, and `Class.method` for the methods of its classes."""
    names: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
                    names.add(f"{node.name}.{member.name}")
        targets: Iterable[ast.expr] = ()
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = (node.target,)
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


@pytest.mark.parametrize(("symbol", "path"), SYMBOLS)
def test_a_symbol_is_defined_where_the_list_says(symbol: str, path: str) -> None:
    assert symbol in defined_in((ROOT / path).read_text(encoding="utf-8"))


def test_the_prose_uses_every_symbol_of_the_list_and_names_no_file() -> None:
    text = read(PATHS)
    named = spans(text.replace(section(text, "## Where each symbol is"), ""))
    assert {symbol for symbol, _ in SYMBOLS} - set(named) == set()
    assert [span for span in named if span.endswith(".py")] == []


def test_each_guarantee_of_the_readme_names_code_that_exists() -> None:
    named = spans(section(read("README.md"), "## Guarantees"))
    defined = {
        name.rpartition(".")[2]
        for folder in ("services", "shared")
        for path in (ROOT / folder).rglob("*.py")
        for name in defined_in(path.read_text(encoding="utf-8"))
    }
    assert "confirm" in named  # A key of the manifest.
    assert set(named) - defined <= {"confirm"}


def steps_of(heading: str) -> list[str]:
    """The first symbol of each numbered step below a heading."""
    return re.findall(r"^\d+\. `([\w.]+)`", section(read(PATHS), heading), re.MULTILINE)


def listed_by(build: Callable[..., object]) -> list[str]:
    """The functions, or what makes them, in the tuple that a function returns."""
    function = ast.parse(inspect.getsource(build)).body[0]
    (listed,) = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
    assert isinstance(listed, ast.Tuple)
    named = [item.func if isinstance(item, ast.Call) else item for item in listed.elts]
    return [item.id for item in named if isinstance(item, ast.Name)]


def test_the_checks_of_an_authorization_request_are_told_in_their_order() -> None:
    assert steps_of("### The checks") == [check.__name__ for check in CHECKS]


def test_the_front_of_the_gateway_is_told_in_its_order() -> None:
    assert steps_of("### The front") == listed_by(build_front)


def test_the_steps_of_a_tool_call_are_told_in_their_order() -> None:
    assert steps_of("### The steps of a tool call") == listed_by(build_steps)


def test_every_grant_type_is_told() -> None:
    told = section(read(PATHS), "## Getting tokens")
    assert [name for name, prove in GRANT_TYPES.items() if f"`{prove.__name__}`" not in told] == []


def test_the_map_names_every_folder_of_the_services_and_nothing_else() -> None:
    told = section(read("docs/architecture.md"), "## Code map")
    named = {span for span in spans(told) if re.fullmatch(r"[\w./]+(/|\.py)", span)}
    services = ("services/auth_server", "services/mcp_gateway")
    lost = [
        name
        for name in sorted(named)
        if not (ROOT / name).exists() and not any((ROOT / "services").rglob(name.rstrip("/")))
    ]
    assert lost == []
    for service in services:
        below = section(told, f"### `{service}/`")
        folders = {path.parent.name for path in (ROOT / service).glob("*/__init__.py")}
        assert folders - {span.rstrip("/") for span in spans(below)} == set()


def test_every_test_that_a_document_names_exists() -> None:
    defined = {
        name
        for path in (ROOT / "tests").glob("*/**/test_*.py")
        if "node_modules" not in path.parts
        for name in defined_in(path.read_text(encoding="utf-8"))
    }
    named = {
        span
        for name in ("README.md", "docs/architecture.md", PATHS, "SECURITY.md", "CONTRIBUTING.md")
        for span in spans(read(name))
        if re.fullmatch(r"test_\w+", span)
    }
    # An example of a name.
    assert named - defined - {"test_second_use_of_a_refresh_token_ends_the_whole_family"} == set()
    assert len(named) > 5
