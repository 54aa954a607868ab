"""MCP prompts: texts that a person can start from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mcp_gateway.catalogue.tool import Icon
from mcp_gateway.results.fields import FieldPath

PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class ListedValues:
    """Values that a read-only tool lists."""

    tool: str
    values: FieldPath
    """The path of the values in its answer, such as `items[].id`."""


@dataclass(frozen=True, slots=True)
class PromptArgument:
    """An argument that a person fills in before using a prompt."""

    name: str
    description: str
    required: bool
    values: tuple[str, ...] = ()
    """The possible values, if they are known; offered as completions."""
    listed: ListedValues | None = None
    """Where completions come from otherwise."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text that a person can start from (MCP prompts)."""

    name: str
    title: str
    description: str
    arguments: tuple[PromptArgument, ...]
    text: str
    """Contains `{{name}}` placeholders, each for a declared argument."""
    attach: tuple[str, ...] = ()
    """Names of the resources that precede the text."""
    tools: tuple[str, ...] = ()
    """Tools that the prompt needs: callers who may not use all of them don't see the prompt."""
    icons: tuple[Icon, ...] = ()

    @property
    def said(self) -> str:
        """Everything in which it may name tools."""
        arguments = [one.description for one in self.arguments]
        return "\n\n".join((self.title, self.description, *arguments, self.text))

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the text with its arguments filled in; a missing argument becomes empty text.

        Values are inserted unchanged, and placeholders in them are not replaced.
        """
        return PLACEHOLDER.sub(lambda found: values.get(found[1], ""), self.text)
