"""Make cases from the tools themselves, by rules: what their titles and descriptions promise."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.evals.cases import Case

_SENTENCE = re.compile(r"^(.{10,300}?[.!?])(?:\s|$)", re.DOTALL)
_UNRELATED = {
    "none-1": "Thank you, that is all for now.",
    "none-2": "What is 17 times 23?",
}
_BY_FORMAT = {
    "date": "2026-12-01",
    "date-time": "2026-12-01T09:00:00Z",
    "email": "ada@example.com",
    "uri": "https://example.com/",
    "uuid": "3f2b8c1e-5d4a-4f6b-9a7c-0e1d2c3b4a59",
}


def make_cases(catalogue: Catalogue) -> Iterator[Case]:
    """Yield one or more cases for each tool, and cases in which no tool should be called."""
    for tool in catalogue.tools.values():
        if not tool.lifecycle.deprecated:
            yield from _cases_of(tool)
    for key, prompt in _UNRELATED.items():
        yield Case(id=key, source="manifest", prompt=prompt)


def _cases_of(tool: Tool) -> Iterator[Case]:
    arguments = _required(tool)
    given = "".join(f" The {_words(name)} is {value}." for name, value in arguments.items())
    title = tool.title.rstrip(". ")
    yield _case(tool, "title", f"{title}.{given}", arguments)
    sentence = _SENTENCE.match(" ".join(tool.description.split()))
    if sentence and sentence[1].rstrip(".").lower() != title.lower():
        yield _case(tool, "description", f"{sentence[1]}{given}", arguments)
    for name, schema in tool.input_schema.get("properties", {}).items():
        listed = schema.get("enum") if isinstance(schema, Mapping) else None
        values = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
        if values and name not in arguments:
            chosen = {**arguments, name: values[-1]}
            if tool.validate(chosen):  # it requires more, of which no plain value can be said
                continue
            prompt = f"{title}.{given} I need {_words(name)} {values[-1]}."
            yield _case(tool, name, prompt, chosen)
            return


def _case(tool: Tool, key: str, prompt: str, arguments: Mapping[str, Any]) -> Case:
    made = re.sub(r"[^A-Za-z0-9_.-]", "-", f"{tool.name}-{key}")[:120]
    return Case(
        id=made, source="manifest", prompt=prompt, tool=tool.name, arguments=dict(arguments)
    )


def _required(tool: Tool) -> dict[str, Any]:
    """Choose a value for each required argument; none if the tool would refuse what was chosen."""
    properties = tool.input_schema.get("properties", {})
    chosen = {
        name: _value(name, properties.get(name)) for name in tool.input_schema.get("required", ())
    }
    told = all(isinstance(value, str | int | float | bool) for value in chosen.values())
    return chosen if told and not tool.validate(chosen) else {}


def _value(name: str, schema: Any) -> Any:
    if not isinstance(schema, Mapping):
        return None
    for key in ("const", "default", "example"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if isinstance(schema.get(key), list) and schema[key]:
            return schema[key][0]
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return schema.get("minimum", 3)
    if kind == "boolean":
        return True
    if kind == "string":
        return _BY_FORMAT.get(str(schema.get("format")), f"{name.removesuffix('_id')}-42")
    return None


def _words(name: str) -> str:
    return " ".join(re.findall(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+", name)).lower() or name
