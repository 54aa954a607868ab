"""Recognise the arguments that select the tenant, by their names."""

import re
from functools import lru_cache

from mcp_gateway.requests.operation import Operation

_NAMES = re.compile(
    r"(?:x|current|my|(?!allow|can|has|include)[a-z]+(?=(?:tenant|organi[sz]ation)))?"
    r"(?:(?:tenant|organi[sz]ation|org|workspace)(?:id|gid|guid|uuid|key|name|sid|slug)?"
    r"|(?:account|company|customeraccount|business|merchant|subdomain)(?:id|gid|guid|uuid|sid|slug))"
)
"""Names without punctuation: `org_slug`, `X-Tenant-Id`, `accountSid`, `OpenAI-Organization`."""


def tenant_arguments(operation: Operation) -> dict[str, str]:
    """Return the arguments that look like the tenant, each with the upstream's name of it."""
    return {
        argument: name for argument, name in upstream_names(operation) if _looks_like_tenant(name)
    }


@lru_cache(10_000)
def _looks_like_tenant(name: str) -> bool:
    return _NAMES.fullmatch(re.sub(r"[^a-z]", "", name.lower())) is not None


def upstream_names(operation: Operation) -> list[tuple[str, str]]:
    """Return every argument with the upstream's own name of it."""
    body = operation.body
    return [
        *((p.argument, p.name) for p in operation.parameters),
        *(body.properties.items() if body is not None else ()),
    ]
