"""The switches of tests and the demo: a page that lets time pass, the clock, and the faults."""

from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from fake_stripe.account import Account
from fake_stripe.form import parse_form
from fake_stripe.pages import STEPS, answer_home, show_home
from fake_stripe.subscriptions import advance


def switch_routes(account: Account, deliver_soon: Callable[[], None]) -> list[Route]:
    """Make the routes; `deliver_soon` delivers the events of what has just happened."""

    def let_pass(time: timedelta) -> None:
        account.offset += time
        advance(account)
        deliver_soon()

    async def home(request: Request) -> Response:
        if request.method == "GET":
            return HTMLResponse(show_home(account))
        form = parse_form((await request.body()).decode())
        action, value = form.get("action", ""), form.get("value", "")
        if action == "advance" and value in STEPS:
            let_pass(timedelta(days=int(value)))
        else:
            answer_home(account, action, value)
            deliver_soon()
        return RedirectResponse("/", 303)

    async def advance_time(request: Request) -> Response:
        let_pass(timedelta(seconds=float((await request.json())["seconds"])))
        return JSONResponse({"time": account.time()})

    async def switch_faults(request: Request) -> Response:
        wanted = await request.json()
        for switch in fields(account.faults):
            if switch.name in wanted and switch.name != "summary_lag":
                setattr(account.faults, switch.name, wanted[switch.name])
        return JSONResponse({})

    return [
        Route("/", home, methods=["GET", "POST"]),
        Route("/_fake/advance", advance_time, methods=["POST"]),
        Route("/_fake/faults", switch_faults, methods=["POST"]),
    ]
