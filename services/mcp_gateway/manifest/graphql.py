"""Turn the GraphQL queries of a manifest into operations whose arguments are their variables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp_gateway.catalogue.graphql import GraphqlQuery
from mcp_gateway.openapi.arguments import ImportedOperation
from mcp_gateway.openapi.document import FoundOperation
from mcp_gateway.requests.operation import Body, Operation
from mcp_gateway.schemas.declared import schema_problem

_IGNORED = re.compile(r'"""(?:\\"""|.)*?"""|"(?:\\.|[^"\\\n])*"|#[^\n]*', re.DOTALL)
_HEAD = re.compile(
    r"\b(query|mutation|subscription)\b\s*([_A-Za-z]\w*)?\s*(\(([^()]*)\))?"
    r"(?:\s*@\w+\s*(?:\([^()]*\))?)*\s*\{"
)
_VARIABLE = re.compile(r"\$([_A-Za-z]\w*)\s*:\s*([\[\]!\w\s]+?)\s*(=|@|,|$|(?=\$)|\n)")


class UnusableQuery(ValueError):
    """The query can't be a tool; the message says why and how to fix it."""


@dataclass(frozen=True, slots=True)
class GraphqlEntry:
    """The manifest's entry for one query."""

    query: str
    path: str = "/graphql"
    variables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def import_query(entry: GraphqlEntry) -> tuple[GraphqlQuery, ImportedOperation]:
    """Turn a query into an operation whose arguments are its variables.

    Raises:
        UnusableQuery: the query can't be a tool, or its variables don't match their schemas.
    """
    query = parse_query(entry.query)
    for variable, schema in entry.variables.items():
        if variable not in query.variables:
            raise UnusableQuery(f"doesn't declare ${variable}, which `variables` describes")
        if (problem := schema_problem(schema)) is not None:
            raise UnusableQuery(f"describes ${variable} by a schema that {problem}")
    missing = query.variables.keys() - entry.variables.keys()
    for variable in sorted(missing):
        if query.variables[variable]:
            raise UnusableQuery(f"needs ${variable}; describe it in `variables`")
    found = FoundOperation(
        method="POST",
        path=entry.path,
        operation_id=query.name,
        summary="",
        description="",
        tags=(),
        deprecated=False,
        node={},
        path_item={},
    )
    body = Body("application/json", properties={key: key for key in entry.variables})
    operation = Operation(
        method="POST",
        path=entry.path,
        body=body if entry.variables else None,
        responses={"200": ("application/json",)},
    )
    required = tuple(key for key in entry.variables if query.variables[key])
    return query, ImportedOperation(
        found=found,
        operation=operation,
        properties={key: dict(schema) for key, schema in entry.variables.items()},
        required=required,
    )


def parse_query(text: str) -> GraphqlQuery:
    """Read the kind, name and variables of a query's one operation.

    The gateway relies only on these; the endpoint checks the rest.

    Raises:
        UnusableQuery: the text does not hold exactly one operation, or the operation is a
            subscription or does not have a name.
    """
    plain = _IGNORED.sub(lambda match: " " * len(match[0]), text)
    heads = [match for match in _HEAD.finditer(plain) if _depth(plain, match.start()) == 0]
    if len(heads) != 1:
        raise UnusableQuery("must hold exactly one operation, such as `query FindTasks { … }`")
    kind, name, _, variables = heads[0].groups()
    if kind == "subscription":
        raise UnusableQuery("is a subscription; a tool is one query or mutation")
    if name is None:
        raise UnusableQuery(f"must name its operation, such as `{kind} FindTasks {{ … }}`")
    needed = {
        found[1]: found[2].rstrip().endswith("!") and found[3] != "="
        for found in _VARIABLE.finditer(variables or "")
    }
    if (variables or "").count("$") != len(needed):
        raise UnusableQuery("declares its variables in a form that can't be read")
    return GraphqlQuery(text, name, kind == "query", needed)


def _depth(text: str, end: int) -> int:
    return text.count("{", 0, end) - text.count("}", 0, end)
