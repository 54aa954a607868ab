"""`client_secret_basic` and `client_secret_post`: a client knows a secret (RFC 6749 §2.3.1)."""

from auth_server.client_authentication.credentials import Credentials, MatchContext, unproven
from auth_server.records.clients.facts import ClientFacts
from auth_server.records.clients.store import find_client, list_live_secrets
from auth_server.secrets import hash_secret, matches


async def match_secret(given: Credentials, context: MatchContext) -> ClientFacts:
    """Believe a secret that is one of the client's live ones, sent in the registered way.

    An unknown client costs what a wrong secret does: the same queries, the same comparison.

    Raises:
        InvalidClient: for every reason in the same words.
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
