"""FastAPI, Flask and Django apps with the package's adapters, called as a gateway calls them."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
import flask
import httpx2
import pytest
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.test.utils import override_settings
from django.urls import path, re_path
from fastapi import FastAPI, Form
from fastapi import Request as FastApiRequest

from gatepost_verify import Verifier
from gatepost_verify import django as for_django
from gatepost_verify import flask as for_flask
from gatepost_verify.fastapi import GatepostCaller, GatepostMiddleware, current_caller
from packages.conftest import BASE, Gateway

Ask = Callable[..., Awaitable[httpx2.Response]]


def with_fastapi(verifier: Verifier) -> Any:
    """An app that reads JSON, forms and nothing."""
    app = FastAPI()
    app.add_middleware(GatepostMiddleware, verifier=verifier, max_body=100_000)

    @app.post("/form")
    async def form(caller: GatepostCaller, name: str = Form()) -> dict[str, Any]:
        return {"person": caller.person, "body": name}

    @app.post("/json")
    async def read_json(caller: GatepostCaller, body: dict[str, Any]) -> dict[str, Any]:
        return {"person": caller.person, "body": body}

    @app.get("/v1/{name:path}")
    def read(caller: GatepostCaller) -> dict[str, Any]:
        return {"person": caller.person, "body": None}

    @app.get("/open")
    def everybody(request: FastApiRequest) -> dict[str, Any]:
        caller = current_caller(request)
        return {"person": caller and caller.person, "body": None}

    return app


def with_flask(verifier: Verifier) -> Any:
    """An app that reads JSON, forms and nothing."""
    app = flask.Flask(__name__)
    for_flask.init_app(app, verifier)

    def answer(body: object) -> dict[str, Any]:
        caller = for_flask.current_caller()
        return {"person": caller and caller.person, "body": body}

    @app.post("/form")
    @for_flask.require_caller
    def form() -> dict[str, Any]:
        return answer(flask.request.form["name"])

    @app.post("/json")
    @for_flask.require_caller
    def read_json() -> dict[str, Any]:
        return answer(flask.request.json)

    @app.get("/v1/<path:name>")
    @for_flask.require_caller
    def read(name: str) -> dict[str, Any]:
        return answer(None)

    @app.get("/open")
    def everybody() -> dict[str, Any]:
        return answer(None)

    return app


def _answer(request: HttpRequest, body: object) -> JsonResponse:
    caller = for_django.current_caller(request)
    return JsonResponse({"person": caller and caller.person, "body": body})


@for_django.require_caller
def _form(request: HttpRequest) -> JsonResponse:
    return _answer(request, request.POST["name"])


@for_django.require_caller
async def _json(request: HttpRequest) -> JsonResponse:
    return _answer(request, json.loads(request.body))


@for_django.require_caller
def _read(request: HttpRequest, name: str) -> JsonResponse:
    return _answer(request, None)


urlpatterns = [
    path("form", _form),
    path("json", _json),
    re_path(r"^v1/(?P<name>.*)$", _read),
    path("open", lambda request: _answer(request, None)),
]
if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        DEBUG=False,
        ROOT_URLCONF=__name__,
        MIDDLEWARE=["gatepost_verify.django.middleware"],
    )
    django.setup(set_prefix=False)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve a WSGI app, because the paths of a real server are what matters."""
    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@pytest.fixture(params=["fastapi", "flask", "django-wsgi", "django-asgi"])
async def ask(request: pytest.FixtureRequest, gateway: Gateway) -> AsyncIterator[Ask]:
    """Send a request to an app of each framework."""
    verifier = gateway.verifier()
    transport: httpx2.AsyncBaseTransport | None = None
    base = BASE
    with ExitStack() as stack:
        stack.enter_context(override_settings(GATEPOST_VERIFIER=verifier))
        match request.param:
            case "fastapi":
                transport = httpx2.ASGITransport(with_fastapi(verifier))
            case "django-asgi":
                transport = httpx2.ASGITransport(ASGIHandler())
            case "flask":
                base = stack.enter_context(served(with_flask(verifier)))
            case _:
                base = stack.enter_context(served(WSGIHandler()))
        async with httpx2.AsyncClient(transport=transport, base_url=base) as client:
            yield client.request


def refused(answer: httpx2.Response) -> str:
    """The words of a refusal."""
    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"] == "Gatepost-Assertion"
    return str(answer.json()["detail"])


async def test_an_api_knows_who_calls(ask: Ask, gateway: Gateway) -> None:
    target = "/v1/a%2Fb%20c/%C3%BC?q=team%20page%20%26&empty="
    answer = await ask("GET", target, headers=gateway.headers("GET", target))
    assert answer.json() == {"person": "usr_ada", "body": None}


async def test_an_api_reads_the_body_that_was_verified(ask: Ask, gateway: Gateway) -> None:
    for target, body, kind, read in (
        ("/json", b'{"title": "Call Northwind"}', "json", {"title": "Call Northwind"}),
        ("/form", b"name=Ada+Marsh", "x-www-form-urlencoded", "Ada Marsh"),
    ):
        headers = gateway.headers("POST", target, body)
        headers["Content-Type"] = f"application/{kind}"
        answer = await ask("POST", target, content=body, headers=headers)
        assert answer.json() == {"person": "usr_ada", "body": read}


async def test_every_refusal_says_the_same_a253(ask: Ask, gateway: Gateway) -> None:
    signed = gateway.headers("GET", "/v1/tasks")
    said = {
        refused(await ask("GET", "/v1/tasks?all=1", headers=gateway.headers("GET", "/v1/tasks"))),
        refused(await ask("GET", "/v1/members", headers=gateway.headers("GET", "/v1/tasks"))),
        refused(await ask("POST", "/json", headers=gateway.headers("GET", "/json"))),
        refused(
            await ask("POST", "/json", content=b"{}", headers=gateway.headers("POST", "/json"))
        ),
        refused(await ask("GET", "/open", headers={"Gatepost-Assertion": "x"})),
        refused(await ask("GET", "/open", headers={"Gatepost-Assertion": ""})),
        refused(await ask("GET", "/v1/tasks", headers=[*signed.items(), *signed.items()])),
    }
    assert len(said) == 1


async def test_an_assertion_works_once(ask: Ask, gateway: Gateway) -> None:
    headers = gateway.headers("GET", "/v1/tasks")
    assert (await ask("GET", "/v1/tasks", headers=headers)).status_code == 200
    refused(await ask("GET", "/v1/tasks", headers=headers))


async def test_a_restriction_that_the_api_does_not_enforce_is_refused_a257(
    ask: Ask, gateway: Gateway
) -> None:
    headers = gateway.headers("GET", "/v1/tasks", data_scope="team:design")
    answer = await ask("GET", "/v1/tasks", headers=headers)
    assert answer.status_code == 403
    assert "restricted" in answer.json()["detail"]


async def test_a_body_above_the_limit_is_refused(gateway: Gateway) -> None:
    body = b'{"title": "' + b"x" * 100_000 + b'"}'
    app = with_fastapi(gateway.verifier())
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=BASE) as client:
        headers = gateway.headers("POST", "/json", body)
        answer = await client.post("/json", content=body, headers=headers)
    assert answer.status_code == 413
    assert answer.json()["detail"] == "Send at most 100000 bytes."


async def test_a_request_without_an_assertion_reaches_only_what_needs_no_caller(ask: Ask) -> None:
    assert (await ask("GET", "/open")).json() == {"person": None, "body": None}
    assert "through the Gatepost gateway" in refused(await ask("GET", "/v1/tasks"))
    assert "through the Gatepost gateway" in refused(await ask("POST", "/json", content=b"{}"))
