"""POST /internal/gateways."""

from fastapi import Request
from pydantic import ValidationError
from starlette.responses import Response

from auth_server.client_authentication.authenticate import Authenticator
from auth_server.errors import InvalidRequest
from auth_server.gateway_api.posted_json import read_posted_json
from auth_server.records.gateways.store import drop_report, put_report
from auth_server.records.gateways.table import ReportedGateway
from auth_server.web.dependencies import Clock, Transaction
from auth_server.web.routing import MachineRouter
from gatepost.health import REPORTS_PATH, GatewayReport

router = MachineRouter()
_LIMIT = 128 * 1024


@router.post(REPORTS_PATH, status_code=204)
async def take_report(
    request: Request, authenticator: Authenticator, transaction: Transaction, now: Clock
) -> Response:
    """Store the state of one process of a gateway, for operators; forget a process that stops."""
    body, resource = await read_posted_json(request, authenticator, limit=_LIMIT)
    try:
        report = GatewayReport.model_validate(body.get("report"))
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(map(str, ("report", *first["loc"])))
        raise InvalidRequest(f"{place}: {first['msg']}"[:300].replace('"', "'")) from None
    async with transaction() as db:
        if report.stopping:
            await drop_report(db, report.instance, resource)
        else:
            row = ReportedGateway(
                instance=report.instance,
                resource=resource,
                report=report.model_dump(mode="json"),
                reported_at=now(),
            )
            await put_report(db, row)
    return Response(status_code=204, headers={"Cache-Control": "no-store"})
