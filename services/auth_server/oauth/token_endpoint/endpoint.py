"""POST /token."""

import uuid
from datetime import datetime

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from auth_server.catalogues.cache import CatalogueCache
from auth_server.client_authentication.authenticate import ClientAuthenticator
from auth_server.client_authentication.credentials import MatchContext
from auth_server.entitlements.entitlement import Entitlement
from auth_server.errors import InvalidGrant, UnauthorizedClient, UnsupportedGrantType
from auth_server.oauth.token_endpoint.grant_types import GRANT_TYPES
from auth_server.oauth.token_endpoint.request import Proven, Refused, TokenRequest
from auth_server.records.clients.facts import ClientFacts
from auth_server.settings import AuthServerSettings
from auth_server.tokens.access_token import issue_access_token
from auth_server.tokens.signer import Signer
from auth_server.web.answers import answer_json_error
from auth_server.web.dependencies import runtime_of
from auth_server.web.forms import read_form, reject_repeats
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
    client = await authenticator.authenticate(form, request)
    # 3. Choose the grant type.
    grant_type = form.require("grant_type")
    prove = GRANT_TYPES.get(grant_type)
    if prove is None:
        raise UnsupportedGrantType(f"grant_type must be one of {', '.join(sorted(GRANT_TYPES))}")
    if grant_type not in client.grant_types:
        raise UnauthorizedClient("this client is not registered for that grant type")
    # 4. Redeem the grant. The key is read before, since a failure must not use up the grant.
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
            )
        )
    except InvalidGrant:
        _count_wrong(client, request, authenticator)
        raise
    if isinstance(outcome, Refused):
        _count_wrong(client, request, authenticator)
        return answer_json_error(outcome.error, request)
    # 5. Issue the tokens.
    if grant_type == "authorization_code":
        opened.steps.count("token")
    return _answer(outcome, opened.settings, signer, opened.catalogues, now)


def _count_wrong(client: ClientFacts, request: Request, authenticator: ClientAuthenticator) -> None:
    # A gateway passes on others' keys, so that one stranger's guesses would lock out every key.
    if client.source != "gateway":
        authenticator.count_wrong_guess(client, request)


def _write_tools(
    entitlement: Entitlement, settings: AuthServerSettings, catalogues: CatalogueCache
) -> frozenset[str]:
    resource = settings.find_resource(entitlement.resource)
    if resource is None:
        return entitlement.tools
    return catalogues.write_tools(resource, entitlement.tools, entitlement.step_up)


def _answer(
    proven: Proven,
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
    )
    log.info(
        "issued",
        jti=token_id,
        client_id=entitlement.client_id,
        grant_id=entitlement.grant_id,
        tenant_id=entitlement.tenant_id,
    )
    # Always sent: a client takes a missing scope to mean everything it requested (RFC 6749 §5.1).
    scope = entitlement.scopes | ({OFFLINE_ACCESS} if proven.offline else frozenset())
    body: dict[str, str | int] = {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": int(lifetime.total_seconds()),
        "scope": format_scope(scope),
    }
    if proven.issued_token_type is not None:
        body["issued_token_type"] = proven.issued_token_type
    if proven.refresh_token is not None:
        body["refresh_token"] = proven.refresh_token
    return JSONResponse(body, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})
