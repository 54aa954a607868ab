"""The input and the output of a lint rule."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.manifest.load import Manifest
from mcp_gateway.openapi.document import OpenApiDocument

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class ReviewedManifest:
    """A valid manifest, with its document and catalogue."""

    manifest: Manifest
    document: OpenApiDocument
    catalogue: Catalogue
    today: date


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem, with its fix."""

    tool: str
    """Empty if the problem concerns the whole list."""
    severity: Severity
    message: str
    fix: str


Rule = Callable[[ReviewedManifest], Iterator[Finding]]
