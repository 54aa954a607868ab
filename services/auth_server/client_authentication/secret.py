"""Authenticate by `client_secret_basic` and `client_secret_post` (RFC 6749 §2.3.1)."""

from auth_server.client_authentication.credentials import Credentials, MatchContext, unproven
from auth_server.records.clients.facts import ClientFacts
from auth_server.records.clients.store import find_client, list_live_secrets
from auth_server.secrets import hash_secret, matches


async def match_secret(given: Credentials, context: MatchContext) -> ClientFacts:
    """Accept a live secret of the client that was sent by its registered method.

    An unknown client and a wrong secret take the same time, with the same queries and comparison.

    Raises:
        InvalidClient: with the same description for every reason.
    """
    hashed = hash_secret(given.proof)
    async with context.database.reading() as db:
        client = await find_client(db, given.client_id)
        secrets = await list_live_secrets(
            db, client.client_id if client is not None else "", now=context.now()
        )
    right = [matches(secret.secret_hash, hashed) for secret in secrets]
    if client is None or client.token_endpoint_auth_method != given.method or not any(right):
        known = "known" if client is not None else "unknown"
        raise unproven(f"{given.method}, {known} client")
    return ClientFacts.of(client)
