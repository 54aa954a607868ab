"""People read words for every reason that the gateway writes into a call event."""

import ast
from collections.abc import Iterator

from auth_server.administration.reasons import REASONS
from support.markdown import ROOT

_STREAMS = {"ended", "silent"}  # of feeds, not of calls
_NEVER_RECORDED = {"dry_run"}
_MAKERS = {"RequestFailed", "_fail", "tool_error"}


def written() -> Iterator[str]:
    """Every reason that stands in the gateway's code as one word."""
    for path in (ROOT / "services/mcp_gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.keyword(arg="reason", value=ast.Constant(value=str(word))):
                    yield word
                case ast.Assign(
                    targets=[ast.Name(id="reason")], value=ast.Constant(value=str(word))
                ):
                    yield word
                case ast.Call(func=ast.Name(id=name), args=[*given]) if name in _MAKERS:
                    yield from (
                        one.value
                        for one in given
                        if isinstance(one, ast.Constant) and isinstance(one.value, str)
                    )


def test_every_reason_of_a_call_event_has_words() -> None:
    found = {word for word in written() if word.isidentifier()} - _STREAMS - _NEVER_RECORDED
    assert len(found) > 30
    assert found - REASONS.keys() == set()
