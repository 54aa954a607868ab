"""Estimate how many tokens a tool list costs, without a network."""

import math
from collections.abc import Mapping
from typing import Any

import orjson

from mcp_gateway.catalogue.tool import Tool, publish_tool

BYTES_PER_TOKEN = 4
"""Measured against a common tokeniser; docs/manifest.md gives the error."""


def tool_tokens(tool: Tool) -> int:
    """Estimate the tokens of one tool in a list."""
    return count_tokens(publish_tool(tool))


def count_tokens(published: Mapping[str, Any]) -> int:
    """Estimate the tokens of a description in `tools/list`, which is compact JSON."""
    return math.ceil(len(orjson.dumps(published)) / BYTES_PER_TOKEN)
