"""Wire the admin API, an app of its own with its own OpenAPI document and errors."""

from fastapi import FastAPI

from auth_server.admin_api.adoption.funnel import router as funnel_router
from auth_server.admin_api.adoption.intent import router as intent_router
from auth_server.admin_api.adoption.outdated import router as outdated_router
from auth_server.admin_api.clients import router as clients_router
from auth_server.admin_api.document import create_documented_api
from auth_server.admin_api.money.archives import router as archives_router
from auth_server.admin_api.money.billing import router as billing_router
from auth_server.admin_api.money.books import router as books_router
from auth_server.admin_api.money.credits import router as credits_router
from auth_server.admin_api.money.plans import router as plans_router
from auth_server.admin_api.people import router as people_router
from auth_server.admin_api.security.audit import router as audit_router
from auth_server.admin_api.security.keys import router as keys_router
from auth_server.admin_api.security.operators import router as operators_router
from auth_server.admin_api.security.tokens import router as tokens_router
from auth_server.admin_api.services.deliveries import router as deliveries_router
from auth_server.admin_api.services.gateways import router as gateways_router
from auth_server.admin_api.services.webhooks import router as webhooks_router
from auth_server.admin_api.tenancy.access import router as access_router
from auth_server.admin_api.tenancy.app_requests import router as app_requests_router
from auth_server.admin_api.tenancy.component_tokens import router as component_tokens_router
from auth_server.admin_api.tenancy.directory import router as directory_router
from auth_server.admin_api.tenancy.invitations import router as invitations_router
from auth_server.admin_api.tenancy.members import router as members_router
from auth_server.admin_api.tenancy.providers import router as providers_router
from auth_server.admin_api.tenancy.rules import router as rules_router
from auth_server.admin_api.tenancy.tenant_apps import router as tenant_apps_router
from auth_server.admin_api.tenancy.tenants import router as tenants_router
from auth_server.admin_api.traffic.calls import router as calls_router
from auth_server.admin_api.traffic.limits import router as limits_router
from auth_server.admin_api.traffic.usage import router as usage_router

ADMIN_API_PATH = "/admin/v1"
ROUTERS = (
    usage_router,
    calls_router,
    limits_router,
    books_router,
    archives_router,
    plans_router,
    billing_router,
    credits_router,
    tenants_router,
    members_router,
    app_requests_router,
    providers_router,
    tenant_apps_router,
    directory_router,
    rules_router,
    access_router,
    invitations_router,
    component_tokens_router,
    people_router,
    clients_router,
    gateways_router,
    webhooks_router,
    deliveries_router,
    keys_router,
    audit_router,
    funnel_router,
    intent_router,
    outdated_router,
    operators_router,
    tokens_router,
)


def create_admin_api(base: str) -> FastAPI:
    """Create the ASGI app, which the server mounts.

    Args:
        base: the issuer's path, with which every path of the server begins.
    """
    return create_documented_api(
        "Gatepost admin API",
        "What operators of the authorization server read and change.",
        path=f"{base}{ADMIN_API_PATH}",
        routers=ROUTERS,
    )
