"""Accept public clients by `none`; PKCE later proves that the client began the flow."""

from auth_server.client_authentication.credentials import Credentials, MatchContext, unproven
from auth_server.records.clients.facts import ClientFacts, find_client_facts


async def match_public_client(given: Credentials, context: MatchContext) -> ClientFacts:
    """Accept a client that is registered as public (OAuth 2.1 §2.4).

    Raises:
        InvalidClient: the client is unknown, or must authenticate.
    """
    client = await find_client_facts(context.database.raw_sql, given.client_id)
    if client is None or client.token_endpoint_auth_method != given.method:
        raise unproven("none, " + ("confidential client" if client else "unknown client"))
    return client
