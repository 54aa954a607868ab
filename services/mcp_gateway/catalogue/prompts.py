"""Prompts and resources: what a manifest offers beside tools, served as it is written there."""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from mcp_gateway.documents.texts import tidy_text

_LARGEST = 1 << 20
_TEXTS = frozenset({"json", "xml", "yaml", "toml", "graphql", "javascript"})
_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_VARIABLE = re.compile(r"\{([A-Za-z0-9_]+)\}")


@dataclass(frozen=True, slots=True)
class PromptArgument:
    """What a person fills in before a prompt is used."""

    name: str
    description: str
    required: bool
    values: tuple[str, ...] = ()
    """What it can be, where that is known; offered while a person types."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text a person can start from (MCP prompts)."""

    name: str
    title: str
    description: str
    arguments: tuple[PromptArgument, ...]
    text: str
    """With `{{name}}` for each argument, every one of them declared."""
    attach: tuple[str, ...] = ()
    """Names of the resources that come before the text."""
    tools: tuple[str, ...] = ()
    """Tools it is of no use without: who may not use all of them is not shown the prompt."""

    def fill(self, values: Mapping[str, str]) -> str:
        """Write the text with its arguments filled in; what is not given leaves nothing.

        Values are put in as they are, and are not searched for placeholders.
        """
        return _PLACEHOLDER.sub(lambda found: values.get(found[1], ""), self.text)


@dataclass(frozen=True, slots=True)
class Resource:
    """A document that a model may read (MCP resources)."""

    name: str
    title: str
    description: str
    mime_type: str
    text: str
    """Empty where there is a blob."""
    uri: str
    """Where clients read it."""
    blob: str = ""
    """Base64 of what is no text."""


@dataclass(frozen=True, slots=True)
class ResourceTemplate:
    """Documents that a tool reads: one for each value of the arguments in the URI."""

    name: str
    title: str
    description: str
    uri_template: str
    """With `{argument}` for each argument (RFC 6570, level 1)."""
    tool: str

    @property
    def variables(self) -> tuple[str, ...]:
        """The arguments in the URI, in order."""
        return tuple(_VARIABLE.findall(self.uri_template))

    def match(self, uri: str) -> dict[str, str] | None:
        """Read the arguments out of a URI; None where it is none of these."""
        parts = _VARIABLE.split(self.uri_template)
        names, texts = parts[1::2], parts[::2]
        pattern = "([^/?#]+)".join(re.escape(text) for text in texts)
        found = re.fullmatch(pattern, uri)
        if found is None:
            return None
        return {name: unquote(text) for name, text in zip(names, found.groups(), strict=True)}


def read_prompts(source: Mapping[str, Any]) -> tuple[tuple[Prompt, ...], list[str]]:
    """Read the prompts of a manifest whose form is right.

    Returns:
        The prompts, and what is wrong with them, each as `prompts.NAME.key: what to write`.
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
            )
            for key, said in value.get("arguments", {}).items()
        )
        declared = {argument.name for argument in arguments}
        used = set(_PLACEHOLDER.findall(value["text"]))
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
                title=_title(name, value),
                description=tidy_text(value.get("description", "")),
                arguments=arguments,
                text=tidy_text(value["text"]),
                attach=tuple(value.get("attach", ())),
                tools=tuple(value.get("tools", ())),
            )
        )
    return tuple(prompts), problems


def read_resources(
    source: Mapping[str, Any], folder: Path
) -> tuple[tuple[Resource, ...], tuple[ResourceTemplate, ...], list[str]]:
    """Read the resources of a manifest whose form is right, and the files they name.

    Returns:
        The resources, those that a tool reads, and what is wrong with them, each as
        `resources.NAME.key: what to write`.
    """
    resources: list[Resource] = []
    templates: list[ResourceTemplate] = []
    problems: list[str] = []
    for name, value in source.items():
        title, description = _title(name, value), tidy_text(value.get("description", ""))
        uri = value.get("uri", f"gatepost:resources/{name}")
        if "tool" in value:
            templates.append(ResourceTemplate(name, title, description, uri, value["tool"]))
            continue
        mime_type = value.get("mime_type", "text/markdown")
        try:
            data = _read(folder, value["file"]) if "file" in value else b""
            binary = "file" in value and not _is_text(mime_type)
            text = value["text"] if "text" in value else "" if binary else _decode(data)
        except ValueError as error:
            problems.append(f"resources.{name}.file: {value['file']} {error}")
            continue
        blob = b64encode(data).decode() if binary else ""
        resources.append(Resource(name, title, description, mime_type, text, uri, blob))
    return tuple(resources), tuple(templates), problems


def offer_problems(source: Mapping[str, Any]) -> Iterator[str]:
    """Find what prompts and resources name that is not there, each as `prompts.NAME.key: …`."""
    tools, resources = source["tools"], source.get("resources", {})
    for name, value in source.get("prompts", {}).items():
        for key, known in (("attach", resources), ("tools", tools)):
            for named in value.get(key, ()):
                if named not in known or "tool" in known[named]:
                    yield f"prompts.{name}.{key}: there is no {named} to name here"
    uris: dict[str, str] = {}
    for name, value in resources.items():
        if "tool" in value:
            if value["tool"] not in tools:
                yield f"resources.{name}.tool: there is no tool {value['tool']}"
            if not _VARIABLE.search(value.get("uri", "")):
                yield f"resources.{name}.uri: name the tool's arguments, as orbit://tasks/{{id}}"
        elif "uri" in value and "{" in value["uri"]:
            yield f"resources.{name}.uri: only a resource with a `tool` has arguments in its URI"
        if value.get("uri") in uris:
            yield f"resources.{name}.uri: {uris[value['uri']]} has the same"
        uris[value.get("uri", name)] = name


def _is_text(mime_type: str) -> bool:
    kind, _, name = mime_type.partition("/")
    return kind == "text" or name in _TEXTS or name.endswith(("+json", "+xml", "+yaml"))


def _read(folder: Path, file: str) -> bytes:
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError("must be beside the manifest or below it")
    try:
        with path.open("rb") as opened:
            data = opened.read(_LARGEST + 1)
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror}") from None
    if len(data) > _LARGEST:
        raise ValueError(f"is larger than {_LARGEST >> 20} MiB")
    return data


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text; say what it is with `mime_type`") from None


def _title(name: str, value: Mapping[str, Any]) -> str:
    return tidy_text(value.get("title", "")) or name.replace("_", " ").capitalize()
