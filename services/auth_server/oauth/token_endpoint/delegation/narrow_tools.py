"""Narrow a delegation to the scope and the tools that the request names."""

from dataclasses import replace

from auth_server.errors import InvalidRequest, InvalidScope
from auth_server.oauth.token_endpoint.delegation.delegated import CheckedDelegation
from auth_server.oauth.token_endpoint.request import TokenRequest
from auth_server.oauth.token_endpoint.scope import narrow_to
from gatepost.allowed_tools import MalformedAllowedTools, parse_allowed_tools
from gatepost.catalogue import CatalogueDocument
from gatepost.scopes import covers


async def narrow_tools(checked: CheckedDelegation, request: TokenRequest) -> CheckedDelegation:
    """Keep the scopes of `scope`, and of `allowed_tools` the tools that the subject token has.

    Without either, the sub-agent gets all of them. A toolset means its tools in the subject token, and a
    former name the tool that has another now. Only tools are kept that these scopes allow.

    Raises:
        InvalidRequest: `allowed_tools` is not a list of tools and toolsets with spaces in between.
        InvalidScope: it goes beyond the subject token, or nothing is left. A tool that exists and
            one that does not get the same answer.
    """
    allowed = checked.known_entitlement()
    scopes = narrow_to(request.form.get("scope"), allowed.scopes)
    listed = checked.known_catalogue().tools
    usable = frozenset(
        tool.name for tool in listed if tool.name in allowed.tools and covers(scopes, tool.scope)
    )
    asked = request.form.get("allowed_tools")
    tools = usable if asked is None else _choose(asked, usable, checked.known_catalogue())
    if not tools:
        raise InvalidScope("subject_token does not allow any of these tools with this scope")
    entitlement = allowed._replace(scopes=scopes, tools=tools)
    return replace(checked, entitlement=entitlement)


def _choose(asked: str, usable: frozenset[str], catalogue: CatalogueDocument) -> frozenset[str]:
    try:
        entries = parse_allowed_tools(asked.split())
    except MalformedAllowedTools:
        raise InvalidRequest(
            "allowed_tools must be names of tools, or toolsets written @name, with spaces in between"
        ) from None
    named = {entry for entry in entries if not entry.startswith("@")}
    beyond = sorted(one for one in named if usable.isdisjoint(catalogue.include_renamed([one])))
    if beyond:
        raise InvalidScope(
            f"allowed_tools: subject_token does not allow {beyond[0]} with this scope"
        )
    return catalogue.group_tools().expand(entries) & usable
