"""Authenticate by `private_key_jwt`: the client signs an assertion (RFC 7523 §2.2, §3)."""

from functools import partial

from auth_server.client_authentication.assertion import (
    parse_assertion,
    require_claims,
    require_signature,
)
from auth_server.client_authentication.credentials import Credentials, MatchContext, unproven
from auth_server.client_authentication.gateways import find_gateway
from auth_server.errors import TemporarilyUnavailable
from auth_server.outbound.cache import DocumentUnavailable
from auth_server.outbound.named_documents import Asker
from auth_server.records.client_assertions.store import use_assertion
from auth_server.records.clients.facts import ClientFacts
from auth_server.records.clients.store import find_client
from auth_server.records.clients.table import Client
from auth_server.records.grants.store import has_live_grant


async def match_assertion(given: Credentials, context: MatchContext) -> ClientFacts:
    """Accept an assertion that one of the client's registered keys signed, once.

    No database transaction may be open while keys are fetched. The use of the assertion stays
    stored even if the request fails.

    Raises:
        InvalidClient: with the same description for every reason.
        TemporarilyUnavailable: the client's keys can't be read now.
    """
    assertion = parse_assertion(given.proof)
    use = require_claims(assertion, issuer=context.settings.issuer, now=context.now())
    client = find_gateway(context.settings, assertion.client_id)
    if client is None:
        async with context.database.reading() as db:
            client = await find_client(db, assertion.client_id)
    if client is None or not _may_sign(client):
        raise unproven("private_key_jwt, not a client that signs")
    asker = Asker(client.client_id, partial(_is_in_use, client, context))
    try:
        keys = await context.key_sets.read(client, asker, kid=assertion.kid)
    except DocumentUnavailable as error:
        if not error.at_url:
            raise unproven(f"private_key_jwt, {error}") from None
        # Never invalid_client, because clients discard their registration after it.
        raise TemporarilyUnavailable(
            "the client's keys can't be read now; try again", detail=str(error)
        ) from None
    require_signature(assertion, keys)
    async with context.database.writing() as db, db.begin():
        # Reading the keys may have taken seconds, in which an operator disabled the client.
        if client.source != "gateway" and await find_client(db, client.client_id) is None:
            raise unproven("private_key_jwt, disabled meanwhile")
        fresh = await use_assertion(db, client.client_id, jti=use.jti, expires_at=use.expires_at)
    if not fresh:
        raise unproven("private_key_jwt, the assertion was used before")
    return ClientFacts.of(client)


async def _is_in_use(client: Client, context: MatchContext) -> bool:
    if client.source in {"managed", "gateway"}:
        return True
    async with context.database.reading() as db:
        return await has_live_grant(db, client.client_id)


def _may_sign(client: Client) -> bool:
    if client.token_endpoint_auth_method == "private_key_jwt":  # noqa: S105 - the method's name
        return True
    # A document can offer both methods, and nothing tells the client which one was chosen.
    return client.source == "document" and not (client.jwks is None and client.jwks_uri is None)
