"""The catalogue document: what a gateway publishes about its tools and a consent page shows.

Served by the gateway at `CATALOGUE_PATH` to the authorization server alone, kept there version by
version under `hash`, so that a grant can say exactly what the person was shown.
"""

from pydantic import BaseModel, ConfigDict

CATALOGUE_PATH = "/internal/catalogue"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ToolSummary(_Frozen):
    """One tool as a person meets it: never its schema, never where it goes upstream."""

    name: str
    title: str
    description: str
    scope: str
    toolsets: tuple[str, ...] = ()
    read_only: bool
    destructive: bool


class CatalogueDocument(_Frozen):
    """Every tool a resource serves; `hash` changes when anything a model or a person sees does."""

    resource: str
    name: str
    hash: str
    tools: tuple[ToolSummary, ...]

    def find(self, name: str) -> ToolSummary | None:
        """Look a tool up by name."""
        return next((tool for tool in self.tools if tool.name == name), None)
