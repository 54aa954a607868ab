"""Read and set cookies for the browser, its session, the people it knows, and the language."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from auth_server.rendering.languages import parse_accept_language
from auth_server.settings import AuthServerSettings


def _name(settings: AuthServerSettings, name: str) -> str:
    # `__Host-` cookies can't be set from a sibling subdomain or over http. Only loopback uses http.
    return f"__Host-gatepost_{name}" if settings.secure else f"gatepost_{name}"


def read_browser(request: Request, settings: AuthServerSettings) -> str | None:
    """Read the secret that binds authorization requests and forms to this browser."""
    return request.cookies.get(_name(settings, "browser"))


def read_session(request: Request, settings: AuthServerSettings) -> str | None:
    """Read the secret of the sign-in session."""
    return request.cookies.get(_name(settings, "session"))


def read_languages(request: Request, settings: AuthServerSettings) -> list[str]:
    """List the languages for the response, preferred first.

    They come from `ui_locales` of this or an earlier request (OpenID Connect Core §3.1.2.1), then
    from `Accept-Language`.
    """
    asked = request.query_params.get("ui_locales", "")
    kept = request.cookies.get(_name(settings, "language"), "")
    accepted = parse_accept_language(request.headers.get("accept-language", ""))
    return [*asked.split()[:20], *kept.split()[:1], *accepted]


def set_language(response: Response, settings: AuthServerSettings, language: str) -> None:
    """Store the language chosen by `ui_locales`, for the pages that follow."""
    _set(response, settings, "language", language, lifetime=None)


def language_cookie(settings: AuthServerSettings, language: str) -> str:
    """Return the header's value that `set_language` adds to a response."""
    response = Response()
    set_language(response, settings, language)
    return response.headers["Set-Cookie"]


def read_known(request: Request, settings: AuthServerSettings) -> str | None:
    """Read the cookie that proves who signed in with this browser before."""
    return request.cookies.get(_name(settings, "known"))


def set_known(response: Response, settings: AuthServerSettings, known: str) -> None:
    """Store who signed in with this browser, for 180 days from now."""
    _set(response, settings, "known", known, lifetime=timedelta(days=180))


def set_browser(response: Response, settings: AuthServerSettings, secret: str) -> None:
    """Store the browser's secret until the browser is closed."""
    _set(response, settings, "browser", secret, lifetime=None)


def set_session(
    response: Response, settings: AuthServerSettings, secret: str, lifetime: timedelta
) -> None:
    """Sign this browser in."""
    _set(response, settings, "session", secret, lifetime=lifetime)


def clear_session(response: Response, settings: AuthServerSettings) -> None:
    """Sign this browser out."""
    _set(response, settings, "session", "", lifetime=timedelta(0))


def _set(
    response: Response,
    settings: AuthServerSettings,
    name: str,
    value: str,
    *,
    lifetime: timedelta | None,
) -> None:
    # Lax, not Strict: when a client navigates to /authorize, the session cookie must be sent.
    response.set_cookie(
        _name(settings, name),
        value,
        max_age=None if lifetime is None else int(lifetime.total_seconds()),
        path="/",
        secure=settings.secure,
        httponly=True,
        samesite="lax",
    )
