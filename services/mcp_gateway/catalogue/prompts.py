"""Prompts: texts that a person can start from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


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
        return PLACEHOLDER.sub(lambda found: values.get(found[1], ""), self.text)
