"""A pending authorization: the stored request, the browser that began it, and the next step."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import RedirectResponse

from auth_server.db.engine import DbSession, OpenTransaction
from auth_server.errors import PageError
from auth_server.flow.next_step import NextStep, next_step
from auth_server.flow.signed_in import resolve_signed_in
from auth_server.keys import Keys
from auth_server.records.authorization_requests.store import (
    find_authorization_request,
    note_progress,
)
from auth_server.records.authorization_requests.table import AuthorizationRequest, Progress
from auth_server.records.clients.store import find_client
from auth_server.records.clients.table import Client
from auth_server.records.grants.store import find_usual_tenant
from auth_server.records.tenants.store import list_tenant_memberships
from auth_server.secrets import hash_secret
from auth_server.settings import AuthServerSettings
from auth_server.web.browser import read_browser
from auth_server.web.dependencies import Clock, Db, KeysInUse, ReadingDb, Settings
from auth_server.web.form_proof import FormProof
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import PostedForm

CONTINUE = "/authorize/continue"


@dataclass(frozen=True, slots=True)
class PendingAuthorization:
    """The current state of one authorization request in its browser."""

    authorization_request: AuthorizationRequest
    browser: str
    client: Client
    step: NextStep
    base: str
    """The issuer's path, with which every path of this server begins."""
    forms: FormProof
    """The proofs of forms for this request in this browser."""


async def resolve_pending_authorization(
    request: Request,
    transaction_id: str | None,
    db: DbSession,
    settings: AuthServerSettings,
    keys: Keys,
    now: datetime,
    *,
    lock: bool = False,
) -> PendingAuthorization:
    """Find an authorization request that this browser began, and its next step.

    Pass `lock` to answer it: the request is locked before any grant.

    Raises:
        PageError: the request does not exist, is over or another browser's, or its client is gone.
    """
    browser = read_browser(request, settings)
    authorization_request = None
    if transaction_id and browser:
        authorization_request = await find_authorization_request(
            db, transaction_id, browser_hash=hash_secret(browser), now=now, lock=lock
        )
    if authorization_request is None or browser is None:
        raise PageError(
            "This request has expired",
            "It was already answered, took too long, or started in another browser. Go back to "
            "your app and connect again.",
            detail="no such authorization request in this browser",
        )
    client = await find_client(db, authorization_request.client_id)
    if client is None:
        raise PageError(
            "This app is no longer registered", "Go back to your app and connect again."
        )
    signed_in = await resolve_signed_in(request, db, settings, now)
    memberships = await list_tenant_memberships(db, signed_in.person.person_id) if signed_in else []
    usual = None
    if signed_in and len(memberships) > 1 and authorization_request.tenant_id is None:
        usual = await find_usual_tenant(db, signed_in.person.person_id, client.client_id)
    step = next_step(authorization_request, signed_in, memberships, usual)
    forms = FormProof(
        keys,
        (),
        (browser, authorization_request.transaction_id),
        "Nothing was saved. Go back to your app and connect again.",
    )
    return PendingAuthorization(authorization_request, browser, client, step, settings.path, forms)


async def record_progress(
    pending: PendingAuthorization, progress: Progress, transaction: OpenTransaction
) -> None:
    """Store how far the request came, unless that is known."""
    stored = pending.authorization_request
    if stored.progress != progress:
        async with transaction() as db:
            await note_progress(db, stored.transaction_id, progress)


def continue_with(pending: PendingAuthorization) -> RedirectResponse:
    """Redirect the browser to `CONTINUE`, which decides the next step."""
    response = RedirectResponse(
        f"{pending.base}{CONTINUE}?transaction={pending.authorization_request.transaction_id}",
        status_code=303,
    )
    response.headers["Cache-Control"] = "no-store"
    return response


async def _shown(
    request: Request, db: ReadingDb, settings: Settings, keys: KeysInUse, now: Clock
) -> PendingAuthorization:
    transaction_id = read_query(request).get("transaction")
    return await resolve_pending_authorization(request, transaction_id, db, settings, keys, now())


ShownAuthorization = Annotated[PendingAuthorization, Depends(_shown)]
"""The pending authorization named in the query of a GET request."""


def posted_authorization(posted: PostedForm) -> Callable[..., Awaitable[PendingAuthorization]]:
    """Make the dependency that finds the pending authorization named in a posted form."""

    async def resolve(
        request: Request,
        form: Annotated[Parameters, Depends(posted)],
        db: Db,
        settings: Settings,
        keys: KeysInUse,
        now: Clock,
    ) -> PendingAuthorization:
        transaction_id = form.get("transaction")
        return await resolve_pending_authorization(
            request, transaction_id, db, settings, keys, now(), lock=True
        )

    return resolve
