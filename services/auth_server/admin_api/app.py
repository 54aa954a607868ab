"""Wire the admin API, an app of its own with its own OpenAPI document and errors."""

from importlib.metadata import version

from fastapi import FastAPI

from auth_server.admin_api.adoption.funnel import router as funnel_router
from auth_server.admin_api.adoption.intent import router as intent_router
from auth_server.admin_api.clients import router as clients_router
from auth_server.admin_api.document import publish_document
from auth_server.admin_api.money.billing import router as billing_router
from auth_server.admin_api.money.books import router as books_router
from auth_server.admin_api.money.plans import router as plans_router
from auth_server.admin_api.people import router as people_router
from auth_server.admin_api.problems import PROBLEMS, add_problem_handlers
from auth_server.admin_api.security.audit import router as audit_router
from auth_server.admin_api.security.keys import router as keys_router
from auth_server.admin_api.security.operators import router as operators_router
from auth_server.admin_api.security.tokens import router as tokens_router
from auth_server.admin_api.services.deliveries import router as deliveries_router
from auth_server.admin_api.services.gateways import router as gateways_router
from auth_server.admin_api.services.webhooks import router as webhooks_router
from auth_server.admin_api.tenancy.access import router as access_router
from auth_server.admin_api.tenancy.app_requests import router as app_requests_router
from auth_server.admin_api.tenancy.invitations import router as invitations_router
from auth_server.admin_api.tenancy.members import router as members_router
from auth_server.admin_api.tenancy.providers import router as providers_router
from auth_server.admin_api.tenancy.rules import router as rules_router
from auth_server.admin_api.tenancy.tenants import router as tenants_router
from auth_server.admin_api.traffic.calls import router as calls_router
from auth_server.admin_api.traffic.limits import router as limits_router
from auth_server.admin_api.traffic.usage import router as usage_router
from auth_server.web.bounded_body import BoundedBody

ADMIN_API_PATH = "/admin/v1"
ROUTERS = (
    usage_router,
    calls_router,
    limits_router,
    books_router,
    plans_router,
    billing_router,
    tenants_router,
    members_router,
    app_requests_router,
    providers_router,
    rules_router,
    access_router,
    invitations_router,
    people_router,
    clients_router,
    gateways_router,
    webhooks_router,
    deliveries_router,
    keys_router,
    audit_router,
    funnel_router,
    intent_router,
    operators_router,
    tokens_router,
)


def create_admin_api(base: str) -> FastAPI:
    """Create the ASGI app, which the server mounts.

    Args:
        base: the issuer's path, with which every path of the server begins.
    """
    app = FastAPI(
        title="Gatepost admin API",
        version=version("gatepost"),
        summary="What operators of the authorization server read and change.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        servers=[{"url": f"{base}{ADMIN_API_PATH}"}],
        root_path_in_servers=False,
        responses=PROBLEMS,
    )
    for router in ROUTERS:
        app.include_router(router)
    publish_document(app)
    add_problem_handlers(app)
    app.add_middleware(BoundedBody)
    return app
