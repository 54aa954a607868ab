"""Say why each annotation of a tool is right, as reviewers ask.

A sentence is made only where the request shows the annotation: its method, and of tools that add something
their name. Where the manifest, the words of the document or the hints of an MCP server decided, a person gives
the reason.
"""

from collections.abc import Mapping, Sequence

from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.openapi.document import SAFE_METHODS
from mcp_gateway.publishing.finding import Submission
from mcp_gateway.publishing.listing import Reasons

HINTS = ("read_only", "destructive", "idempotent", "open_world")
"""The annotations, as the manifest names them."""
_ADDING = ("add_", "append_", "create_")


def justify(submission: Submission, name: str) -> Mapping[str, str]:
    """Return a sentence for each annotation of a tool; empty where a person has to give it."""
    tool = submission.catalogue.tools[name]
    reasons = submission.listing.reasons.get(name) or Reasons()
    if tool.composite is None:
        own = _of_request(submission, tool)
    else:
        own = _join([_of_request(submission, call.tool) for call in tool.composite.calls])
    return {hint: getattr(reasons, hint) or sentence for hint, sentence in own.items()}


def _join(told: Sequence[Mapping[str, str]]) -> Mapping[str, str]:
    """Join what is true of each call of a composite tool; empty if it does not show in one of them."""
    return {
        hint: " ".join(dict.fromkeys(one[hint] for one in told))
        if all(one[hint] for one in told)
        else ""
        for hint in HINTS
    }


def _of_request(submission: Submission, tool: Tool) -> Mapping[str, str]:
    product = submission.catalogue.name
    return {
        "read_only": _read_only(tool, product),
        "destructive": _destructive(tool, submission.own_name(tool), product),
        "idempotent": _idempotent(tool),
        "open_world": ""
        if tool.open_world or tool.remote
        else f"It reaches only the caller's own data in {product}, no public page and no third party.",
    }


def _read_only(tool: Tool, product: str) -> str:
    proven = (
        tool.operation.method in SAFE_METHODS if tool.graphql is None else tool.graphql.read_only
    )
    proven = proven and not tool.remote  # an MCP server only says so
    if tool.read_only:
        return f"It makes one request that only reads from {product}." if proven else ""
    return "" if proven else f"It makes one request that changes data in {product}."


def _destructive(tool: Tool, name: str, product: str) -> str:
    if tool.read_only:
        return "It changes nothing, so nothing can be lost."
    if tool.destructive:
        return f"It deletes or overwrites data in {product}, which may not be recoverable."
    is_rest = tool.graphql is None and not tool.remote
    adds = tool.operation.method == "POST" and name.startswith(_ADDING)
    if is_rest and adds and not tool.idempotent:
        return "It adds data, and neither deletes nor overwrites any."
    return ""  # it may overwrite what was there


def _idempotent(tool: Tool) -> str:
    if tool.read_only:
        return "It changes nothing, however often it is called."
    if not tool.idempotent:
        return "Each call may change something more."
    proven = tool.graphql is None and tool.operation.method in {"PUT", "DELETE"}
    said = "A second call with the same arguments changes nothing more."
    return said if proven else f"By the API's own account: {said[0].lower()}{said[1:]}"
