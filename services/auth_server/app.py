"""Wire the authorization server: its routes, middleware and error handlers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI
from starlette.middleware import Middleware
from starlette.routing import Route

from auth_server.admin_api.app import ADMIN_API_PATH, create_admin_api
from auth_server.billing.account import MakeHttp, opened_billing
from auth_server.billing.inbox import opened_inbox
from auth_server.billing.webhook import router as stripe_router
from auth_server.console.adoption.funnel import router as funnel_router
from auth_server.console.adoption.intent import router as intent_router
from auth_server.console.answers import add_console_handlers
from auth_server.console.clients import router as clients_router
from auth_server.console.money.archives import router as archives_router
from auth_server.console.money.books import router as books_router
from auth_server.console.money.credits import router as credits_router
from auth_server.console.money.exports import router as exports_router
from auth_server.console.money.plan_terms import router as plan_terms_router
from auth_server.console.money.plans import router as console_plans_router
from auth_server.console.money.simulation import router as simulation_router
from auth_server.console.money.stripe_events import router as stripe_events_router
from auth_server.console.money.subscriptions import router as subscriptions_router
from auth_server.console.new_client import router as new_client_router
from auth_server.console.people import router as people_router
from auth_server.console.security.audit import router as audit_router
from auth_server.console.security.keys import router as keys_router
from auth_server.console.security.operators import router as operators_router
from auth_server.console.security.tokens import router as tokens_router
from auth_server.console.services.deliveries import router as console_webhook_router
from auth_server.console.services.gateways import router as gateways_router
from auth_server.console.services.webhooks import router as console_webhooks_router
from auth_server.console.tenancy.access import router as console_access_router
from auth_server.console.tenancy.directory import router as console_directory_router
from auth_server.console.tenancy.members import router as console_members_router
from auth_server.console.tenancy.rules import router as console_rules_router
from auth_server.console.tenancy.tenants import router as tenants_router
from auth_server.console.traffic.calls import router as calls_router
from auth_server.console.traffic.limits import router as limits_router
from auth_server.console.traffic.playground import router as console_playground_router
from auth_server.console.traffic.usage import router as overview_router
from auth_server.console.workloads import router as workloads_router
from auth_server.directory.url import SCIM_PATH
from auth_server.exports.open import opened_exports
from auth_server.exports.run import exporting_usage
from auth_server.gateway_api.approvals import router as approvals_router
from auth_server.gateway_api.call_events import router as events_router
from auth_server.gateway_api.linked_tokens import router as linked_tokens_router
from auth_server.gateway_api.plans import router as plans_router
from auth_server.gateway_api.reports import router as reports_router
from auth_server.gateway_api.revocations import router as feed_router
from auth_server.maintenance import maintained
from auth_server.manage_api.app import MANAGE_API_PATH, create_manage_api
from auth_server.metering.endpoint import router as usage_router
from auth_server.metrics.names import REQUESTS
from auth_server.metrics.sources import add_runtime
from auth_server.notices.run import EVERY, sending_notices
from auth_server.oauth.authorize.endpoint import router as authorize_router
from auth_server.oauth.device_authorization import router as device_authorization_router
from auth_server.oauth.discovery.endpoint import discovery_router
from auth_server.oauth.introspect import router as introspect_router
from auth_server.oauth.provider_logout import router as provider_logout_router
from auth_server.oauth.pushed_authorization import router as push_router
from auth_server.oauth.register.endpoint import limit_registrations
from auth_server.oauth.register.endpoint import router as register_router
from auth_server.oauth.register.manage import router as registrations_router
from auth_server.oauth.revoke import router as revoke_router
from auth_server.oauth.token_endpoint.endpoint import router as token_router
from auth_server.oauth.userinfo import router as userinfo_router
from auth_server.operational import router as operational_router
from auth_server.outbox.deliver import Delivery, delivering_mails
from auth_server.pages.account.api_keys import router as api_keys_router
from auth_server.pages.account.apps import router as apps_router
from auth_server.pages.account.authenticator_app import router as code_app_router
from auth_server.pages.account.connections import router as connections_router
from auth_server.pages.account.endpoint import router as account_router
from auth_server.pages.account.enrol import router as enrol_router
from auth_server.pages.account.new_api_key import router as new_api_key_router
from auth_server.pages.account.notices import router as notices_router
from auth_server.pages.account.organisations import router as organisations_router
from auth_server.pages.account.passkeys import router as account_passkeys_router
from auth_server.pages.account.plan.ask import router as ask_router
from auth_server.pages.account.plan.budgets import router as budgets_router
from auth_server.pages.account.plan.endpoint import router as plan_router
from auth_server.pages.account.plan.pay import router as pay_router
from auth_server.pages.account.playground.endpoint import router as playground_router
from auth_server.pages.account.profile.data import router as data_router
from auth_server.pages.account.profile.email import router as email_router
from auth_server.pages.account.profile.endpoint import router as profile_router
from auth_server.pages.account.profile.undo import router as undo_router
from auth_server.pages.account.rules.approvals import router as approvals_page_router
from auth_server.pages.account.rules.endpoint import router as rules_router
from auth_server.pages.account.rules.requests import router as requests_router
from auth_server.pages.account.security import router as security_router
from auth_server.pages.account.sessions import router as sessions_router
from auth_server.pages.account.tenant.apps import router as tenant_apps_router
from auth_server.pages.account.tenant.audit import router as trail_router
from auth_server.pages.account.tenant.directory import router as directory_router
from auth_server.pages.account.tenant.domains import router as domains_router
from auth_server.pages.account.tenant.members import router as members_router
from auth_server.pages.account.tenant.sign_in_rule import router as sign_in_rule_router
from auth_server.pages.account.webhooks.deliveries import router as webhook_router
from auth_server.pages.account.webhooks.endpoints import router as webhooks_router
from auth_server.pages.connect.endpoint import router as connect_router
from auth_server.pages.consent.ask_admin import router as ask_admin_router
from auth_server.pages.consent.endpoint import router as consent_router
from auth_server.pages.device import router as device_router
from auth_server.pages.invitations.accept import router as invitation_router
from auth_server.pages.invitations.manage import router as invitations_router
from auth_server.pages.invitations.prove import router as prove_router
from auth_server.pages.linking.end import router as unlink_router
from auth_server.pages.linking.endpoint import router as link_router
from auth_server.pages.passwords.change import router as password_router
from auth_server.pages.passwords.forgotten import router as forgotten_router
from auth_server.pages.passwords.reset import router as reset_router
from auth_server.pages.sign_in.address import router as address_router
from auth_server.pages.sign_in.cancel_recovery import router as cancel_recovery_router
from auth_server.pages.sign_in.end_session import router as end_session_router
from auth_server.pages.sign_in.endpoint import router as sign_in_router
from auth_server.pages.sign_in.own_provider import router as own_provider_router
from auth_server.pages.sign_in.passkey import router as passkey_router
from auth_server.pages.sign_in.provider import router as sign_in_elsewhere_router
from auth_server.pages.sign_in.recovery import router as recovery_router
from auth_server.pages.sign_in.second_factor import router as code_router
from auth_server.pages.tenant_choice import router as tenant_router
from auth_server.runtime import OpenRuntime, Runtime, open_runtime
from auth_server.scim.app import create_scim_api
from auth_server.settings import AuthServerSettings
from auth_server.web.answers import add_error_handlers, answer_fault
from auth_server.web.cors import PublicCors
from auth_server.web.edge import Edge
from auth_server.web.measured import Measured
from auth_server.web.prefix import BelowPath
from auth_server.web.routing import NO_TELEMETRY, machine_paths
from gatepost.logs import RequestId
from gatepost.metrics.port import serving_metrics
from gatepost.metrics.process import add_process
from gatepost.metrics.series import Page
from gatepost.network.collector import exempt_loaded_objects
from gatepost.network.process import Process
from gatepost.tracing.open import load_tracing

ROUTERS = (
    authorize_router,
    sign_in_router,
    end_session_router,
    sign_in_elsewhere_router,
    address_router,
    own_provider_router,
    code_router,
    recovery_router,
    cancel_recovery_router,
    passkey_router,
    forgotten_router,
    reset_router,
    password_router,
    tenant_router,
    link_router,
    unlink_router,
    consent_router,
    ask_admin_router,
    device_router,
    connect_router,
    account_router,
    apps_router,
    sessions_router,
    notices_router,
    profile_router,
    email_router,
    data_router,
    undo_router,
    api_keys_router,
    new_api_key_router,
    organisations_router,
    rules_router,
    requests_router,
    approvals_page_router,
    members_router,
    domains_router,
    sign_in_rule_router,
    tenant_apps_router,
    directory_router,
    trail_router,
    invitations_router,
    invitation_router,
    prove_router,
    connections_router,
    webhooks_router,
    webhook_router,
    plan_router,
    pay_router,
    ask_router,
    budgets_router,
    security_router,
    code_app_router,
    account_passkeys_router,
    enrol_router,
    playground_router,
    overview_router,
    calls_router,
    limits_router,
    funnel_router,
    intent_router,
    tenants_router,
    console_members_router,
    console_access_router,
    console_rules_router,
    console_directory_router,
    console_playground_router,
    books_router,
    exports_router,
    archives_router,
    console_plans_router,
    plan_terms_router,
    simulation_router,
    subscriptions_router,
    credits_router,
    stripe_events_router,
    people_router,
    clients_router,
    new_client_router,
    workloads_router,
    gateways_router,
    console_webhooks_router,
    console_webhook_router,
    keys_router,
    audit_router,
    operators_router,
    tokens_router,
    registrations_router,
    device_authorization_router,
    push_router,
    revoke_router,
    provider_logout_router,
    introspect_router,
    userinfo_router,
    feed_router,
    events_router,
    reports_router,
    plans_router,
    approvals_router,
    linked_tokens_router,
    usage_router,
)

_PLAIN_PATHS = frozenset({"/token", ADMIN_API_PATH, MANAGE_API_PATH, SCIM_PATH})
"""The paths that requests are measured by, where the router names no route."""


def create_app(
    settings: AuthServerSettings,
    *,
    open_runtime: OpenRuntime = open_runtime,
    make_stripe_http: MakeHttp | None = None,
    notices_every: float = EVERY,
    process: Process | None = None,
) -> FastAPI:
    """Create the ASGI app.

    Args:
        settings: the server's settings.
        open_runtime: opens the runtime; tests pass another.
        make_stripe_http: makes the connection to Stripe; tests pass another.
        notices_every: seconds between two looks for notices and webhooks to send.
        process: the process around the app.
    """
    load_tracing(settings.tracing)
    process = process or Process()
    stopping = process.stopping
    page = Page()
    add_process(page, service="auth_server", stopping=stopping)
    requests = page.histogram(REQUESTS)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with AsyncExitStack() as opened:
            runtime = await opened.enter_async_context(open_runtime(settings))
            billing = await opened.enter_async_context(opened_billing(runtime, make_stripe_http))
            inbox = None
            if billing is not None:
                inbox = await opened.enter_async_context(opened_inbox(billing, runtime.tracing))
            exporting = await opened.enter_async_context(opened_exports(runtime, billing))
            await opened.enter_async_context(exporting_usage(exporting, runtime.tracing))
            await opened.enter_async_context(
                delivering_mails(_delivery_of(runtime), runtime.tracing)
            )
            await opened.enter_async_context(maintained(runtime, billing))
            await opened.enter_async_context(sending_notices(runtime, every=notices_every))
            stopping.when_waits_end(runtime.feed.close)
            add_runtime(page, runtime)
            await opened.enter_async_context(serving_metrics(page, process.metrics))
            if settings.secure:
                # Otherwise the first request of each page would hold up all others for up to 90 ms, and a
                # collection of all this for 50 ms. A developer's server starts faster without it.
                await asyncio.to_thread(runtime.pages.compile_all)
                exempt_loaded_objects()
            yield {
                "resources": runtime,
                "billing": billing,
                "inbox": inbox,
                "exporting": exporting,
            }

    discovery = discovery_router(settings)
    routers = (*ROUTERS, token_router, register_router, stripe_router, discovery)
    app = FastAPI(
        title="Gatepost authorization server",
        lifespan=lifespan,
        telemetry=NO_TELEMETRY,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # A redirect to add or remove a slash would send a posted form to the host that the request
        # names.
        redirect_slashes=False,
        middleware=[
            *([Middleware(BelowPath, path=settings.path)] if settings.path else []),
            *([] if settings.tracing is None else [_traced()]),
            Middleware(RequestId),
            Middleware(PublicCors, paths=machine_paths(routers, any_origin=True)),
            Middleware(Edge, answer_fault=answer_fault),
            Middleware(Measured, requests=requests, paths=_PLAIN_PATHS),
        ],
    )
    # The busiest route is matched first, without the routers' work for each request, which would
    # cost more than the rest of it.
    app.router.routes.extend(token_router.routes)
    app.include_router(discovery)
    if settings.registration == "open":
        limit = Depends(limit_registrations(settings))
        app.include_router(register_router, dependencies=[limit])
    if settings.stripe is not None:
        app.include_router(stripe_router)
    for router in ROUTERS:
        app.include_router(router)
    app.include_router(operational_router)
    mounted = {
        ADMIN_API_PATH: create_admin_api(settings.path),
        MANAGE_API_PATH: create_manage_api(settings.path, origins=settings.component_origins),
        SCIM_PATH: create_scim_api(),
    }
    machines = machine_paths(routers)
    for path in mounted:
        machines = machines.and_below(path)
    add_error_handlers(app, machines)
    add_console_handlers(app)
    app.state.stopping = stopping
    for path, api in mounted.items():
        api.state.machine_paths = machines
        app.mount(path, api)
    # A client that resolves the dots in `/admin/v1/people/..` asks for the API's own path, without a slash.
    for path, api in mounted.items():
        app.router.routes.append(Route(path, api, include_in_schema=False))
    return app


def _traced() -> Middleware:
    from auth_server.web.traced import Traced  # imports OpenTelemetry

    return Middleware(Traced, paths=_PLAIN_PATHS)


def _delivery_of(runtime: Runtime) -> Delivery:
    return Delivery(
        database=runtime.database,
        keys=runtime.keys,
        pages=runtime.pages,
        issuer=runtime.settings.issuer,
        mailer=runtime.mailer,
        now=runtime.now,
    )
