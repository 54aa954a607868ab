"""POST /par: a client pushes its authorization request (RFC 9126)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import JSONResponse, Response

from auth_server.client_authentication.authenticate import Authenticator
from auth_server.client_authentication.credentials import read_credentials
from auth_server.client_documents.reader import ClientDocuments
from auth_server.client_documents.resolve import resolve_client
from auth_server.client_documents.url import looks_like_url
from auth_server.errors import (
    InvalidClient,
    InvalidDpopProof,
    InvalidRequest,
    TemporarilyUnavailable,
)
from auth_server.oauth.authorize.checks import CHECKS
from auth_server.oauth.authorize.checks.read_pushed_request import PREFIX
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest
from auth_server.oauth.limit_begun import limit_begun
from auth_server.oauth.possession.prove import prove_key
from auth_server.outbound.cache import DocumentUnavailable
from auth_server.records.pushed_requests.store import add_pushed_request
from auth_server.records.pushed_requests.table import PushedRequest
from auth_server.secrets import hash_secret
from auth_server.web.address import address_of
from auth_server.web.dependencies import (
    Clock,
    OpenDatabase,
    SecretMaker,
    Settings,
    Transaction,
    part,
    runtime_of,
)
from auth_server.web.forms import Parameters, read_form, reject_repeats
from auth_server.web.routing import MachineRouter

LIFETIME = timedelta(seconds=60)
"""How long a browser may take from the client to `/authorize`."""
_CREDENTIALS = {"client_secret", "client_assertion", "client_assertion_type"}
router = MachineRouter(any_origin=True)


@router.post("/par", dependencies=[Depends(limit_begun)])
async def push_request(
    request: Request,
    transaction: Transaction,
    database: OpenDatabase,
    authenticator: Authenticator,
    settings: Settings,
    documents: Annotated[ClientDocuments, Depends(part(lambda runtime: runtime.documents))],
    clock: Clock,
    new_secret: SecretMaker,
) -> Response:
    """Store a checked authorization request, and answer with the address that stands for it (§2).

    All checks of `/authorize` run here, and again there: the client may have changed since (§7.4).
    """
    # 1. Parse the form.
    form = await read_form(request)
    reject_repeats(form, except_for=frozenset({"resource"}))
    if form.get("request_uri") is not None:
        raise InvalidRequest(
            "request_uri can't be pushed; send the parameters (RFC 9126 section 2.1)"
        )
    # 2. Authenticate the client, which may be described by a document that nobody has read yet.
    named = read_credentials(form, request.headers.get("authorization")).client_id
    address, now = address_of(request, settings), clock()
    if looks_like_url(named):
        try:
            async with transaction() as db:
                await resolve_client(
                    db,
                    named,
                    database=database,
                    documents=documents,
                    stranger=address,
                    now=now,
                )
        except DocumentUnavailable as error:
            if error.outage:
                raise TemporarilyUnavailable(
                    "the client's metadata document can't be read now; try again",
                    detail=str(error),
                ) from None
            raise InvalidClient("the client's metadata document can't be used") from None
    client = await authenticator.authenticate(form, request)
    # 3. Bind the code to the client's key, if it proves one.
    key, nonce = await _prove_key(request, form)
    # 4. Check the request as `/authorize` does.
    sent = {name: values for name, values in form.values.items() if name not in _CREDENTIALS}
    parameters = {**sent, **key, "client_id": (client.client_id,)}
    async with database.reading() as db:
        context = CheckContext(db, database, settings, documents, address, clock)
        asked = CheckedRequest(Parameters(parameters), is_pushed=True)
        for check in CHECKS:
            asked = await check(asked, context)
    # 5. Store it.
    secret = new_secret()
    pushed = PushedRequest(
        uri_hash=hash_secret(secret),
        client_id=client.client_id,
        parameters={name: list(values) for name, values in parameters.items()},
        expires_at=now + LIFETIME,
    )
    async with transaction() as db:
        await add_pushed_request(db, pushed)
    body = {"request_uri": f"{PREFIX}{secret}", "expires_in": int(LIFETIME.total_seconds())}
    headers = {"Cache-Control": "no-store", **nonce}
    return JSONResponse(body, status_code=201, headers=headers)


async def _prove_key(
    request: Request, form: Parameters
) -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, str]]:
    """Read the DPoP proof of a push, which means the same as `dpop_jkt` with its key (RFC 9449 §10.1).

    Returns:
        The parameter, and the header with the next nonce; both empty if there is no proof or no need.
    """
    opened = runtime_of(request)
    proven = await prove_key(
        request,
        opened.settings,
        path="/par",
        keys=opened.keys,
        raw_sql=opened.database.raw_sql,
        now=opened.now,
    )
    if proven is None or proven.confirmation is None:
        return {}, {}
    thumbprint = proven.confirmation.thumbprint
    if form.get("dpop_jkt") not in {None, thumbprint}:
        raise InvalidDpopProof("dpop_jkt is not the key of the DPoP proof")
    nonce = {} if proven.next_nonce is None else {"DPoP-Nonce": proven.next_nonce}
    return {"dpop_jkt": (thumbprint,)}, nonce
