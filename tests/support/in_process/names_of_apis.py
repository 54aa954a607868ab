"""A gateway with two APIs, one of which takes a name that a tool of the other had."""

from typing import Any

from auth_server.maintenance import maintain
from gatepost.catalogue import ApiSummary, CatalogueDocument
from support.in_process.auth_server import CATALOGUE, AuthServer

OTHER = {"title": "List invoices", "description": "List the invoices of the customer."}
"""What the tool of the other API says of itself."""


def serving(version: str, api: str = "", **of: dict[str, Any] | None) -> CatalogueDocument:
    """The demo's tools as those of one API, changed by name; None leaves a tool out."""
    tools = (
        one.model_copy(update={"api": api, "bounds": (), **(of.get(one.name) or {})})
        for one in CATALOGUE.tools
        if of.get(one.name, {}) is not None
    )
    apis = ("orbit", "billing") if api else ()
    return CATALOGUE.model_copy(
        update={
            "hash": version * 64,
            "tools": tuple(tools),
            "apis": tuple(ApiSummary(name=name, title=name.title()) for name in apis),
        }
    )


ALONE = serving("1")
"""Orbit's tools in a gateway that has one API."""
ORBIT = serving("2", "orbit")
"""The same tools, when the gateway has two."""
TAKEN = serving("3", "orbit", list_tasks={"api": "billing", **OTHER})
"""The name `list_tasks` is that of Billing's tool now."""
GONE = serving("4", "orbit", list_tasks=None)


async def switch(server: AuthServer, *catalogues: CatalogueDocument) -> None:
    """Let the gateway serve one catalogue after the other, each long enough to be read."""
    for catalogue in catalogues:
        server.catalogue = catalogue
        server.clock.advance(minutes=1)
        await maintain(server.opened)
