"""For Django: middleware that verifies each request, and a decorator that closes a view to all others.

`settings.py` names the middleware first, and sets `GATEPOST_VERIFIER`.
"""

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

from gatepost_verify.answers import MISSING, Answer, answer, answer_failure
from gatepost_verify.caller import Caller
from gatepost_verify.errors import VerificationFailed
from gatepost_verify.verifier import Verifier
from gatepost_verify.wsgi import ENVIRON_NAME, verify_environ

View = Callable[..., Any]


@sync_and_async_middleware  # type: ignore[untyped-decorator]  # Django has no types
def middleware(get_response: View) -> View:
    """Verify requests that have a `Gatepost-Assertion`, and set `request.gatepost` for all."""
    verifier: Verifier = settings.GATEPOST_VERIFIER

    def verify(request: HttpRequest) -> HttpResponse | None:
        request.gatepost = None
        if ENVIRON_NAME not in request.META:
            return None
        try:
            request.gatepost = _verify(verifier, request)
        except VerificationFailed as failed:
            return _response(answer_failure(failed))
        return None

    if iscoroutinefunction(get_response):

        async def in_loop(request: HttpRequest) -> HttpResponse:
            # Reads the body and perhaps keys, so not in the event loop.
            refusal = await sync_to_async(verify, thread_sensitive=False)(request)
            return refusal or await get_response(request)

        return in_loop

    def blocking(request: HttpRequest) -> HttpResponse:
        return verify(request) or get_response(request)

    return blocking


def current_caller(request: HttpRequest) -> Caller | None:
    """Return the caller, or None if the request did not come through the gateway."""
    caller = getattr(request, "gatepost", None)
    return caller if isinstance(caller, Caller) else None


def require_caller(view: View) -> View:
    """Answer 401 to requests that did not come through the gateway."""
    if iscoroutinefunction(view):

        @wraps(view)
        async def in_loop(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if current_caller(request) is None:
                return _response(answer(401, MISSING))
            return await view(request, *args, **kwargs)

        return in_loop

    @wraps(view)
    def blocking(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if current_caller(request) is None:
            return _response(answer(401, MISSING))
        return view(request, *args, **kwargs)

    return blocking


def _verify(verifier: Verifier, request: HttpRequest) -> Caller | None:
    scope = getattr(request, "scope", None)
    if scope is None:
        # Django has replaced the path by its UTF-8 text.
        return verify_environ(verifier, request.META, request.body, encoding="utf-8")
    query = scope["query_string"].decode("latin-1")
    url = verifier.base_url + scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
    assertion = request.META[ENVIRON_NAME]
    return verifier.verify(assertion, method=request.method, url=url, body=request.body)


def _response(answer: Answer) -> HttpResponse:
    return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))
