"""The console's page of an organisation's rules for agents."""

from urllib.parse import urlencode

from fastapi import Request
from pydantic import ValidationError
from starlette.responses import Response

from auth_server.administration.errors import Refused, refuse
from auth_server.administration.tenancy.rules import Rules, read_rules, set_rules
from auth_server.administration.tenants import read_tenant
from auth_server.console.frame import CONSOLE, Console, PostedConsole, ShownConsole
from auth_server.db.engine import DbSession
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

PAGE = f"{CONSOLE}/tenant/rules"
router = PageRouter()


@router.get(PAGE)
async def show_rules(request: Request, console: ShownConsole, db: ReadingDb) -> Response:
    """Show the rules."""
    query = read_query(request)
    saved = query.get("saved") == "yes"
    return await _answer(console, db, query.get("tenant") or "", saved=saved)


@router.post(PAGE)
async def put_rules(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """Replace all rules, with immediate effect on every token."""
    console.operator.require("tenants:write")
    tenant_id, lifetime = form.get("tenant") or "", settings.longest_token_lifetime
    try:
        rules = _read(form)
        await set_rules(db, console.operator, tenant_id, rules, lifetime=lifetime, now=now())
    except Refused as refused:
        return await _answer(console, db, tenant_id, given=form, refused=refused)
    return console.lead_back(f"{PAGE}?{urlencode({'tenant': tenant_id, 'saved': 'yes'})}")


def _read(form: Parameters) -> Rules:
    """Read the form, which always has all rules; an empty number means no limit."""
    listed = (form.get("allowed_clients") or "").split()
    given = {
        "required_level": form.get("required_level"),
        "allowed_clients": listed if form.get("clients") == "listed" else None,
        "read_only": form.get("read_only") == "yes",
        "api_keys": form.get("api_keys") == "yes",
        "longest_token_minutes": form.get("longest_token_minutes") or None,
        "longest_grant_days": form.get("longest_grant_days") or None,
        "approval": form.get("approval"),
    }
    try:
        return Rules.model_validate(given)
    except ValidationError as error:
        raise refuse(error) from None


def _write(rules: Rules) -> dict[str, str]:
    """Write the rules as the form has them."""
    clients, days, minutes = (
        rules.allowed_clients,
        rules.longest_grant_days,
        rules.longest_token_minutes,
    )
    admits_keys = clients != () if rules.api_keys is None else rules.api_keys
    return {
        "clients": "any" if clients is None else "listed",
        "allowed_clients": "\n".join(clients or ()),
        "read_only": "yes" if rules.read_only else "",
        "api_keys": "yes" if admits_keys else "",
        "longest_grant_days": "" if days is None else f"{days:g}",
        "longest_token_minutes": "" if minutes is None else f"{minutes:g}",
        "required_level": str(rules.required_level),
        "approval": rules.approval,
    }


async def _answer(
    console: Console,
    db: DbSession,
    tenant_id: str,
    *,
    given: Parameters | None = None,
    saved: bool = False,
    refused: Refused | None = None,
) -> Response:
    rules = await read_rules(db, console.operator, tenant_id)
    return console.answer(
        "console/tenancy/rules.html",
        section="tenants",
        status=400 if refused else 200,
        tenant=await read_tenant(db, console.operator, tenant_id),
        shown=_write(rules) if given is None else given,
        saved=saved,
        refused=refused,
    )
