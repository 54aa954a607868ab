"""What tools cost a model before it has done anything: an estimate, made without a network."""

import math
from collections.abc import Mapping
from typing import Any

import orjson

from mcp_gateway.catalogue.tool import Tool, publish_tool

BYTES_PER_TOKEN = 4
"""Measured against a tokeniser in common use; see docs/manifest.md for how far it is off."""


def tool_tokens(tool: Tool) -> int:
    """Estimate what one tool costs in every list."""
    return count_tokens(publish_tool(tool))


def count_tokens(published: Mapping[str, Any]) -> int:
    """Estimate a description as `tools/list` has it: compact JSON, at so many bytes a token."""
    return math.ceil(len(orjson.dumps(published)) / BYTES_PER_TOKEN)
