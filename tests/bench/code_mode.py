"""Tokens and calls for tasks of several calls, by the ways in which a model can reach a large catalogue.

`./dev bench code_mode` takes the documents of Stripe and GitHub and the tasks of `code_mode_tasks.yaml`. No model
runs: for each task and way, a script does what an ideal model would, without a mistake and without a thought. So the
figures compare ways, and none is a bill. A way is:

- `list`: every tool is listed, and each call is a tool call.
- `search`: `search_tools`, `describe_tool` and `execute_tool`, as with `search_above`.
- `fields`: the same, with the fields that the model wants of each answer.
- `code`: search, TypeScript of the tools that are needed with the types of their answers, and one script that makes
  all calls and returns what is needed. Gatepost has no such tool.
- `composite`: search, and a composite tool that somebody declared for exactly this task.

Calls that don't depend on one another are one turn. Answers are the documents' examples, or are made from the
schemas, with ten items in each list. A token is four bytes, as `gatepost tools tokens` counts.
"""

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.meta_tools import FOUND, META_TOOLS
from mcp_gateway.catalogue.tool import Tool, publish_tool
from mcp_gateway.importing.proposal import propose
from mcp_gateway.openapi.document import load_openapi
from mcp_gateway.pipeline.steps.answer_meta_tools import summarise_tool
from mcp_gateway.results.content import MOST_BYTES
from support.processes.openapi_corpus import DIRECTORY, GITHUB, install

TASKS = Path(__file__).with_name("code_mode_tasks.yaml")
ITEMS = 10
"""Items of each list in an answer."""
DEEPEST = 5
_CALL = 24
"""Bytes of a tool call beside its name and arguments."""
_RUN_CODE = {
    "name": "run_code",
    "description": "Run TypeScript with `api`, which has a function for each tool. Return what you need.",
    "inputSchema": {
        "type": "object",
        "properties": {"code": {"type": "string"}},
        "required": ["code"],
    },
}
_DECLARE = {
    "name": "declare_tools",
    "description": "Return the TypeScript declarations of tools, with the types of their answers.",
    "inputSchema": {
        "type": "object",
        "properties": {"names": {"type": "array", "items": {"type": "string"}}},
        "required": ["names"],
    },
}


@dataclass
class Cost:
    """What one way costs for one task."""

    definitions: int
    turns: int = 0
    calls: int = 0
    context: int = 0
    """Tokens of everything that the model has read and written at the end, without its answer."""
    read: int = 0
    """Tokens that all turns read together, without a cache."""
    missed: list[str] = field(default_factory=list)
    """Tools that the search did not find with the task's words."""

    def __post_init__(self) -> None:
        """Begin with the definitions."""
        self.context = self.definitions

    def turn(self, written: Sequence[int], read: Sequence[int]) -> None:
        """Add a turn: the model reads everything so far, writes calls, and gets their answers."""
        self.turns += 1
        self.calls += len(written)
        self.read += self.context
        self.context += sum(written) + sum(read)

    def answer(self) -> "Cost":
        """Add the turn in which the model answers the person."""
        self.turns += 1
        self.read += self.context
        return self


@dataclass(frozen=True)
class Step:
    """One step of a task, with the tool and a whole answer of it."""

    find: str
    tool: Tool
    arguments: Mapping[str, Any]
    take: Sequence[str]
    times: int
    answer: Any
    returns: str
    """The type of the answer, in TypeScript."""


def tokens(value: Any) -> int:
    """Count the tokens of a text or of JSON."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return math.ceil(len(text.encode()) / 4)


def written(name: str, arguments: Any) -> int:
    """Count the tokens of a tool call."""
    return tokens("x" * _CALL + name + json.dumps(arguments, separators=(",", ":")))


def shown(answer: Any) -> int:
    """Count the tokens of an answer, which the gateway cuts."""
    return min(tokens(answer), MOST_BYTES // 4)


class Document:
    """A document's answers, from its examples or its schemas."""

    def __init__(self, path: Path) -> None:
        """Read a document."""
        self.source = json.loads(path.read_text())

    def resolve(self, node: Any) -> Any:
        """Follow references."""
        while isinstance(node, dict) and "$ref" in node:
            found: Any = self.source
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            node = found
        return node

    def media(self, call: str) -> dict[str, Any]:
        """Return the JSON answer of an operation, as the document describes it."""
        method, path = call.split(" ")
        responses = self.source["paths"][path][method.lower()]["responses"]
        for status in ("200", "201", "202", "default"):
            content = self.resolve(responses.get(status, {})).get("content", {})
            if "application/json" in content:
                found: dict[str, Any] = content["application/json"]
                return found
        return {}

    def answer(self, call: str) -> Any:
        """Return an example, with ten items in a list at its top."""
        media = self.media(call)
        for example in media.get("examples", {}).values():
            return self._repeat(self.resolve(example).get("value"))
        return self.example(media.get("schema", {}), 0)

    def _repeat(self, value: Any) -> Any:
        if isinstance(value, list):
            return [value[n % len(value)] for n in range(ITEMS)] if value else value
        if isinstance(value, dict):
            return {
                k: self._repeat(v) if isinstance(v, list) and v and isinstance(v[0], dict) else v
                for k, v in value.items()
            }
        return value

    def example(self, schema: Any, depth: int) -> Any:
        """Make a value of a schema; objects that may be expanded stay ids, as APIs answer by default."""
        schema = self.resolve(schema)
        if not isinstance(schema, dict) or depth > DEEPEST:
            return None
        if "example" in schema:
            return schema["example"]
        if schema.get("enum"):
            return schema["enum"][0]
        options = [self.resolve(one) for one in schema.get("anyOf") or schema.get("oneOf") or ()]
        if options:
            plain = [one for one in options if one.get("type") == "string"]
            return self.example((plain or options)[0], depth)
        if schema.get("nullable") and depth > 2:
            return None
        match schema.get("type"):
            case "object":
                return {
                    k: self.example(v, depth + 1) for k, v in schema.get("properties", {}).items()
                }
            case "array":
                number = ITEMS if depth <= 1 else 1
                return [self.example(schema.get("items", {}), depth + 1)] * number
            case "integer" | "number":
                return 1700000000
            case "boolean":
                return True
            case "string":
                return "2026-11-30T12:00:00Z" if schema.get("format") == "date-time" else "x" * 16
        return {
            k: self.example(v, depth + 1) for k, v in schema.get("properties", {}).items()
        } or None

    def type_of(self, schema: Any, depth: int = 0) -> str:
        """Write a type in TypeScript, three levels deep."""
        schema = self.resolve(schema)
        if not isinstance(schema, dict) or depth > 3:
            return "any"
        if schema.get("enum"):
            return "|".join(json.dumps(one) for one in schema["enum"][:12])
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            kinds = dict.fromkeys(self.type_of(one, depth + 1) for one in options[:4])
            return "|".join(kinds)
        if schema.get("properties"):
            required = schema.get("required", ())
            members = (
                f"{name}{'' if name in required else '?'}:{self.type_of(one, depth + 1)}"
                for name, one in schema["properties"].items()
            )
            return "{" + ";".join(members) + "}"
        kind = schema.get("type", "any")
        if kind == "array":
            return f"{self.type_of(schema.get('items', {}), depth + 1)}[]"
        names = {"integer": "number", "object": "object"}
        return names.get(kind, kind) if isinstance(kind, str) else "any"


def project(value: Any, path: str) -> Any:
    """Return what is at a path; `[]` is every item of a list."""
    head, _, rest = path.partition(".")
    name, is_list = head.removesuffix("[]"), head.endswith("[]")
    if name:
        value = value.get(name) if isinstance(value, dict) else None
    if is_list:
        items = value if isinstance(value, list) else []
        return [project(item, rest) if rest else item for item in items]
    return project(value, rest) if rest and value is not None else value


def taken(step: Step) -> dict[str, Any]:
    """Return what a task needs of an answer."""
    return {path: project(step.answer, path) for path in step.take}


def declare(tool: Tool, returns: str, document: Document) -> str:
    """Declare a tool in TypeScript."""
    schema = tool.input_schema
    defs = schema.get("$defs", {})

    def inline(node: Any, depth: int) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                name = node["$ref"].rpartition("/")[2]
                return inline(defs.get(name, {}), depth + 1) if depth < 4 else {}
            return {k: inline(v, depth) for k, v in node.items()}
        return [inline(one, depth) for one in node] if isinstance(node, list) else node

    first = tool.description.split("\n")[0][:120]
    return f"/** {first} */\n{tool.name}(args:{document.type_of(inline(schema, 0))}):Promise<{returns}>;"


def script(steps: Sequence[Step]) -> str:
    """Write the program that makes the calls of a task."""
    lines = []
    for number, step in enumerate(steps):
        arguments = json.dumps(step.arguments)
        call = f"api.{step.tool.name}({arguments})"
        if step.times > 1:
            lines.append(
                f"const r{number} = await Promise.all(rows.slice(0, {step.times}).map(row => {call}));"
            )
        else:
            lines.append(f"const r{number} = await {call};")
    lines.append(
        f"return {{{', '.join(f'{path}: r{n}.{path}' for n, step in enumerate(steps) for path in step.take)}}};"
    )
    return "\n".join(lines)


def find(cost: Cost, catalogue: Catalogue, steps: Sequence[Step]) -> None:
    """Search for each tool of a task, in one turn, and once more by the tool's name where that fails."""
    asked, answers, again = [], [], []
    for step in {one.tool.name: one for one in steps}.values():
        found = catalogue.index.search(step.find, lambda _: True, FOUND)
        asked.append(written("search_tools", {"query": step.find}))
        answers.append(tokens({"tools": [summarise_tool(tool) for tool in found]}))
        if step.tool not in found:
            again.append(step)
    cost.turn(asked, answers)
    if again:
        cost.missed += [step.tool.name for step in again]
        queries = [(step, step.tool.name.replace("_", " ")) for step in again]
        results = [catalogue.index.search(query, lambda _: True, FOUND) for _, query in queries]
        cost.turn(
            [written("search_tools", {"query": query}) for _, query in queries],
            [tokens({"tools": [summarise_tool(tool) for tool in found]}) for found in results],
        )


def by_list(catalogue: Catalogue, steps: Sequence[Step], listed: int) -> Cost:
    """Every tool is listed."""
    cost = Cost(listed)
    for step in steps:
        cost.turn(
            [written(step.tool.name, step.arguments)] * step.times,
            [shown(step.answer)] * step.times,
        )
    return cost.answer()


def by_search(catalogue: Catalogue, steps: Sequence[Step], *, fields: bool) -> Cost:
    """Tools are searched and described; with `fields`, answers have only what the task needs."""
    cost = Cost(sum(tokens(one.published) for one in META_TOOLS.values()))
    find(cost, catalogue, steps)
    tools = {step.tool.name: step.tool for step in steps}
    cost.turn(
        [written("describe_tool", {"name": name}) for name in tools],
        [tokens(publish_tool(tool)) for tool in tools.values()],
    )
    for step in steps:
        call: dict[str, Any] = {"name": step.tool.name, "arguments": dict(step.arguments)}
        answer = step.answer
        if fields:
            call["fields"], answer = list(step.take), taken(step)
        cost.turn([written("execute_tool", call)] * step.times, [shown(answer)] * step.times)
    return cost.answer()


def by_code(catalogue: Catalogue, steps: Sequence[Step], document: Document) -> Cost:
    """Tools are searched and declared, and one script makes the calls."""
    search = META_TOOLS["search_tools"].published
    cost = Cost(sum(map(tokens, (search, _DECLARE, _RUN_CODE))))
    find(cost, catalogue, steps)
    tools = {step.tool.name: step for step in steps}
    declared = [declare(step.tool, step.returns, document) for step in tools.values()]
    cost.turn([written("declare_tools", {"names": list(tools)})], [tokens("\n".join(declared))])
    result = [taken(step) for step in steps for _ in range(step.times)]
    cost.turn([written("run_code", {"code": script(steps)})], [shown(result)])
    return cost.answer()


def by_composite(catalogue: Catalogue, task: str, steps: Sequence[Step]) -> Cost:
    """Somebody declared a composite tool for the task, which a search finds among nine others."""
    cost = Cost(sum(tokens(one.published) for one in META_TOOLS.values()))
    arguments = {k: v for step in steps for k, v in step.arguments.items()}
    schema = {
        "type": "object",
        "properties": {
            name: step.tool.input_schema["properties"].get(name, {})
            for step in steps
            for name in step.arguments
        },
    }
    told = ", ".join(dict.fromkeys(step.tool.title for step in steps))
    published = {
        "name": "do_the_task",
        "title": task,
        "description": f"{task}.\n\nMakes these calls in order: {told}.",
        "inputSchema": schema,
    }
    others = [
        summarise_tool(tool) for tool in catalogue.index.search(task, lambda _: True, FOUND - 1)
    ]
    cost.turn(
        [written("search_tools", {"query": task})],
        [tokens({"tools": [{**published, "inputSchema": list(arguments)}, *others]})],
    )
    cost.turn([written("describe_tool", {"name": "do_the_task"})], [tokens(published)])
    result = [taken(step) for step in steps for _ in range(step.times)]
    call = {"name": "do_the_task", "arguments": arguments}
    cost.turn([written("execute_tool", call)], [shown(result)])
    return cost.answer()


def measure(label: str, path: Path) -> None:
    """Print the costs of a document's tasks."""
    document = Document(path)
    proposal = propose(load_openapi(path), name=label, bind={}, expose_all=True)
    tools = {one.found.key: one.tool for one in proposal.proposed}
    catalogue = Catalogue.of(label, tools.values(), search_above=1)
    listed = sum(tokens(publish_tool(tool)) for tool in catalogue.tools.values())
    costs: dict[str, list[Cost]] = {}
    say(f"\n## {label}: {len(tools)} tools, {listed:,} tokens in a whole list\n")
    say("| task | calls of the API | list | search | fields | code | composite |")
    say("|---|---|---|---|---|---|---|")
    for task in yaml.safe_load(TASKS.read_text())[label]:
        steps = list(read_steps(task["steps"], tools, document))
        ways = {
            "list": by_list(catalogue, steps, listed),
            "search": by_search(catalogue, steps, fields=False),
            "fields": by_search(catalogue, steps, fields=True),
            "code": by_code(catalogue, steps, document),
            "composite": by_composite(catalogue, task["task"], steps),
        }
        for way, cost in ways.items():
            costs.setdefault(way, []).append(cost)
        cells = " | ".join(f"{cost.context:,}" for cost in ways.values())
        say(f"| {task['task']} | {sum(step.times for step in steps)} | {cells} |")
    say(
        "\n| way | definitions | turns | tool calls | context at the end, median (most) | read in all turns |"
    )
    say("|---|---|---|---|---|---|")
    for way, found in costs.items():
        contexts = [cost.context for cost in found]
        say(
            f"| {way} | {found[0].definitions:,} | {median(c.turns for c in found):g} | "
            f"{median(c.calls for c in found):g} | {median(contexts):,.0f} ({max(contexts):,}) | "
            f"{median(c.read for c in found):,.0f} |"
        )
    missed = [name for cost in costs["search"] for name in cost.missed]
    say(f"\nNot among the first {FOUND} of the first search: {', '.join(missed) or 'none'}")


def read_steps(
    listed: Sequence[Mapping[str, Any]], tools: Mapping[str, Tool], document: Document
) -> Iterator[Step]:
    """Read the steps of a task."""
    for one in listed:
        schema = document.media(one["call"]).get("schema", {})
        yield Step(
            one["find"],
            tools[one["call"]],
            one["with"],
            one["take"],
            one.get("times", 1),
            document.answer(one["call"]),
            document.type_of(schema),
        )


def say(line: str) -> None:
    """Write one line to the person."""
    sys.stdout.write(line + "\n")


def main() -> None:
    """Measure both documents."""
    measure("Stripe", install(DIRECTORY) / "api" / "stripe.com.json")
    measure("GitHub", install(GITHUB) / "generated" / "api.github.com.json")


if __name__ == "__main__":
    main()
