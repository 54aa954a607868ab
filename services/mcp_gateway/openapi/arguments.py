"""Turn an operation into one flat object of arguments, and record where each of them goes.

Path, query, header and cookie parameters and the properties of an object body become keys of one
object. Headers that the gateway itself sets (credentials, routing, forwarding) never do.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from mcp_gateway.documents.references import UnresolvableReference
from mcp_gateway.openapi.argument_builder import ArgumentBuilder, Unimportable
from mcp_gateway.openapi.document import FoundOperation, OpenApiDocument
from mcp_gateway.openapi.effects import only_reads
from mcp_gateway.openapi.pagination import detect_pagination
from mcp_gateway.openapi.parameters import add_parameters, fill_placeholders
from mcp_gateway.openapi.request_body import add_body
from mcp_gateway.openapi.responses import find_answer, list_responses
from mcp_gateway.openapi.security import read_security
from mcp_gateway.openapi.servers import UnlistedServer, own_base_url, server_urls
from mcp_gateway.requests.operation import Body, Operation, Pagination
from mcp_gateway.requests.serialise import PLACEHOLDER
from mcp_gateway.requests.styles import steps_through_directories
from mcp_gateway.schemas.budget import Schema
from mcp_gateway.schemas.keywords import UnusableSchema


@dataclass(frozen=True, slots=True)
class ImportedOperation:
    """An operation with its possible arguments; `Schemas.publish` completes their schema."""

    found: FoundOperation
    operation: Operation
    properties: Mapping[str, Schema]
    """Argument key to converted schema, with references unresolved."""
    required: tuple[str, ...]
    bind_only: frozenset[str] = frozenset()
    """Arguments that only a claim may fill: tenant headers."""
    notes: tuple[str, ...] = ()
    """Notes for a reviewer, such as optional parameters that were left out."""
    undeclared: tuple[str, ...] = ()
    """Placeholders of the path that no parameter declares; they are treated as text."""

    def without_parameters(self, arguments: Collection[str]) -> "ImportedOperation":
        """Return a copy without some parameters and their arguments."""
        if not arguments:
            return self
        kept = tuple(p for p in self.operation.parameters if p.argument not in arguments)
        return replace(
            self,
            operation=replace(self.operation, parameters=kept),
            properties={k: v for k, v in self.properties.items() if k not in arguments},
        )


def import_operation(
    document: OpenApiDocument, found: FoundOperation, hosts: Collection[str] = ()
) -> ImportedOperation:
    """Turn one operation into flat arguments with their destinations.

    Args:
        document: the document of the operation.
        found: the operation.
        hosts: hosts other than the upstream's to which the operator allows requests.

    Raises:
        Unimportable: a part of it can't be sent exactly; the message names the part.
    """
    try:
        _require_sendable(document, found)
        builder = ArgumentBuilder()
        add_parameters(document, found, builder)
        fill_placeholders(found, builder)
        body = add_body(document, found, builder)
        if builder.idempotency is not None:
            del builder.properties[builder.idempotency]
        return ImportedOperation(
            found=found,
            operation=Operation(
                method=found.method,
                path=found.path,
                parameters=tuple(builder.parameters),
                body=body,
                responses=list_responses(document, found),
                base_url=_base_url(document, found, hosts),
                security=read_security(document.root, found.node),
                pagination=_pagination(document, found, builder, body),
                idempotency=builder.idempotency,
                secrets=frozenset(
                    key
                    for key, schema in builder.properties.items()
                    if document.schemas.asks_for_password(key, schema)
                ),
                renamed=document.schemas.renamed(builder.properties.values()),
            ),
            properties=builder.properties,
            required=tuple(builder.required),
            bind_only=frozenset(builder.bind_only),
            notes=tuple(builder.notes),
            undeclared=tuple(builder.undeclared),
        )
    except (UnresolvableReference, UnusableSchema, UnlistedServer) as error:
        raise Unimportable(str(error)) from None
    except RecursionError:
        raise Unimportable("its schemas are nested too deeply") from None
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        # One malformed operation must not prevent the import of the others.
        raise Unimportable(f"it is malformed ({type(error).__name__})") from error


def _pagination(
    document: OpenApiDocument, found: FoundOperation, builder: ArgumentBuilder, body: Body | None
) -> Pagination | None:
    if found.method not in {"GET", "POST", "QUERY"}:
        return None
    named = {p.name: p.argument for p in builder.parameters if p.location == "query"}
    if body is not None and (found.method == "QUERY" or only_reads(found)):
        named |= {name: argument for argument, name in body.properties.items()}
    answer = find_answer(document, found)
    return detect_pagination(named, builder.properties, answer, document.references)


def _require_sendable(document: OpenApiDocument, found: FoundOperation) -> None:
    if found.method in {"TRACE", "OPTIONS"}:
        raise Unimportable(f"{found.method} describes the API instead of using it")
    if not found.path.startswith("/"):
        raise Unimportable("the path doesn't start with '/'")
    if "#" in found.path:
        raise Unimportable("the path contains a fragment ('#…'), which is never sent")
    if steps_through_directories(found.path.partition("?")[0]):
        raise Unimportable("the path steps through directories ('.' or '..')")
    placeholder_in_query = PLACEHOLDER.search(found.path.partition("?")[2])
    if placeholder_in_query:
        raise Unimportable("the path contains a placeholder after its '?'")


def _base_url(
    document: OpenApiDocument, found: FoundOperation, hosts: Collection[str]
) -> str | None:
    own = server_urls(found.node, document.url) or server_urls(found.path_item, document.url)
    return own_base_url(own, document.servers, hosts)
