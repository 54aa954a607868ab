"""Who sends this request?"""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request

from auth_server.client_authentication.credentials import Credentials, read_credentials
from auth_server.client_authentication.private_key_jwt import match_assertion
from auth_server.client_authentication.public import match_public_client
from auth_server.client_authentication.secret import match_secret
from auth_server.errors import InvalidClient
from auth_server.records.clients.facts import ClientFacts
from auth_server.records.clients.table import AuthMethod
from auth_server.runtime import Runtime
from auth_server.web.address import address_of
from auth_server.web.forms import Parameters

MatchClient = Callable[[Credentials, Runtime], Awaitable[ClientFacts]]

METHODS: Mapping[AuthMethod, MatchClient] = {
    "none": match_public_client,
    "client_secret_basic": match_secret,
    "client_secret_post": match_secret,
    "private_key_jwt": match_assertion,
}


async def authenticate_client(form: Parameters, request: Request, opened: Runtime) -> ClientFacts:
    """Find the client and check that it is who it says, by its registered method alone.

    The same words refuse an unknown client and a wrong secret (RFC 6749 §2.3, §5.2). It comes
    before the request's own transaction: each method has its own, and SQLite has one writer.

    Args:
        form: the request's form.
        request: whose `Authorization` header and address count.
        opened: what the service opened.

    Raises:
        InvalidClient: unknown, another method than the registered one, or no proof.
        InvalidRequest: two methods in one request.
        TooManyRequests: too much of it, or of this address, was wrong lately.
    """
    given = read_credentials(form, request.headers.get("authorization"))
    address, now = address_of(request, opened.settings), opened.now()
    opened.wrong_guesses.require_patience(given.client_id, address, now)
    try:
        return await METHODS[given.method](given, opened)
    except InvalidClient:
        opened.wrong_guesses.count(given.client_id, address, now)
        raise
