"""POST /internal/approvals."""

from fastapi import Request
from pydantic import ValidationError
from starlette.responses import Response

from auth_server.client_authentication.authenticate import Authenticator
from auth_server.errors import InvalidRequest
from auth_server.gateway_api.posted_json import read_posted_json
from auth_server.tenancy.call_approvals import ask_for_approval
from auth_server.web.dependencies import Clock, KeysInUse, Transaction
from auth_server.web.routing import MachineRouter
from gatepost.approvals import APPROVALS_PATH, ApprovableCall, ApprovalAnswer

router = MachineRouter()
_LIMIT = 128 * 1024


@router.post(APPROVALS_PATH)
async def take_call(
    request: Request,
    authenticator: Authenticator,
    transaction: Transaction,
    keys: KeysInUse,
    now: Clock,
) -> Response:
    """Tell a gateway whether an admin approved a call, and ask the admins if nobody did yet."""
    body, resource = await read_posted_json(request, authenticator, limit=_LIMIT)
    try:
        call = ApprovableCall.model_validate(body.get("call"))
    except ValidationError as problem:
        first = problem.errors(include_input=False)[0]
        place = ".".join(map(str, ("call", *first["loc"])))
        raise InvalidRequest(f"{place}: {first['msg']}"[:300].replace('"', "'")) from None
    async with transaction() as db:
        state = await ask_for_approval(db, call, resource=resource, keys=keys, now=now())
    headers = {"Cache-Control": "no-store"}
    answer = ApprovalAnswer(state=state).model_dump_json()
    return Response(answer, media_type="application/json", headers=headers)
