"""Complete an argument while a person types it (MCP completion)."""

from typing import Any

from mcp_gateway.catalogue.prompts import Prompt

MOST = 100


def complete_argument(prompt: Prompt, argument: str, typed: str) -> dict[str, Any]:
    """Return the values that begin with the typed text, then those that contain it, in any case."""
    values = next((one.values for one in prompt.arguments if one.name == argument), ())
    typed = typed.casefold()
    begin = [value for value in values if value.casefold().startswith(typed)]
    hold = [value for value in values if typed in value.casefold() and value not in begin]
    found = begin + hold
    return {"values": found[:MOST], "total": len(found), "hasMore": len(found) > MOST}
