"""Find out who the sub-agent is."""

import re
from dataclasses import replace

from auth_server.errors import InvalidRequest
from auth_server.oauth.token_endpoint.delegation.delegated import Actor, CheckedDelegation
from auth_server.oauth.token_endpoint.delegation.live_token import read_live_token
from auth_server.oauth.token_endpoint.delegation.require_same_key import require_key_of
from auth_server.oauth.token_endpoint.request import TokenRequest
from auth_server.records.clients.store import find_client
from auth_server.records.delegations.actors import MARK, name_part
from gatepost.api_keys import ACCESS_TOKEN_TYPE

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,47}")


async def read_actor(checked: CheckedDelegation, request: TokenRequest) -> CheckedDelegation:
    """Take the client of `actor_token`, or the part of the asking client that `actor_name` names.

    A name proves nothing, so the actor of a part always begins with the client that named it.

    Raises:
        InvalidRequest: neither or both are sent, or the one that is sent is invalid (RFC 8693 §2.2.2).
    """
    form = request.form
    token, kind, name = (
        form.get("actor_token"),
        form.get("actor_token_type"),
        form.get("actor_name"),
    )
    if token is None and kind is not None:
        raise InvalidRequest("actor_token_type needs an actor_token")
    if (token is None) == (name is None):
        raise InvalidRequest("name the sub-agent with either actor_token or actor_name")
    if name is not None:
        if not _NAME.fullmatch(name):
            raise InvalidRequest(
                "actor_name must be 1 to 48 letters, digits, dots, underscores and hyphens, "
                "and begin with a letter or digit"
            )
        return replace(checked, actor=Actor(name_part(request.client.client_id, name), name))
    if kind != ACCESS_TOKEN_TYPE:
        raise InvalidRequest(f"actor_token_type must be {ACCESS_TOKEN_TYPE}")
    return replace(checked, actor=await _read_client(token or "", checked, request))


async def _read_client(token: str, checked: CheckedDelegation, request: TokenRequest) -> Actor:
    async with request.database.reading() as db:
        read = await read_live_token(db, token, issuer=request.settings.issuer, now=request.now)
        client = None
        # A sub-agent's token names the app in `client_id`, another tenant's client acts only there, and
        # a token of another person's connection is not one that its client hands to this app.
        if (
            read is not None
            and not read.claims.actors
            and read.claims.tenant_id == checked.claims.tenant_id
            and read.claims.sub in {checked.claims.sub, read.claims.client_id}
        ):
            client = await find_client(db, read.claims.client_id)
    if client is None or MARK in client.client_id:
        raise InvalidRequest(
            "actor_token is not a live access token that this server issued to the sub-agent's own "
            "client in the same organisation, for itself or the same person"
        )
    if client.client_id == request.client.client_id:
        raise InvalidRequest("actor_token is the asking client's own; send actor_name instead")
    if read is not None:
        require_key_of("actor_token", read, request)
    return Actor(client.client_id, client.name, client.client_id)
