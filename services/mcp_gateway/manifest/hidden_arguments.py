"""Hide arguments from models: claims fill some, and the gateway fills or omits others."""

import difflib
from collections.abc import Collection
from dataclasses import replace

from mcp_gateway.catalogue.fill import Constant, FromCredential, Omitted
from mcp_gateway.catalogue.validation import make_validator
from mcp_gateway.manifest.entries import ManifestError, ToolEntry
from mcp_gateway.openapi.arguments import ImportedOperation
from mcp_gateway.openapi.document import OpenApiDocument
from mcp_gateway.schemas.budget import Schema
from mcp_gateway.schemas.keywords import UnusableSchema


def bind_arguments(
    entry: ToolEntry, document: OpenApiDocument, imported: ImportedOperation
) -> ImportedOperation:
    """Check the bindings, and remove the tenant headers that are not bound to a claim.

    Raises:
        ManifestError: an argument does not exist or can't hold its claim, or a header needs one.
    """
    bound = dict(entry.bind)
    for argument, claim in entry.bind:
        _require_argument(f".bind.{argument}", argument, imported)
        if (kinds := _kinds_without_text(document, imported, argument)) is not None:
            raise ManifestError(
                f".bind.{argument}: the claim {claim} is text, the upstream wants {kinds} in its body"
            )
    unbound = imported.bind_only - bound.keys()
    for argument in sorted(unbound):
        if argument in imported.required:
            raise ManifestError(
                f".bind.{argument}: the upstream requires this header and no model may set it; "
                f"bind it to a claim, as `bind: {{{argument}: tenant_id}}`"
            )
    return imported.without_parameters(unbound)


def fill_arguments(
    entry: ToolEntry, document: OpenApiDocument, imported: ImportedOperation
) -> ImportedOperation:
    """Check the arguments that the gateway fills, and hide them from models.

    Raises:
        ManifestError: an argument does not exist, can't hold its value, or is needed and omitted.
    """
    if not entry.fill:
        return imported
    for argument, fill in entry.fill.items():
        where = f".fill.{argument}"
        _require_argument(where, argument, imported)
        if argument in dict(entry.bind):
            raise ManifestError(f"{where}: a claim fills it (`bind`); remove one of the two")
        match fill:
            case Constant(value):
                _require_valid(where, document, imported.properties[argument], value)
            case FromCredential():
                if (kinds := _kinds_without_text(document, imported, argument)) is not None:
                    raise ManifestError(
                        f"{where}: a credential is text, the upstream wants {kinds} in its body"
                    )
            case Omitted():
                if argument in imported.required:
                    raise ManifestError(
                        f"{where}: the upstream requires it; set `credential` or `value`"
                    )
    return replace(
        imported,
        properties={k: v for k, v in imported.properties.items() if k not in entry.fill},
        required=tuple(name for name in imported.required if name not in entry.fill),
    )


def _require_argument(where: str, argument: str, imported: ImportedOperation) -> None:
    if argument in imported.properties:
        return
    near = difflib.get_close_matches(argument, imported.properties, n=3, cutoff=0.5)
    known: Collection[str] = sorted(imported.properties) or ["none"]
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known)}"
    raise ManifestError(f"{where}: the operation does not have this argument; {hint}")


def _kinds_without_text(
    document: OpenApiDocument, imported: ImportedOperation, argument: str
) -> str | None:
    """Return the types of an argument of the body that can't hold text, or None if it can."""
    kinds = document.schemas.types(imported.properties[argument])
    in_body = argument not in {p.argument for p in imported.operation.parameters}
    return " or ".join(sorted(kinds)) if in_body and not kinds & {"string", "array"} else None


def _require_valid(where: str, document: OpenApiDocument, schema: Schema, value: object) -> None:
    """Check a constant against the schema of its argument."""
    try:
        root = document.schemas.publish({"type": "object", "properties": {"value": schema}})
        problems = make_validator(root)({"value": value})
    except (UnusableSchema, ValueError):
        return  # Loading refuses the tool for its schema.
    if problems:
        raise ManifestError(f"{where}.value: {problems[0].message}")
