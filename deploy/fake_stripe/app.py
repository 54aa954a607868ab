"""The HTTP interface of the fake: Stripe's API, the pages, and the switches of the tests and the demo."""

import asyncio
import json
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from fake_stripe import catalog, metering, pages, payments
from fake_stripe.account import Account, Object, visible
from fake_stripe.errors import StripeError
from fake_stripe.form import Params, parse_form
from fake_stripe.switches import switch_routes
from fake_stripe.webhooks import Post, deliver, snapshot, thin

SESSION = frozenset(
    {
        "mode", "customer", "client_reference_id", "metadata", "subscription_data", "line_items",
        "success_url", "cancel_url", "allow_promotion_codes", "automatic_tax", "locale",
        "payment_intent_data",
    }
)  # fmt: skip
PORTAL = frozenset({"customer", "return_url", "configuration", "locale"})

Work = Callable[[Account, Params, dict[str, str]], Object | Awaitable[Object]]


def create_app(account: Account, post: Post | None = None) -> Starlette:
    """Make the app; with `post`, events are delivered as soon as they happen.

    Args:
        account: the account that it serves.
        post: delivers the events; without it, a test delivers them itself.
    """
    running: set[asyncio.Task[Any]] = set()

    def deliver_soon() -> None:
        if post is not None and account.outbox:
            task = asyncio.create_task(deliver(account, post))
            running.add(task)
            task.add_done_callback(running.discard)

    def api(path: str, method: str, work: Work, known: frozenset[str] = frozenset()) -> Route:
        async def endpoint(request: Request) -> Response:
            response = await _call(account, request, work, known)
            deliver_soon()
            return response

        return Route(path, endpoint, methods=[method])

    async def checkout_page(request: Request) -> Response:
        session = account.find("checkout.session", request.path_params["key"])
        if request.method == "GET":
            return HTMLResponse(pages.show_checkout(account, session))
        form = parse_form((await request.body()).decode())
        try:
            action, value = form.get("action", ""), form.get("value", "")
            url = pages.answer_checkout(account, session, action, value)
        except StripeError as error:
            return HTMLResponse(pages.show_checkout(account, session, str(error)), error.status)
        deliver_soon()
        return RedirectResponse(url, 303)

    async def portal_page(request: Request) -> Response:
        session = account.find("billing_portal.session", request.path_params["key"])
        if request.method == "POST":
            form = parse_form((await request.body()).decode())
            action, value = form.get("action", ""), form.get("value", "")
            pages.answer_portal(account, session, action, value)
            deliver_soon()
            return RedirectResponse(str(request.url), 303)
        return HTMLResponse(pages.show_portal(account, session))

    async def refuse(_: Request, error: Exception) -> Response:
        assert isinstance(error, StripeError)  # noqa: S101 - the handler is registered for it
        return _refusal(error)

    routes = [
        api("/v1/products", "POST", lambda a, p, _: catalog.create_product(a, p), catalog.PRODUCT),
        api("/v1/products/{key}", "GET", lambda a, _, at: a.find("product", at["key"])),
        api("/v1/products/{key}", "POST", _update("product"), catalog.PRODUCT),
        api("/v1/prices", "POST", lambda a, p, _: catalog.create_price(a, p), catalog.PRICE),
        api("/v1/prices", "GET", lambda a, p, _: _list(catalog.find_prices(a, p))),
        api("/v1/prices/{key}", "POST", _update("price"), frozenset({"active", "metadata"})),
        api(
            "/v1/billing/meters", "POST", lambda a, p, _: catalog.create_meter(a, p), catalog.METER
        ),
        api("/v1/billing/meters", "GET", lambda a, _p, _: _list(a.every("billing.meter"))),
        api(
            "/v1/billing/meters/{key}/event_summaries",
            "GET",
            lambda a, p, at: _list(metering.summarize(a, at["key"], p)),
        ),
        api(
            "/v1/billing/meter_events",
            "POST",
            lambda a, p, _: metering.create_meter_event(a, p),
            metering.METER_EVENT,
        ),
        api(
            "/v1/customers", "POST", lambda a, p, _: catalog.create_customer(a, p), catalog.CUSTOMER
        ),
        api("/v1/customers/{key}", "GET", lambda a, _, at: a.find("customer", at["key"])),
        api("/v1/checkout/sessions", "POST", _create_session, SESSION),
        api("/v1/checkout/sessions", "GET", _list_sessions),
        api("/v1/checkout/sessions/{key}", "GET", _show_session),
        api("/v1/checkout/sessions/{key}/expire", "POST", _expire_session),
        api("/v1/billing_portal/sessions", "POST", _create_portal_session, PORTAL),
        api("/v1/subscriptions", "GET", _list_subscriptions),
        api("/v1/subscriptions/{key}", "GET", lambda a, _, at: a.find("subscription", at["key"])),
        api(
            "/v1/invoices",
            "GET",
            lambda a, p, _: _list(a.every("invoice", customer=p.get("customer"))),
        ),
        api("/v1/payment_intents", "GET", _list_payments),
        api(
            "/v1/payment_intents/{key}", "GET", lambda a, _, at: a.find("payment_intent", at["key"])
        ),
        api("/v1/charges/{key}", "GET", lambda a, _, at: a.find("charge", at["key"])),
        api("/v1/disputes/{key}", "GET", lambda a, _, at: a.find("dispute", at["key"])),
        api("/v1/refunds", "POST", lambda a, p, _: payments.create_refund(a, p), payments.REFUND),
        api("/v1/events/{key}", "GET", lambda a, _, at: snapshot(_event(a, at["key"]))),
        api("/v2/core/events/{key}", "GET", lambda a, _, at: thin(_event(a, at["key"]))),
        Route("/checkout/{key}", checkout_page, methods=["GET", "POST"]),
        Route("/portal/{key}", portal_page, methods=["GET", "POST"]),
        *switch_routes(account, deliver_soon),
    ]
    return Starlette(routes=routes, exception_handlers={StripeError: refuse})


async def _call(account: Account, request: Request, work: Work, known: frozenset[str]) -> Response:
    """Authenticate, remember the answer under the idempotency key, and apply the faults."""
    _authenticate(account, request)
    body = await request.body()
    fault = _take_fault(account, request.url.path)
    if fault == "refused":
        return _unavailable()
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    asked = (request.url.path, body)
    if key is not None and key in account.answers:
        before, status, answer = account.answers[key]
        if before != asked:
            raise StripeError(
                "Keys for idempotent requests can only be used with the same parameters they were "
                "first used with.",
                kind="idempotency_error",
            )
        headers = {"Idempotent-Replayed": "true", "Stripe-Should-Retry": "false"}
        return JSONResponse(answer, status, headers=headers)
    params = parse_form(request.url.query if request.method == "GET" else body.decode())
    try:
        if request.method == "POST" and (unknown := params.keys() - known - {"expand"}):
            name = min(unknown)
            raise StripeError(
                f"Received unknown parameter: {name}", code="parameter_unknown", param=name
            )
        made = work(account, params, request.path_params)
        response = JSONResponse(visible(await made if isinstance(made, Awaitable) else made))
    except StripeError as error:
        response = _refusal(error)
    except KeyError as error:
        name = str(error.args[0])
        response = _refusal(StripeError(f"Missing required param: {name}.", param=name))
    if fault == "error":
        response = JSONResponse({"error": {"type": "api_error", "message": "Internal"}}, 500)
    # An answer is kept only if the endpoint ran; a rate limit did not let it.
    if key is not None and response.status_code != 429:
        account.answers[key] = (asked, response.status_code, json.loads(bytes(response.body)))
    if fault == "hang":
        await asyncio.sleep(account.faults.hang_seconds)
    return _unavailable() if fault == "lost" else response


def _authenticate(account: Account, request: Request) -> None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            value = b64decode(value).decode().removesuffix(":")
        except (NotBase64, UnicodeDecodeError):
            value = ""
    if value != account.secret_key:
        raise StripeError("Invalid API Key provided.", status=401)


def _take_fault(account: Account, path: str) -> str:
    for place, (kind, start) in enumerate(account.faults.calls):
        if path.startswith(start):
            del account.faults.calls[place]
            return kind
    return ""


def _unavailable() -> Response:
    error = {"type": "api_error", "message": "Service unavailable"}
    return JSONResponse({"error": error}, 503, headers={"Stripe-Should-Retry": "true"})


def _refusal(error: StripeError) -> JSONResponse:
    headers = {} if error.retry is None else {"Stripe-Should-Retry": str(error.retry).lower()}
    return JSONResponse(error.body, error.status, headers=headers)


def _list(found: Any) -> Object:
    return {"object": "list", "data": list(found), "has_more": False, "url": "/v1"}


def _event(account: Account, key: str) -> Object:
    for event in account.events:
        if event["id"] == key:
            return event
    raise StripeError(f"No such event: '{key}'", status=404, code="resource_missing")


def _update(kind: str) -> Work:
    def update(account: Account, params: Params, at: dict[str, str]) -> Object:
        found = account.find(kind, at["key"])
        if "active" in params:
            params["active"] = params["active"] == "true"
        found.update({**params, "metadata": {**found["metadata"], **params.get("metadata", {})}})
        return found

    return update


def _create_session(account: Account, params: Params, _: dict[str, str]) -> Object:
    catalog.find_customer(account, params.get("customer"))
    if params.get("mode") == "payment":
        name, amount, currency = payments.read_payment_line(params)
        return _add_session(
            account,
            params,
            amount_total=amount,
            currency=currency,
            payment_intent=None,
            _line=name,
            _payment_intent_data=params.get("payment_intent_data", {}),
        )
    if params.get("mode") != "subscription":
        raise StripeError("This mode is not imitated.", param="mode")
    prices: list[tuple[str, int | None]] = []
    for line in params.get("line_items", ()):
        price = account.find("price", line.get("price", ""))
        metered = price["recurring"]["usage_type"] == "metered"
        if metered == ("quantity" in line):
            wrong = "should not be defined for metered prices" if metered else "is required"
            raise StripeError(f"Quantity {wrong}.", param="line_items[0][quantity]")
        if not account.find("product", price["product"])["active"]:
            raise StripeError(
                f"The price `{price['id']}` is inactive because its product is inactive.",
                param="line_items[0][price]",
            )
        prices.append((price["id"], None if metered else int(line["quantity"])))
    if not prices:
        raise StripeError("line_items is required.", param="line_items")
    return _add_session(
        account,
        params,
        subscription=None,
        _prices=prices,
        _subscription_data=params.get("subscription_data", {}),
    )


def _add_session(account: Account, params: Params, **members: Any) -> Object:
    session = account.add(
        "checkout.session",
        "cs_test",
        mode=params["mode"],
        status="open",
        payment_status="unpaid",
        customer=params["customer"],
        client_reference_id=params.get("client_reference_id"),
        metadata=params.get("metadata", {}),
        success_url=params["success_url"],
        cancel_url=params.get("cancel_url"),
        **members,
    )
    session["url"] = f"{account.url}/checkout/{session['id']}"
    return session


def _list_payments(account: Account, params: Params, _: dict[str, str]) -> Object:
    """List payments in pages, the newest first: 10 of them, or up to 100 by `limit`."""
    found, after = payments.list_payments(account, params), params.get("starting_after")
    keys = [one["id"] for one in found]
    begin = keys.index(after) + 1 if after in keys else 0
    end = begin + min(int(params.get("limit", 10)), 100)
    return {**_list(found[begin:end]), "has_more": end < len(found), "url": "/v1/payment_intents"}


def _list_sessions(account: Account, params: Params, _: dict[str, str]) -> Object:
    wanted = {name: params[name] for name in ("customer", "status") if name in params}
    return _list(account.every("checkout.session", **wanted))


def _show_session(account: Account, _: Params, at: dict[str, str]) -> Object:
    return account.find("checkout.session", at["key"])


def _expire_session(account: Account, _: Params, at: dict[str, str]) -> Object:
    session = account.find("checkout.session", at["key"])
    if session["status"] != "open":
        raise StripeError("Only open sessions can be expired.")
    session.update(status="expired", url=None)
    account.tell("checkout.session.expired", session)
    return session


def _create_portal_session(account: Account, params: Params, _: dict[str, str]) -> Object:
    catalog.find_customer(account, params.get("customer"))
    session = account.add(
        "billing_portal.session",
        "bps",
        customer=params["customer"],
        return_url=params.get("return_url", ""),
    )
    session["url"] = f"{account.url}/portal/{session['id']}"
    return session


def _list_subscriptions(account: Account, params: Params, _: dict[str, str]) -> Object:
    status, customer = params.get("status", ""), params.get("customer")
    return _list(
        one
        for one in account.every("subscription")
        if (customer is None or one["customer"] == customer)
        and (
            status == "all" or (one["status"] == status if status else one["status"] != "canceled")
        )
    )
