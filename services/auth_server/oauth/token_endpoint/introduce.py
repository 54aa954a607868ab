"""Read the document of a client that no person has brought here yet."""

from starlette.requests import Request

from auth_server.client_authentication.credentials import read_credentials
from auth_server.client_documents.resolve import resolve_client
from auth_server.client_documents.url import looks_like_url
from auth_server.errors import TemporarilyUnavailable
from auth_server.oauth.token_endpoint.identity_assertion.assertion import JWT_BEARER
from auth_server.outbound.cache import DocumentUnavailable
from auth_server.records.tenant_apps.store import is_tenants_app
from auth_server.web.address import address_of
from auth_server.web.dependencies import runtime_of
from auth_server.web.forms import Parameters


async def introduce_client(form: Parameters, request: Request) -> None:
    """Store the client of an identity assertion, which never was at the authorization endpoint.

    Only a client that a tenant's admin named is read, so that strangers cause no requests.

    Raises:
        TemporarilyUnavailable: its document can't be read now.
    """
    opened = runtime_of(request)
    if form.get("grant_type") != JWT_BEARER:
        return
    client_id = read_credentials(form, request.headers.get("authorization")).client_id
    if not looks_like_url(client_id):
        return
    async with opened.database.reading() as db:
        if not await is_tenants_app(db, client_id[:1024]):
            return
    try:
        async with opened.transaction() as db:
            await resolve_client(
                db,
                client_id,
                database=opened.database,
                documents=opened.documents,
                stranger=address_of(request, opened.settings),
                now=opened.now(),
            )
    except DocumentUnavailable as error:
        if error.outage:
            raise TemporarilyUnavailable(
                "the client's metadata document can't be read now; try again", detail=str(error)
            ) from None
