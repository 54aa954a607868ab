"""POST /token."""

import uuid
from datetime import datetime

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from auth_server.catalogues.cache import CatalogueCache
from auth_server.client_authentication.authenticate import ClientAuthenticator
from auth_server.client_authentication.credentials import MatchContext, has_credentials
from auth_server.client_authentication.workload import match_workload
from auth_server.entitlements.entitlement import Entitlement
from auth_server.errors import (
    AuthorizationPending,
    InvalidGrant,
    OAuthError,
    TemporarilyUnavailable,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from auth_server.oauth.possession.prove import Possession, prove_possession
from auth_server.oauth.token_endpoint.grant_types import GRANT_TYPES
from auth_server.oauth.token_endpoint.identity_assertion.assertion import JWT_BEARER
from auth_server.oauth.token_endpoint.introduce import introduce_client
from auth_server.oauth.token_endpoint.request import Proven, Refused, TokenRequest
from auth_server.records.clients.facts import ClientFacts
from auth_server.records.device_authorizations.table import DEVICE_CODE
from auth_server.settings import AuthServerSettings
from auth_server.tokens.access_token import issue_access_token, token_type_of
from auth_server.tokens.id_token import issue_id_token
from auth_server.tokens.signer import Signer
from auth_server.web.answers import answer_json_error
from auth_server.web.dependencies import runtime_of
from auth_server.web.forms import Parameters, read_form, reject_repeats
from auth_server.web.routing import MachineRouter
from gatepost.revocations import name_token
from gatepost.scopes import OFFLINE_ACCESS, format_scope

log = structlog.get_logger()
router = MachineRouter(any_origin=True)


# A plain Starlette route: FastAPI's work for each request would cost more than the rest of it.
@router.route("/token", methods=["POST"])
async def issue_tokens(request: Request) -> Response:
    """Exchange a grant for tokens (OAuth 2.1 §3.2)."""
    opened = runtime_of(request)
    context = MatchContext(opened.settings, opened.database, opened.key_sets, opened.now)
    authenticator = ClientAuthenticator(context, opened.wrong_guesses)
    # 1. Parse the form.
    form = await read_form(request)
    reject_repeats(form, except_for=frozenset({"resource"}))
    # 2. Authenticate the client.
    client = await _authenticate(form, request, context, authenticator)
    # 3. Choose the grant type.
    grant_type = form.require("grant_type")
    prove = GRANT_TYPES.get(grant_type)
    if prove is None:
        raise UnsupportedGrantType(f"grant_type must be one of {', '.join(sorted(GRANT_TYPES))}")
    # A tenant's admin names the client for identity assertions, whatever it registered for.
    if grant_type not in (*client.grant_types, JWT_BEARER):
        raise UnauthorizedClient("this client is not registered for that grant type")
    # 4. Prove possession of a key, before the grant is used up.
    possession = await prove_possession(
        request,
        client,
        opened.settings,
        keys=opened.keys,
        raw_sql=opened.database.raw_sql,
        now=opened.now,
    )
    # 5. Redeem the grant. The key is read before, since a failure must not use up the grant.
    signer = await opened.keyring.find_signer()
    now = opened.now()
    try:
        outcome = await prove(
            TokenRequest(
                form,
                client,
                now,
                settings=opened.settings,
                keys=opened.keys,
                database=opened.database,
                transaction=opened.transaction,
                new_secret=opened.new_secret,
                connectors=opened.connectors,
                confirmation=possession.confirmation,
            )
        )
    except OAuthError as error:
        if _is_wrong_guess(error, client, grant_type, possession):
            authenticator.count_wrong_guess(client, request)
        raise
    if isinstance(outcome, Refused):
        if _is_wrong_guess(outcome.error, client, grant_type, possession):
            authenticator.count_wrong_guess(client, request)
        return answer_json_error(outcome.error, request)
    # 6. Issue the tokens.
    if grant_type in {"authorization_code", DEVICE_CODE}:
        opened.steps.count("token")
    if grant_type == "refresh_token":
        opened.refreshes.note(client.client_id)
    return _answer(outcome, possession, grant_type, opened.settings, signer, opened.catalogues, now)


async def _authenticate(
    form: Parameters, request: Request, context: MatchContext, authenticator: ClientAuthenticator
) -> ClientFacts:
    """Find the client by its credentials, or by the assertion of its workload, which needs none.

    Credentials beside such an assertion must be right, and those of the same client (RFC 7521 §4.1).
    """
    workload = None
    if form.get("grant_type") == JWT_BEARER:
        workload = await match_workload(form, context)
        if workload is not None and not has_credentials(form, request):
            return workload
    await introduce_client(form, request)
    client = await authenticator.authenticate(form, request)
    if workload is not None and client.client_id != workload.client_id:
        raise InvalidGrant("the assertion is not for the client that authenticated")
    return client


def _is_wrong_guess(
    error: OAuthError, client: ClientFacts, grant_type: str, possession: Possession
) -> bool:
    # A gateway passes on others' keys, so that one stranger's guesses would lock out every key.
    if client.source == "gateway":
        return False
    # Each proof is stored, so whatever the grant, strangers may not send any number of them.
    if possession.is_stored:
        return not isinstance(error, AuthorizationPending | TemporarilyUnavailable)
    # Nobody guesses a signature, and the client of one misconfigured tenant serves others from its address.
    return isinstance(error, InvalidGrant) and grant_type != JWT_BEARER


def _write_tools(
    entitlement: Entitlement, settings: AuthServerSettings, catalogues: CatalogueCache
) -> frozenset[str]:
    address = settings.find_address(entitlement.resource)
    if address is None:
        return entitlement.tools
    return catalogues.write_tools(address.entry, entitlement.tools, entitlement.step_up)


def _answer(
    proven: Proven,
    possession: Possession,
    grant_type: str,
    settings: AuthServerSettings,
    signer: Signer,
    catalogues: CatalogueCache,
    now: datetime,
) -> Response:
    entitlement = proven.entitlement
    lifetime = settings.token_lifetime_of(entitlement.client_id)
    if entitlement.ends_at is not None:
        lifetime = min(lifetime, entitlement.ends_at - now)
    unique = uuid.uuid4().hex
    token_id = name_token(proven.family_id, unique) if proven.family_id else unique
    access_token = issue_access_token(
        signer,
        entitlement,
        allowed_tools=_write_tools(entitlement, settings, catalogues),
        issuer=settings.issuer,
        token_id=token_id,
        now=now,
        lifetime=lifetime,
        confirmation=possession.confirmation,
    )
    log.info(
        "issued",
        jti=token_id,
        grant_type=grant_type,
        expires_in=int(lifetime.total_seconds()),
        client_id=entitlement.client_id,
        grant_id=entitlement.grant_id,
        tenant_id=entitlement.tenant_id,
    )
    # Always sent: a client takes a missing scope to mean everything it requested (RFC 6749 §5.1).
    scope = entitlement.scopes | ({OFFLINE_ACCESS} if proven.offline else frozenset())
    body: dict[str, str | int] = {
        "access_token": access_token,
        "token_type": token_type_of(possession.confirmation),
        "expires_in": int(lifetime.total_seconds()),
        "scope": format_scope(scope),
    }
    if proven.issued_token_type is not None:
        body["issued_token_type"] = proven.issued_token_type
    if proven.refresh_token is not None:
        body["refresh_token"] = proven.refresh_token
    if proven.authentication is not None:
        body["id_token"] = issue_id_token(
            signer,
            proven.authentication,
            issuer=settings.issuer,
            person_id=entitlement.person_id,
            client_id=entitlement.client_id,
            nonce=proven.nonce,
            access_token=access_token,
            now=now,
        )
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    if possession.next_nonce is not None:
        headers["DPoP-Nonce"] = possession.next_nonce
    return JSONResponse(body, headers=headers)
