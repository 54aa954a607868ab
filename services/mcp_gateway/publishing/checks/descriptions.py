"""A description says what the tool does and when to use it, and gives a model no other instructions."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.publishing.finding import Finding, Submission
from mcp_gateway.results.instructions import find_instructions

_SHORTEST = 20
_BEHAVIOUR = re.compile(
    r"\b(?:you (?:must|should) (?:always|never)|always (?:call|use|say|tell|recommend|prefer)|"
    r"never (?:call|use|mention|tell)|(?:do not|don't) (?:call|use|mention|tell|ask) (?:any )?other|"
    r"(?:instead of|rather than|before) (?:any )?other (?:tools?|servers?|apps?|connectors?)|"
    r"ignore (?:all|any|the) (?:previous|other|earlier))\b",
    re.IGNORECASE,
)


def descriptions(submission: Submission) -> Iterator[Finding]:
    """Report descriptions that are missing or shared, and texts that instruct the model."""
    seen: dict[str, str] = {}
    for name, tool in submission.catalogue.tools.items():
        text = " ".join(tool.description.split())
        for message in _problems(tool, text):
            yield _finding(submission, name, message, "describe only what the tool does and when")
        if (other := seen.setdefault(text.lower(), name)) != name:
            message = f"{other} has the same description"
            yield _finding(submission, name, message, "say how the two differ")


def _problems(tool: Tool, text: str) -> Iterator[str]:
    if len(text) < _SHORTEST:
        yield f"the description has only {len(text)} characters"
    for one in (text, *_texts(tool.input_schema)):
        found = _BEHAVIOUR.search(one)
        if phrase := find_instructions(one) or (found and found[0]):
            yield f'"{phrase}" instructs the model'


def _texts(schema: Any) -> Iterator[str]:
    """Yield the description of every argument."""
    if isinstance(schema, Mapping):
        if isinstance(text := schema.get("description"), str):
            yield text
        for part in schema.values():
            yield from _texts(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _texts(part)


def _finding(submission: Submission, name: str, message: str, fix: str) -> Finding:
    place = submission.entry(name, "description")
    return Finding(rule="descriptions", place=place, message=message, fix=fix)
