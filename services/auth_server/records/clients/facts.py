"""The properties of a client that a request needs, read by one statement of raw SQL."""

from dataclasses import dataclass
from typing import Self

from auth_server.db.raw_sql import RawSql, read_json
from auth_server.records.clients.table import LONGEST_CLIENT_ID, Client

_FIND = """
SELECT source, grant_types, token_endpoint_auth_method, introspects, dpop_bound_access_tokens,
    tls_client_certificate_bound_access_tokens
FROM clients WHERE client_id = :client_id AND disabled_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """A client that is not disabled; the fields are those of `Client`."""

    client_id: str
    source: str
    grant_types: tuple[str, ...]
    token_endpoint_auth_method: str
    introspects: bool
    dpop_bound_access_tokens: bool = False
    tls_client_certificate_bound_access_tokens: bool = False

    @classmethod
    def of(cls, client: Client) -> Self:
        """Take the properties from a client's row."""
        return cls(
            client_id=client.client_id,
            source=client.source,
            grant_types=tuple(client.grant_types),
            token_endpoint_auth_method=client.token_endpoint_auth_method,
            introspects=client.introspects,
            dpop_bound_access_tokens=client.dpop_bound_access_tokens,
            tls_client_certificate_bound_access_tokens=(
                client.tls_client_certificate_bound_access_tokens
            ),
        )


async def find_client_facts(raw_sql: RawSql, client_id: str) -> ClientFacts | None:
    """Look up a client that is not disabled."""
    if len(client_id) > LONGEST_CLIENT_ID:
        return None
    row = await raw_sql.fetch(_FIND, {"client_id": client_id})
    if row is None:
        return None
    source, grant_types, method, *flags = row
    return ClientFacts(client_id, source, tuple(read_json(grant_types)), method, *map(bool, flags))
