"""Read the prompts of a manifest."""

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_gateway.catalogue.prompts import PLACEHOLDER, ListedValues, Prompt, PromptArgument
from mcp_gateway.manifest.appearance import read_icons, title_of
from mcp_gateway.results.fields import parse_field
from mcp_gateway.text import tidy_text


def read_prompts(source: Mapping[str, Any]) -> tuple[tuple[Prompt, ...], list[str]]:
    """Read the prompts of a manifest that matches the schema.

    Returns:
        The prompts, and their problems, each as `prompts.NAME.key: the fix`.
    """
    prompts: list[Prompt] = []
    problems: list[str] = []
    for name, value in source.items():
        arguments = tuple(
            PromptArgument(
                key,
                tidy_text(said.get("description", "")),
                said.get("required", False),
                tuple(said.get("values", ())),
                read_listed(said["complete"]) if "complete" in said else None,
            )
            for key, said in value.get("arguments", {}).items()
        )
        declared = {argument.name for argument in arguments}
        used = set(PLACEHOLDER.findall(value["text"]))
        problems += [
            f"prompts.{name}.text: {{{{{key}}}}} is not among its arguments; add it there"
            for key in sorted(used - declared)
        ]
        problems += [
            f"prompts.{name}.arguments.{key}: the text doesn't use it; write {{{{{key}}}}} in it"
            for key in sorted(declared - used)
        ]
        prompts.append(
            Prompt(
                name=name,
                title=title_of(name, value),
                description=tidy_text(value.get("description", "")),
                arguments=arguments,
                text=tidy_text(value["text"]),
                attach=tuple(value.get("attach", ())),
                tools=tuple(value.get("tools", ())),
                icons=read_icons(value),
            )
        )
    return tuple(prompts), problems


def read_listed(value: Mapping[str, Any]) -> ListedValues:
    """Read where completions come from."""
    return ListedValues(value["tool"], parse_field(value["values"]))


def prompt_problems(source: Mapping[str, Any]) -> Iterator[str]:
    """Find names in prompts that do not exist, each as `prompts.NAME.key: …`."""
    tools, resources = source["tools"], source.get("resources", {})
    for name, value in source.get("prompts", {}).items():
        for argument, said in value.get("arguments", {}).items():
            if "values" in said and "complete" in said:
                yield f"prompts.{name}.arguments.{argument}.complete: `values` are listed; keep one"
        for key, known in (("attach", resources), ("tools", tools)):
            for named in value.get(key, ()):
                if named not in known or "tool" in known[named]:
                    yield f"prompts.{name}.{key}: {named} does not exist or can't be named here"
