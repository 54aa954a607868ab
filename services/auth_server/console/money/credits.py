"""The console's page of a tenant's credit and spend cap."""

from datetime import datetime
from urllib.parse import urlencode

from fastapi import Request
from pydantic import ValidationError
from starlette.responses import Response

from auth_server.administration.errors import Refused, refuse
from auth_server.administration.money.credits import (
    NewCap,
    NewCredit,
    grant_credit,
    new_credit_id,
    read_credits,
    read_spend_cap,
    remove_spend_cap,
    revoke_credit,
    set_spend_cap,
)
from auth_server.administration.paging import read_instant
from auth_server.administration.tenants import read_tenant
from auth_server.console.frame import CONSOLE, Console, PostedConsole, ShownConsole
from auth_server.db.engine import DbSession
from auth_server.settings import AuthServerSettings
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

PAGE = f"{CONSOLE}/tenant/credit"
router = PageRouter()


@router.get(PAGE)
async def show_credit(
    request: Request, console: ShownConsole, db: ReadingDb, settings: Settings, now: Clock
) -> Response:
    """List a tenant's credits, and show its spend cap."""
    return await _answer(console, db, settings, read_query(request), now())


@router.post(PAGE)
async def give(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """Give credit."""
    console.operator.require("billing:write")
    at = now()
    try:
        await grant_credit(
            db,
            console.operator,
            form.get("tenant") or "",
            _read(form),
            credit_id=new_credit_id(),
            admitted=settings.admits_credit,
            now=at,
        )
    except Refused as refused:
        return await _answer(console, db, settings, form, at, refused=refused)
    return _lead_back(console, form)


@router.post(f"{PAGE}/revoke")
async def take_back(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """Take the rest of a credit back."""
    at, reason = now(), (form.get("reason") or "").strip()
    try:
        await revoke_credit(
            db,
            console.operator,
            form.get("credit") or "",
            tenant_id=form.get("tenant") or "",
            reason=reason,
            now=at,
        )
    except Refused as refused:
        return await _answer(console, db, settings, form, at, refused=refused)
    return _lead_back(console, form)


@router.post(f"{PAGE}/cap")
async def change_cap(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """Set or remove the spend cap."""
    tenant_id, at = form.get("tenant") or "", now()
    try:
        if form.get("remove") == "yes":
            await remove_spend_cap(db, console.operator, tenant_id, now=at)
        else:
            amount = (form.get("cap") or "").strip()[:30]
            new = NewCap(amount=amount, hard=form.get("kind") != "soft")
            await set_spend_cap(db, console.operator, tenant_id, new, now=at)
    except Refused as refused:
        return await _answer(console, db, settings, form, at, refused=refused)
    return _lead_back(console, form)


def _read(form: Parameters) -> NewCredit:
    day = form.get("expires") or ""
    expires = read_instant(f"{day}T00:00+00:00") if day else None
    if day and expires is None:
        raise Refused("expires_at", "must be a day such as 2027-01-31")
    given = {name: (form.get(name) or "").strip() for name in ("amount", "currency", "reason")}
    try:
        return NewCredit.model_validate({**given, "expires_at": expires})
    except ValidationError as error:
        raise refuse(error) from None


def _lead_back(console: Console, form: Parameters) -> Response:
    kept = {"tenant": form.get("tenant") or "", "saved": "yes"}
    return console.lead_back(f"{PAGE}?{urlencode(kept)}")


async def _answer(
    console: Console,
    db: DbSession,
    settings: AuthServerSettings,
    given: Parameters,
    now: datetime,
    *,
    refused: Refused | None = None,
) -> Response:
    tenant_id = given.get("tenant") or ""
    return console.answer(
        "console/money/credit.html",
        section="tenants",
        status=400 if refused else 200,
        tenant=await read_tenant(db, console.operator, tenant_id),
        credits=await read_credits(db, console.operator, tenant_id),
        cap=await read_spend_cap(db, console.operator, tenant_id),
        admitted=settings.admits_credit,
        now=now,
        given=given if refused else None,
        saved=given.get("saved") == "yes",
        refused=refused,
    )
