"""The input and the output of a check."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from mcp_gateway.apis.api import Api
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.directories.approved import Approval
from mcp_gateway.manifest.load import Manifest
from mcp_gateway.publishing.listing import Listing


class Finding(BaseModel):
    """One violated rule, with its place and its fix."""

    model_config = ConfigDict(frozen=True)

    rule: str
    place: str
    message: str
    fix: str

    def describe(self) -> str:
        """Write it in one line."""
        return f"{self.rule}: {self.place}: {self.message}; {self.fix}"


@dataclass(frozen=True, slots=True)
class Submission:
    """All that a directory would review."""

    listing: Listing
    file: Path
    """The listing's file."""
    manifest: Manifest
    catalogue: Catalogue
    resource: str
    published: Path | None
    """The folder whose documents the gateway serves."""
    approvals: tuple[Approval, ...]
    apis: tuple[Api, ...]

    def at(self, key: str) -> str:
        """Name a place in the listing."""
        return f"{self.file.name}: {key}"

    def own_name(self, tool: Tool) -> str:
        """Return the name that a tool has in its manifest."""
        prefixes = [api.prefix for api in self.apis if api.name and api.name == tool.api]
        return tool.name.removeprefix(prefixes[0]) if prefixes else tool.name

    def entry(self, tool: str, key: str) -> str:
        """Name a place in the manifest of a tool's API, where it has its name without a prefix."""
        known = self.catalogue.tools.get(tool)
        apis = [one for one in self.apis if one.name]
        if known is None:  # it is gone, and had its API's prefix
            apis = [one for one in apis if tool.startswith(one.prefix)]
            apis.sort(key=lambda one: len(one.prefix), reverse=True)
        else:
            apis = [one for one in apis if one.name == known.api]
        if not apis:
            return f"{self.manifest.path.name}: tools.{tool}.{key}"
        place = f"tools.{tool.removeprefix(apis[0].prefix)}.{key}"
        return f"apis.{apis[0].name}: {apis[0].manifest.name}: {place}"

    @property
    def documents(self) -> Mapping[str, bool]:
        """File name in `published` to whether it exists."""
        names = ("server-card.json", "openai-apps-challenge", "mcp-registry-auth")
        return {name: bool(self.published and (self.published / name).is_file()) for name in names}


Check = Callable[[Submission], Iterator[Finding]]
