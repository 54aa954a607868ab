"""The catalogue document, in which a gateway describes its tools for the consent page.

The gateway serves it at `CATALOGUE_PATH` only to the authorization server, which stores each version
under `hash`, so that a grant records exactly which tools the page showed.
"""

from pydantic import BaseModel, ConfigDict

CATALOGUE_PATH = "/internal/catalogue"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ToolSummary(_Frozen):
    """One tool as a person sees it, without its schema or its upstream operation."""

    name: str
    title: str
    description: str
    scope: str
    toolsets: tuple[str, ...] = ()
    read_only: bool
    destructive: bool
    confirms: bool = False
    """Whether a person confirms each call."""


class CatalogueDocument(_Frozen):
    """Every tool of a resource; `hash` changes with anything that a model or a person sees."""

    resource: str
    name: str
    hash: str
    tools: tuple[ToolSummary, ...]

    def find(self, name: str) -> ToolSummary | None:
        """Look a tool up by name."""
        return next((tool for tool in self.tools if tool.name == name), None)
