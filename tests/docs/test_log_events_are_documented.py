"""`docs/logs.md` lists every log event with its levels and fields, and no other."""

import ast
import re
from collections.abc import Iterator

import pytest

from support.markdown import ROOT, read, section

ROW = re.compile(r"^\| `(\w+)` \| ([\w, ]+) \| ([^|]*?) ?\| [^|]+ \|$", re.MULTILINE)
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
SOURCES = {
    "## Both services": "shared",
    "## The authorization server": "services/auth_server",
    "## The MCP gateway": "services/mcp_gateway",
}
Events = dict[str, tuple[set[str], set[str]]]


def logged_in(folder: str) -> Iterator[ast.Call]:
    """Every call of `log.<level>`."""
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=level)):
                    if level in LEVELS:
                        yield node


def events_in(folder: str) -> Events:
    """Event to its levels and its fields, as the code has them."""
    events: Events = {}
    for call in logged_in(folder):
        assert isinstance(call.func, ast.Attribute)
        (name,) = call.args
        assert isinstance(name, ast.Constant) and isinstance(name.value, str), ast.unparse(call)
        levels, fields = events.setdefault(name.value, (set(), set()))
        levels.add(call.func.attr.replace("exception", "error"))
        fields |= {keyword.arg for keyword in call.keywords if keyword.arg} - {"exc_info"}
    return events


@pytest.mark.parametrize(("heading", "folder"), SOURCES.items())
def test_every_log_event_is_documented_and_no_other(heading: str, folder: str) -> None:
    told = {
        event: (set(levels.split(", ")), set(re.findall(r"`(\w+)`", fields)))
        for event, levels, fields in ROW.findall(section(read("docs/logs.md"), heading))
    }
    assert told == events_in(folder)


@pytest.mark.parametrize("folder", SOURCES.values())
def test_events_are_named_in_snake_case(folder: str) -> None:
    assert [name for name in events_in(folder) if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []


def test_every_module_calls_its_logger_log() -> None:
    named = [
        (str(path), node.targets[0].id)
        for folder in SOURCES.values()
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and "structlog.get_logger" in ast.unparse(node.value)
    ]
    assert len(named) > 20
    assert [entry for entry in named if entry[1] != "log"] == []
