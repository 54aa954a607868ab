"""A pending authorization: the stored request, the browser that began it, and the next step."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import RedirectResponse

from auth_server.db.engine import DbSession, OpenTransaction
from auth_server.errors import PageError
from auth_server.flow.next_step import AskConsent, LinkAccount, NextStep, next_step
from auth_server.flow.openid.preferred_class import can_step_up
from auth_server.flow.signed_in import SignedIn, resolve_signed_in
from auth_server.keys import Keys
from auth_server.records.authorization_requests.store import (
    find_authorization_request,
    note_progress,
)
from auth_server.records.authorization_requests.table import AuthorizationRequest, Progress
from auth_server.records.clients.store import find_client
from auth_server.records.clients.table import Client
from auth_server.records.device_authorizations.store import find_device_authorization
from auth_server.records.grants.store import find_usual_tenant
from auth_server.records.linked_accounts.store import list_linked_accounts
from auth_server.records.tenants.store import list_tenant_memberships
from auth_server.secrets import hash_secret
from auth_server.settings import AuthServerSettings
from auth_server.web.address import address_of
from auth_server.web.browser import read_browser
from auth_server.web.dependencies import Clock, Db, KeysInUse, ReadingDb, Settings
from auth_server.web.form_proof import FormProof
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import PostedForm

CONTINUE = "/authorize/continue"


@dataclass(frozen=True, slots=True)
class AskingDevice:
    """The device that waits for the answer to an authorization request, as far as its request tells."""

    device_code_hash: str
    asked_at: datetime
    minutes_ago: int
    address: str
    """Where the request came from; empty if unknown."""
    is_near: bool
    """Whether this browser has the same address."""


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
    organisation: str | None
    """The tenant id in the organisation's address that the app asks for; the tenant may not exist."""
    device: AskingDevice | None = None
    """The device that began the request, unless a browser did."""


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
    device = await _find_device(request, authorization_request, signed_in, db, settings, now)
    memberships = await list_tenant_memberships(db, signed_in.person.person_id) if signed_in else []
    usual = None
    address = settings.find_address(authorization_request.resource)
    organisation = address.tenant_id if address is not None else None
    free = authorization_request.tenant_id is None and organisation is None
    if signed_in and len(memberships) > 1 and free:
        usual = await find_usual_tenant(db, signed_in.person.person_id, client.client_id)
    stronger = await can_step_up(db, authorization_request, signed_in)
    step = next_step(
        authorization_request,
        signed_in,
        memberships,
        usual,
        organisation,
        can_step_up=stronger,
    )
    if isinstance(step, AskConsent) and address is not None and address.entry.links:
        step = await _require_links(db, step, address.entry.links)
    forms = FormProof(
        keys,
        (),
        (browser, authorization_request.transaction_id),
        "Nothing was saved. Go back to your app and connect again.",
    )
    return PendingAuthorization(
        authorization_request, browser, client, step, settings.path, forms, organisation, device
    )


async def _require_links(
    db: DbSession, step: AskConsent, links: Sequence[str]
) -> AskConsent | LinkAccount:
    """Return the step that links the first account that is missing or broken, else the given one."""
    person, membership = step.person, step.membership
    linked = {
        account.provider
        for account in await list_linked_accounts(
            db, person.person_id, tenant_id=membership.tenant_id
        )
        if account.broken is None
    }
    for provider in links:
        if provider not in linked:
            return LinkAccount(person, membership, step.memberships, provider)
    return step


async def _find_device(
    request: Request,
    authorization_request: AuthorizationRequest,
    signed_in: SignedIn | None,
    db: DbSession,
    settings: AuthServerSettings,
    now: datetime,
) -> AskingDevice | None:
    device_code_hash = authorization_request.device_code_hash
    if device_code_hash is None:
        return None
    device = await find_device_authorization(db, device_code_hash, now=now)
    if device is None:
        raise PageError(
            "This request has expired",
            "It was already answered, or took too long. Start again on your device.",
            detail="the device authorization is over",
        )
    if signed_in is not None and device.person_id != signed_in.person.person_id:
        raise PageError(
            "Another person entered this code",
            "Only the person who entered a code can approve it. Start again on your device.",
            status=403,
            detail="the device authorization is another person's",
        )
    # A proxy that the settings don't count has one address for everybody.
    is_proxys = not settings.trusted_proxies and "x-forwarded-for" in request.headers
    here, address = address_of(request, settings), "" if is_proxys else device.address
    return AskingDevice(
        device_code_hash,
        asked_at=device.created_at,
        minutes_ago=int((now - device.created_at).total_seconds()) // 60,
        address=address,
        is_near=bool(here) and here == address,
    )


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
    pending = await resolve_pending_authorization(
        request, transaction_id, db, settings, keys, now()
    )
    # It gives its connection back before `record_progress` takes one. Otherwise as many pages at once as there
    # are connections would wait for one another.
    await db.commit()
    return pending


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
