"""The routes, and what every request must have: the key, and an assertion that says for whom."""

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from demo_invoicing import records
from demo_invoicing.database import connect
from demo_invoicing.errors import Refused, answer_refusal
from demo_invoicing.forms import FORM, Params, read_params
from demo_invoicing.settings import Settings
from demo_invoicing.tenancy import Tenant
from gatepost_verify import Caller, KeyCache, Verifier
from gatepost_verify.asgi import GatepostMiddleware
from gatepost_verify.keys import Fetch, fetch_jwks

Now = Callable[[], datetime]
Act = Callable[..., records.Record]
_MAX_BODY = 256 << 10
_LONGEST_KEY = 255


def create_app(
    settings: Settings,
    *,
    now: Now = lambda: datetime.now(UTC),
    fetch_jwks: Fetch = fetch_jwks,
) -> Starlette:
    """Create the app for the prepared database at `settings.database`.

    Args:
        settings: see `Settings`.
        now: returns the time.
        fetch_jwks: gets the JSON document at a URL, for the gateway's keys.
    """

    def seconds() -> float:
        return now().timestamp()

    verifier = Verifier(
        issuer=settings.gatepost_issuer,
        audience=settings.public_url,
        base_url=settings.public_url,
        data_kinds=["team"],
        keys=KeyCache(settings.gatepost_jwks_url, fetch=fetch_jwks, now=seconds),
        now=seconds,
    )

    def route(path: str, method: str, act: Act, *, keyed: bool = False) -> Route:
        async def answer(request: Request) -> Response:
            try:
                caller = _require_caller(request, settings)
                params = await _read(request)
                key = _require_key(request) if keyed else None
                status, record = await run_in_threadpool(
                    _act, settings, caller, act, (request, params, key)
                )
            except Refused as refused:
                return answer_refusal(refused)
            return JSONResponse(record, status)

        return Route(path, answer, methods=[method])

    return Starlette(
        routes=[
            Route("/healthz", _answer_health),
            route("/v1/customers", "GET", records.list_customers),
            route("/v1/customers", "POST", records.create_customer),
            route("/v1/customers/{id}", "GET", records.get_customer),
            route("/v1/invoices", "GET", records.list_invoices),
            route("/v1/invoices", "POST", records.create_invoice),
            route("/v1/invoices/{id}", "GET", records.get_invoice),
            route("/v1/invoices/{id}/send", "POST", records.send_invoice),
            route("/v1/invoices/{id}/void", "POST", records.void_invoice),
            route("/v1/payments", "GET", records.list_payments),
            route("/v1/payments", "POST", records.create_payment, keyed=True),
        ],
        middleware=[Middleware(GatepostMiddleware, verifier=verifier, max_body=_MAX_BODY)],
    )


async def _answer_health(_: Request) -> Response:
    return PlainTextResponse("ok")


def _require_caller(request: Request, settings: Settings) -> Caller:
    """Require the key of the calling system, and the assertion that the middleware has verified."""
    key = request.headers.get("x-api-key", "")
    if not secrets.compare_digest(key.encode(), settings.api_key.encode()):
        raise Refused(401, "unauthenticated", "X-Api-Key is missing or wrong.")
    caller = getattr(request.state, "gatepost", None)
    if not isinstance(caller, Caller):
        raise Refused(401, "unauthenticated", "Gatepost-Assertion is missing.")
    return caller


def _require_key(request: Request) -> str:
    key = request.headers.get("idempotency-key", "")
    if not 1 <= len(key) <= _LONGEST_KEY:
        said = "Send Idempotency-Key: a new one for each payment, the same one to try again."
        raise Refused(400, "invalid_request", said, "Idempotency-Key")
    return key


async def _read(request: Request) -> Params:
    if request.method == "GET":
        return read_params(request.url.query)
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != FORM:
        raise Refused(415, "invalid_request", f"Send {FORM}.")
    try:
        return read_params(body.decode())
    except UnicodeDecodeError:
        raise Refused(400, "invalid_request", "The body is not UTF-8.") from None


def _act(
    settings: Settings, caller: Caller, act: Act, given: tuple[Request, Params, str | None]
) -> tuple[int, Any]:
    """Carry out one request in one transaction; a request with a known key gets the former answer."""
    request, params, key = given
    asked = json.dumps([request.url.path, params], sort_keys=True)
    digest = hashlib.sha256(asked.encode()).hexdigest()
    connection = connect(settings.database)
    try:
        # A transaction that writes holds the lock from its begin, so that one of two equal keys waits.
        connection.execute("BEGIN" if request.method == "GET" else "BEGIN IMMEDIATE")
        tenant = Tenant(connection, caller.tenant_id, caller.data_scope.get("team"))
        if key is not None and (known := _find_answer(tenant, key)) is not None:
            if known["request"] != digest:
                said = "Idempotency-Key was used for another request."
                raise Refused(409, "conflict", said, "Idempotency-Key")
            return known["status"], json.loads(known["answer"])
        arguments = [request.path_params["id"]] if request.path_params else [params]
        record = act(tenant, *arguments)
        status = 201 if request.method == "POST" and not request.path_params else 200
        if key is not None:
            tenant.add(
                "idempotency_keys",
                key=key,
                request=digest,
                status=status,
                answer=json.dumps(record),
            )
        connection.execute("COMMIT")
        return status, record
    finally:
        connection.close()  # which rolls back what is not committed


def _find_answer(tenant: Tenant, key: str) -> sqlite3.Row | None:
    return tenant.row("SELECT * FROM idempotency_keys WHERE key = :key", key=key)
