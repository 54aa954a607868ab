"""What a rule looks at, and what it says."""

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
    """A manifest that loads, with all that it names."""

    manifest: Manifest
    document: OpenApiDocument
    catalogue: Catalogue
    today: date


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to better, with what to do about it."""

    tool: str
    """Empty where it is about the whole list."""
    severity: Severity
    message: str
    fix: str


Rule = Callable[[ReviewedManifest], Iterator[Finding]]
