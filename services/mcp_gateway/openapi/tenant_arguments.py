"""Recognise the arguments that select the tenant, by their names."""

import re

from mcp_gateway.requests.operation import Operation

_NAMES = frozenset(
    """accountid organisation organisationid organization organizationid org orgid tenant tenantid
    workspace workspaceid""".split()  # noqa: SIM905 - read as words
)


def tenant_arguments(operation: Operation) -> dict[str, str]:
    """Return the arguments that look like the tenant, each with the upstream's name of it."""
    return {
        argument: name
        for argument, name in upstream_names(operation)
        if re.sub(r"[^a-z]", "", name.lower()) in _NAMES
    }


def upstream_names(operation: Operation) -> list[tuple[str, str]]:
    """Return every argument with the upstream's own name of it."""
    body = operation.body
    return [
        *((p.argument, p.name) for p in operation.parameters),
        *(body.properties.items() if body is not None else ()),
    ]
