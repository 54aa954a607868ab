"""For Flask: `init_app` verifies each request, `require_caller` closes a view to all others."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Flask, Response, current_app, g, request

from gatepost_verify.answers import MISSING, Answer, answer, answer_failure
from gatepost_verify.caller import Caller
from gatepost_verify.errors import VerificationFailed
from gatepost_verify.verifier import Verifier
from gatepost_verify.wsgi import ENVIRON_NAME, verify_environ

P = ParamSpec("P")
R = TypeVar("R")


def init_app(app: Flask, verifier: Verifier) -> None:
    """Verify each request of an app that has a `Gatepost-Assertion`, before its view."""

    @app.before_request
    def verify() -> Response | None:
        g.gatepost = None
        if ENVIRON_NAME not in request.environ:
            return None
        # Kept by Flask, so that the view reads it again, also as a form.
        body = request.get_data(cache=True)
        try:
            g.gatepost = verify_environ(verifier, request.environ, body)
        except VerificationFailed as failed:
            return _response(answer_failure(failed))
        return None


def current_caller() -> Caller | None:
    """Return the caller, or None if the request did not come through the gateway."""
    caller = g.get("gatepost")
    return caller if isinstance(caller, Caller) else None


def require_caller(view: Callable[P, R]) -> Callable[P, R | Response]:
    """Answer 401 to requests that did not come through the gateway. Put it below the route."""

    @wraps(view)
    def closed(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        if current_caller() is None:
            return _response(answer(401, MISSING))
        result: R = current_app.ensure_sync(view)(*args, **kwargs)
        return result

    return closed


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, list(answer.headers))
