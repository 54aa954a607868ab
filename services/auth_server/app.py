"""The authorization server's wiring: the only place where its parts meet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import structlog
from fastapi import Depends, FastAPI, Request
from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, RedirectResponse, Response

from auth_server.db.raw_sql import DatabaseUnavailable
from auth_server.errors import OAuthError, PageError, TemporarilyUnavailable
from auth_server.gateway_api.call_events import router as events_router
from auth_server.gateway_api.revocations import router as feed_router
from auth_server.maintenance import maintained
from auth_server.oauth.authorize.endpoint import router as authorize_router
from auth_server.oauth.discovery.endpoint import discovery_router, well_known_paths
from auth_server.oauth.introspect import router as introspect_router
from auth_server.oauth.register.endpoint import limit_registrations
from auth_server.oauth.register.endpoint import router as register_router
from auth_server.oauth.register.manage import router as registrations_router
from auth_server.oauth.revoke import router as revoke_router
from auth_server.oauth.token_endpoint.endpoint import issue_tokens
from auth_server.pages.account.api_keys import router as api_keys_router
from auth_server.pages.account.apps import router as apps_router
from auth_server.pages.account.authenticator_app import router as code_app_router
from auth_server.pages.account.connections import router as connections_router
from auth_server.pages.account.endpoint import router as account_router
from auth_server.pages.account.frame import SignInRequired, sign_in_url
from auth_server.pages.account.members import router as members_router
from auth_server.pages.account.new_api_key import router as new_api_key_router
from auth_server.pages.account.organisations import router as organisations_router
from auth_server.pages.account.passkeys import router as account_passkeys_router
from auth_server.pages.account.rules import router as rules_router
from auth_server.pages.account.security import router as security_router
from auth_server.pages.account.sessions import router as sessions_router
from auth_server.pages.connect.endpoint import router as connect_router
from auth_server.pages.consent.endpoint import router as consent_router
from auth_server.pages.sign_in.endpoint import router as sign_in_router
from auth_server.pages.sign_in.passkey import router as passkey_router
from auth_server.pages.sign_in.provider import router as sign_in_elsewhere_router
from auth_server.pages.sign_in.second_factor import router as code_router
from auth_server.pages.tenant_choice import router as tenant_router
from auth_server.rendering.translation import translatable
from auth_server.runtime import OpenRuntime, Runtime, open_runtime
from auth_server.settings import AuthServerSettings
from auth_server.web.answers import answer_json_error, answer_page_error
from auth_server.web.cors import PublicCors
from auth_server.web.dependencies import Opened, opened_runtime
from auth_server.web.prefix import BelowPath
from gatepost.call_event import EVENTS_PATH
from gatepost.health import check_readiness
from gatepost.logs import RequestId
from gatepost.revocations import REVOCATIONS_PATH

log = structlog.get_logger()

ROUTERS = (
    authorize_router,
    sign_in_router,
    sign_in_elsewhere_router,
    code_router,
    passkey_router,
    tenant_router,
    consent_router,
    connect_router,
    account_router,
    apps_router,
    sessions_router,
    api_keys_router,
    new_api_key_router,
    organisations_router,
    rules_router,
    members_router,
    connections_router,
    security_router,
    code_app_router,
    account_passkeys_router,
    registrations_router,
    revoke_router,
    introspect_router,
    feed_router,
    events_router,
)
# What browser-based clients call: any origin may read the answers.
PUBLIC_PATHS = frozenset({"/token", "/register", "/revoke", "/jwks.json"})
REGISTRATIONS = "/register/"
"""What the paths begin with at which clients manage their registrations."""
# What programs call: errors are JSON.
MACHINE_PATHS = PUBLIC_PATHS | {"/introspect", REVOCATIONS_PATH, EVENTS_PATH}


def create_app(
    settings: AuthServerSettings, *, open_runtime: OpenRuntime = open_runtime
) -> FastAPI:
    """Wire the service.

    Args:
        settings: what the operator decided.
        open_resources: opens what lives as long as the service; tests hand in another.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Runtime]]:
        async with open_runtime(settings) as resources, maintained(resources):
            app.state.stop_waiting = resources.feed.close
            yield {"resources": resources}

    public = PUBLIC_PATHS | frozenset(well_known_paths(settings))
    app = FastAPI(
        title="Gatepost authorization server",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # A redirect to the path with or without a slash would repeat a posted form, at whatever
        # host the request names.
        redirect_slashes=False,
        middleware=[
            *([Middleware(BelowPath, path=settings.path)] if settings.path else []),
            Middleware(RequestId),
            Middleware(PublicCors, paths=public, below=REGISTRATIONS),
        ],
    )
    # The busiest by far: looked for first, and called without the work that the routers do for
    # each request, which is more than the rest of this one.
    app.add_route("/token", issue_tokens, methods=["POST"])
    app.include_router(discovery_router(settings))
    if settings.registration == "open":
        limit = Depends(limit_registrations(settings))
        app.include_router(register_router, dependencies=[limit])
    for router in ROUTERS:
        app.include_router(router)
    app.add_api_route("/livez", _livez, methods=["GET"])
    app.add_api_route("/readyz", _readyz, methods=["GET"])
    app.add_api_route("/static/{name}", _static, methods=["GET", "HEAD"])
    app.add_exception_handler(OAuthError, _answer_oauth_error)
    app.add_exception_handler(PageError, _answer_page)
    app.add_exception_handler(SignInRequired, _lead_to_sign_in)
    app.add_exception_handler(HTTPException, _answer_http_error)
    for outage in (DatabaseUnavailable, OperationalError, InterfaceError, TimeoutError):
        app.add_exception_handler(outage, _answer_outage)
    app.add_exception_handler(Exception, _answer_fault)
    return app


async def _livez() -> dict[str, str]:
    return {"status": "ok"}


async def _readyz(request: Request) -> Response:
    opened = await opened_runtime(request)

    async def database() -> None:
        async with opened.database.reading() as db:
            await db.execute(text("SELECT 1"))

    status, body = await check_readiness({"database": database})
    return JSONResponse(body, status_code=status)


async def _static(name: str, opened: Opened) -> Response:
    answer = opened.pages.static.answer(name)
    if answer is None:
        raise HTTPException(404)
    return answer


def _for_a_machine(request: Request) -> bool:
    path: str = request.scope["path"]
    return path in MACHINE_PATHS or path.startswith(("/.well-known/", REGISTRATIONS))


async def _answer_oauth_error(request: Request, error: Exception) -> Response:
    refusal = cast("OAuthError", error)
    if _for_a_machine(request):
        return answer_json_error(refusal, request)
    reason = f"{refusal.description[:1].upper()}{refusal.description[1:]}."
    page = PageError("Invalid request", reason, detail=refusal.detail)
    return answer_page_error(page, request, await opened_runtime(request))


async def _answer_page(request: Request, error: Exception) -> Response:
    return answer_page_error(cast("PageError", error), request, await opened_runtime(request))


async def _lead_to_sign_in(request: Request, error: Exception) -> Response:
    url = sign_in_url(cast("SignInRequired", error), await opened_runtime(request))
    return RedirectResponse(url, status_code=303, headers={"Cache-Control": "no-store"})


async def _answer_http_error(request: Request, error: Exception) -> Response:
    status = cast("HTTPException", error).status_code
    headers = cast("HTTPException", error).headers
    if _for_a_machine(request):
        body = {"error": "invalid_request", "error_description": f"HTTP {status} for this path"}
        return JSONResponse(body, status_code=status, headers=headers)
    page = PageError(
        translatable("Page not found")
        if status == 404
        else translatable("This action isn't available"),
        "To connect an app, add the service there and follow its link.",
        status=status,
    )
    return answer_page_error(page, request, await opened_runtime(request))


async def _answer_outage(request: Request, error: Exception) -> Response:
    # 503, never invalid_grant: a client that hears invalid_grant throws its tokens away.
    log.error("database_unavailable", kind=type(error).__name__, path=request.scope["path"])
    if _for_a_machine(request):
        refusal = TemporarilyUnavailable("a part of this server is down; try again")
        return answer_json_error(refusal, request)
    page = PageError(
        "Sign-in is temporarily unavailable",
        "Part of this service is down. Connected apps keep working. Reload this page in a minute.",
        status=503,
    )
    return answer_page_error(page, request, await opened_runtime(request))


async def _answer_fault(request: Request, error: Exception) -> Response:
    log.error("fault", path=request.scope["path"], exc_info=error)
    if _for_a_machine(request):
        body = {"error": "server_error", "error_description": "something failed on this server"}
        return JSONResponse(body, status_code=500, headers={"Cache-Control": "no-store"})
    page = PageError(
        "Something went wrong on our end", "Go back to your app and try again.", status=500
    )
    return answer_page_error(page, request, await opened_runtime(request))
