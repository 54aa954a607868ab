"""Orbit's wiring: one function adds every router and handler."""

import asyncio
from functools import cache
from typing import Any

from fastapi import FastAPI

from demo_saas import home
from demo_saas.accounts.endpoints import router as accounts
from demo_saas.analytics.endpoints import router as analytics
from demo_saas.body import MAX_BODY, LimitBody
from demo_saas.clock import Now, Sleep, utc_now
from demo_saas.comments.endpoints import router as comments
from demo_saas.connected_apps.endpoints import router as connected_apps
from demo_saas.errors import add_problem_handlers
from demo_saas.files.endpoints import router as files
from demo_saas.members.endpoints import router as members
from demo_saas.openapi import name_operation, write_openapi
from demo_saas.projects.endpoints import router as projects
from demo_saas.reports.endpoints import router as reports
from demo_saas.resources import Resources
from demo_saas.settings import Settings
from demo_saas.tasks.endpoints import router as tasks
from demo_saas.webhooks.post import Post, post_message
from gatepost_verify import KeyCache, Verifier
from gatepost_verify.fastapi import GatepostMiddleware
from gatepost_verify.keys import Fetch, fetch_jwks

TENANT_ROUTERS = (projects, tasks, comments, members, analytics, reports, files)


def create_app(
    settings: Settings,
    *,
    now: Now = utc_now,
    sleep: Sleep = asyncio.sleep,
    fetch_jwks: Fetch = fetch_jwks,
    post: Post = post_message,
) -> FastAPI:
    """Create the app for the prepared database at `settings.database`.

    Args:
        settings: see `Settings`.
        now: returns the time.
        sleep: waits some seconds; the slow report uses it, and the webhook before it tries again.
        fetch_jwks: gets the JSON document at a URL, for the gateway's keys.
        post: posts the messages of the webhook.
    """
    app = FastAPI(generate_unique_id_function=name_operation)
    app.state.resources = Resources(settings, now, sleep, post)
    app.include_router(home.router)
    app.include_router(accounts)
    app.include_router(connected_apps)
    for router in TENANT_ROUTERS:
        app.include_router(router, prefix="/v1/orgs/{org_id}")
    app.add_middleware(
        GatepostMiddleware,
        verifier=trust_gateway(settings, now=now, fetch_jwks=fetch_jwks),
        max_body=MAX_BODY,
    )
    app.add_middleware(LimitBody)
    add_problem_handlers(app)

    @cache
    def openapi() -> dict[str, Any]:
        return write_openapi(app, public_url=settings.public_url)

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to replace it
    return app


def trust_gateway(settings: Settings, *, now: Now, fetch_jwks: Fetch) -> Verifier:
    """Accept requests that the gateway signed for this API, restricted by team or not at all."""

    def seconds() -> float:
        return now().timestamp()

    return Verifier(
        issuer=settings.gatepost_issuer,
        audience=settings.public_url,
        base_url=settings.public_url,
        data_kinds=["team"],
        keys=KeyCache(settings.gatepost_jwks_url, fetch=fetch_jwks, now=seconds),
        now=seconds,
    )
