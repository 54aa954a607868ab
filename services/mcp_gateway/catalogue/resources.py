"""MCP resources: documents that a model may read, skills among them, and webhooks that tell of changes."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, unquote

from mcp_gateway.catalogue.prompts import ListedValues
from mcp_gateway.catalogue.tool import Icon
from mcp_gateway.results.fields import FieldPath

_VALUE = re.compile(r"[^/?#]+")
VARIABLE = re.compile(r"\{([A-Za-z0-9_]+)\}")


@dataclass(frozen=True, slots=True)
class McpResource:
    """A document that a model may read (MCP resources)."""

    name: str
    title: str
    description: str
    mime_type: str
    text: str
    """Empty if the resource has a blob."""
    uri: str
    """The URI by which clients read it."""
    blob: str = ""
    """Base64 of binary content."""
    icons: tuple[Icon, ...] = ()


@dataclass(frozen=True, slots=True)
class Skill:
    """Instructions for a model about some of the tools (MCP Skills)."""

    name: str
    description: str
    body: str
    """The instructions, without frontmatter."""
    tools: tuple[str, ...] = ()
    """Tools that it names: callers who may not use all of them don't see the skill."""

    @property
    def uri(self) -> str:
        """The URI of its `SKILL.md`."""
        return f"skill://{self.name}/SKILL.md"

    @property
    def text(self) -> str:
        """The whole `SKILL.md`, with its frontmatter."""
        # A text in JSON is the same text in YAML.
        said = json.dumps(self.description, ensure_ascii=False)
        return f"---\nname: {self.name}\ndescription: {said}\n---\n\n{self.body}\n"

    @property
    def said(self) -> str:
        """Everything in which it may name tools."""
        return f"{self.description}\n\n{self.body}"


@dataclass(frozen=True, slots=True)
class McpResourceTemplate:
    """Documents that a tool reads: one for each value of the arguments in the URI."""

    name: str
    title: str
    description: str
    uri_template: str
    """Contains `{argument}` for each argument (RFC 6570, level 1)."""
    tool: str
    listed: Mapping[str, ListedValues] = field(default_factory=dict)
    """Variables to where their completions come from."""
    icons: tuple[Icon, ...] = ()

    @property
    def variables(self) -> tuple[str, ...]:
        """The arguments in the URI, in order."""
        return tuple(VARIABLE.findall(self.uri_template))

    def match(self, uri: str) -> dict[str, str] | None:
        """Return the arguments in a URI, or None if the template does not match it."""
        parts = VARIABLE.split(self.uri_template)
        names, texts = parts[1::2], parts[::2]
        if not uri.startswith(texts[0]) or not uri.endswith(texts[-1]):
            return None
        found: list[tuple[str, str]] = []
        end = len(uri) - len(texts[-1])
        # From the end, each value is as short as possible, which takes linear time; a regular
        # expression would try every combination of places.
        for place in reversed(range(len(names))):
            text = texts[place]
            start = len(text) if place == 0 else uri.rfind(text, 0, max(end - 1, 0)) + len(text)
            if start < len(text) or not _VALUE.fullmatch(uri[start:end]):
                return None
            try:
                value = unquote(uri[start:end], errors="strict")
            except UnicodeDecodeError:
                return None
            found.append((names[place], value))
            end = start - len(text)
        return dict(reversed(found)) if end == 0 else None

    def write(self, values: Mapping[str, str]) -> str:
        """Return the URI with these arguments, in the one way in which the gateway encodes them."""
        return fill_uri(self.uri_template, values)


def fill_uri(template: str, values: Mapping[str, str]) -> str:
    """Fill a URI template so that no value leaves its place (RFC 6570, level 1)."""
    return VARIABLE.sub(lambda name: quote(values[name[1]], safe=""), template)


SignatureScheme = Literal["standard_webhooks", "timestamped"]


@dataclass(frozen=True, slots=True)
class Change:
    """What an event of one type changes."""

    updates: tuple[tuple[str, Mapping[str, FieldPath]], ...] = ()
    """URI templates, each with the fields of the payload that fill it."""
    data_scope: Mapping[str, FieldPath] = field(default_factory=dict)
    """Kinds of the data scope, each with the field that holds the record's value."""
    lists: bool = False
    """Whether the list of resources has changed."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """How the events of one webhook are verified and read."""

    name: str
    signature: SignatureScheme
    header: str
    """The header of a `timestamped` signature."""
    type: FieldPath
    id: FieldPath
    """The field that identifies an event, unless a header does."""
    tenant: FieldPath
    on: Mapping[str, Change]
    """The types of events that change something; others are ignored."""
