"""Read a gateway's catalogue, with an access token that this server issues for itself."""

import uuid
from datetime import datetime

import httpx2

from auth_server.settings import ResourceSettings
from auth_server.tokens.signer import Signer
from gatepost.catalogue import CatalogueDocument, parse_catalogue
from gatepost.claims import TOKEN_TYPE, AccessClaims
from gatepost.data_scope import DataScope
from gatepost.scopes import CATALOGUE

_LIMIT = 8 * 1024 * 1024


class CatalogueUnavailable(Exception):
    """The gateway did not answer with a catalogue of this resource."""


async def read_catalogue(
    http: httpx2.AsyncClient,
    signer: Signer,
    issuer: str,
    resource: ResourceSettings,
    *,
    now: datetime,
) -> CatalogueDocument:
    """Fetch the catalogue that a gateway serves now.

    Raises:
        CatalogueUnavailable: there is no response, or it is not this resource's catalogue.
    """
    issued_at = int(now.timestamp())
    claims = AccessClaims(
        iss=issuer,
        aud=resource.resource,
        sub=issuer,
        client_id=issuer,
        jti=uuid.uuid4().hex,
        iat=issued_at,
        exp=issued_at + 60,
        scopes=frozenset({CATALOGUE}),
        tenant_id="",
        allowed_tools=frozenset(),
        data_scope=DataScope(),
        rate_limit_tier="",
        grant_id="",
        grant_version=0,
        env="live",
    )
    token = signer.sign(claims.to_json(), token_type=TOKEN_TYPE)
    try:
        answer = await http.get(
            resource.where_catalogue_is, headers={"Authorization": f"Bearer {token}"}
        )
    except httpx2.HTTPError as error:
        raise CatalogueUnavailable(f"no response ({type(error).__name__})") from None
    if answer.status_code != 200 or len(answer.content) > _LIMIT:
        raise CatalogueUnavailable(f"status {answer.status_code}")
    try:
        document = await parse_catalogue(answer.content)
    except ValueError:
        raise CatalogueUnavailable("not a catalogue document") from None
    if document.resource != resource.resource:
        raise CatalogueUnavailable("the catalogue of another resource")
    return document
