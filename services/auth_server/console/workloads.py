"""The console's forms for the workloads that act as an app, on the app's page."""

from typing import Any

from pydantic import ValidationError
from starlette.responses import Response

from auth_server.administration.errors import Refused, refuse
from auth_server.administration.services.workloads import (
    NewWorkload,
    end_workload,
    parse_claims,
    trust_workload,
)
from auth_server.console.clients import PAGE, Done, answer_client, lead_back
from auth_server.console.frame import PostedConsole
from auth_server.web.dependencies import Clock, Db, SecretMaker, Settings
from auth_server.web.forms import Parameters
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()


@router.post(f"{PAGE}/workloads")
async def add_workload(
    console: PostedConsole,
    form: Form,
    db: Db,
    settings: Settings,
    now: Clock,
    new_secret: SecretMaker,
) -> Response:
    """Let a workload act as an app."""
    console.operator.require("clients:write")
    client_id = form.get("client") or ""
    try:
        await trust_workload(
            db,
            console.operator,
            client_id,
            _read(form),
            workload_id=f"workload_{new_secret()[:16]}",
            issuer=settings.issuer,
            allow_loopback=not settings.secure,
            now=now(),
        )
    except Refused as refused:
        return await answer_client(
            console, db, settings, now, client_id, Done(refused=refused, given=form)
        )
    return lead_back(console, client_id)


@router.post(f"{PAGE}/workloads/delete")
async def delete_workload(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """Let a workload no longer act as an app."""
    client_id, workload_id = form.get("client") or "", form.get("workload") or ""
    lifetime = settings.longest_token_lifetime
    await end_workload(db, console.operator, client_id, workload_id, lifetime=lifetime, now=now())
    return lead_back(console, client_id)


def _read(form: Parameters) -> NewWorkload:
    lines = (form.get("claims") or "").splitlines()
    given: dict[str, Any] = {
        **{name: (form.get(name) or "").strip() for name in ("issuer", "jwks_uri", "audience")},
        "subject": (form.get("subject") or "").strip(),
        "claims": parse_claims(line for line in lines if line.strip()),
    }
    try:
        return NewWorkload.model_validate(given)
    except ValidationError as error:
        raise refuse(error) from None
