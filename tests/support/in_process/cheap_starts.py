"""Make it cheap to start an authorization server in a test, hundreds of times."""

import functools
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import httpcore2
import pytest
from argon2 import PasswordHasher
from fastapi import routing as fastapi_routing
from fastapi.dependencies import utils as fastapi_dependencies
from httpx2._transports import asgi as asgi_transport
from sqlalchemy import Dialect, Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from auth_server import runtime
from auth_server.admin_api import document
from auth_server.branding import Branding
from auth_server.db import engine as database_engine
from auth_server.outbox import deliver
from auth_server.records.people import passwords
from auth_server.rendering.render import Pages, open_pages
from auth_server.revocations import feed
from auth_server.settings import AuthServerSettings
from support.in_process.sqlite_here import run_sqlite_here

_pages: dict[tuple[str, bool], Pages] = {}
"""By the issuer's path, and whether it is HTTPS."""
_compiled: dict[str, tuple[Dialect, Any]] = {}
"""By the kind of database, the dialect and the statements that were compiled for it."""


@contextmanager
def cheap_starts() -> Iterator[None]:
    """Make once per test process what is alike in every server and takes longest to make.

    Those are the compiled page templates and SQL statements, the signatures and dependencies of
    endpoints, the installed version and the machine's certificates. Routers that do nothing at start
    and stop are left out of the app's lifespan. Passwords are hashed with little effort: hundreds of
    people sign in, and another test checks a hash's cost. A server looks less often for
    revocations that another process committed; it still announces its own at once. Mails wait until
    a test delivers them. SQLite runs in the event loop.
    """
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", lambda: hasher)
        patch.setattr(runtime, "open_pages", _share_pages)
        patch.setattr(database_engine, "create_async_engine", _share_compiled)
        signature = functools.cache(fastapi_dependencies.get_typed_signature)
        patch.setattr(fastapi_dependencies, "get_typed_signature", signature)
        context = fastapi_routing._EffectiveRouteContext
        patch.setattr(context, "from_api_route", _share_contexts(context.from_api_route))
        merge = fastapi_routing._merge_lifespan_context
        patch.setattr(fastapi_routing, "_merge_lifespan_context", _leave_out_defaults(merge))
        patch.setattr(document, "version", functools.cache(version))
        patch.setattr(feed, "EVERY", 1.0)
        patch.setattr(deliver, "EVERY", 3600.0)
        patch.setattr(ssl, "create_default_context", _share_default(ssl.create_default_context))
        default = functools.cache(httpcore2.default_ssl_context)
        patch.setattr(httpcore2, "default_ssl_context", default)
        # It would look for a package that is not installed, on the whole path, for each request.
        patch.setattr(asgi_transport, "is_running_trio", lambda: False)
        run_sqlite_here(patch)
        yield


def _share_pages(settings: AuthServerSettings) -> Pages:
    if settings.translations or settings.branding != Branding():
        return open_pages(settings)
    key = (settings.path, settings.secure)
    if key not in _pages:
        _pages[key] = open_pages(settings)
    return _pages[key]


def _share_compiled(url: str, **options: Any) -> AsyncEngine:
    engine = create_async_engine(url, **options)
    sync: Engine = engine.sync_engine
    # A compiled statement is found by its dialect too.
    sync.dialect, sync._compiled_cache = _compiled.setdefault(
        sync.dialect.name, (sync.dialect, sync._compiled_cache)
    )
    return engine


def _share_contexts(build: Any) -> Any:
    """Share what a route depends on among servers, except where a server adds to it."""
    known: dict[int, Any] = {}

    def share(*, original_route: Any, include_context: Any) -> Any:
        make = functools.partial(
            build, original_route=original_route, include_context=include_context
        )
        if include_context.prefix or include_context.dependencies:
            return make()
        # The context keeps its route, so that no other route has the same id.
        if id(original_route) not in known:
            known[id(original_route)] = make()
        return known[id(original_route)]

    return share


def _leave_out_defaults(merge: Any) -> Any:
    def leave_out(original_context: Any, nested_context: Any) -> Any:
        if isinstance(nested_context, fastapi_routing._DefaultLifespan):
            router = nested_context._router
            if not (router.on_startup or router.on_shutdown):
                return original_context
        return merge(original_context, nested_context)

    return leave_out


def _share_default(create: Any) -> Any:
    cached = functools.cache(create)

    def share(*args: Any, **options: Any) -> ssl.SSLContext:
        # redis-py adds authorities to the context that it makes.
        changed = sys._getframe(1).f_globals["__name__"].startswith("redis.")
        own = args or options or changed
        context: ssl.SSLContext = create(*args, **options) if own else cached()
        return context

    return share
