"""The browser's cookies: which browser this is, who is or was signed in there, what they read."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from auth_server.rendering.languages import parse_accept_language
from auth_server.settings import AuthServerSettings


def _name(settings: AuthServerSettings, name: str) -> str:
    # `__Host-` can't be set from a sibling subdomain or over http; an http issuer is loopback only.
    return f"__Host-gatepost_{name}" if settings.secure else f"gatepost_{name}"


def read_browser(request: Request, settings: AuthServerSettings) -> str | None:
    """Read the secret that binds transactions and forms to this browser."""
    return request.cookies.get(_name(settings, "browser"))


def read_session(request: Request, settings: AuthServerSettings) -> str | None:
    """Read the secret of the sign-in session."""
    return request.cookies.get(_name(settings, "session"))


def read_languages(request: Request, settings: AuthServerSettings) -> list[str]:
    """List the languages to answer in, the preferred first.

    They are those of `ui_locales` (OpenID Connect Core §3.1.2.1), of this request or the one that
    began here, then those of `Accept-Language`.
    """
    asked = request.query_params.get("ui_locales", "")
    kept = request.cookies.get(_name(settings, "language"), "")
    accepted = parse_accept_language(request.headers.get("accept-language", ""))
    return [*asked.split()[:20], *kept.split()[:1], *accepted]


def set_language(response: Response, settings: AuthServerSettings, language: str) -> None:
    """Keep what an app asked for in `ui_locales`, for the pages that follow."""
    _set(response, settings, "language", language, lifetime=None)


def read_known(request: Request, settings: AuthServerSettings) -> str | None:
    """Read what says who has signed in in this browser before."""
    return request.cookies.get(_name(settings, "known"))


def set_known(response: Response, settings: AuthServerSettings, known: str) -> None:
    """Remember who has signed in in this browser; counted from the last time."""
    _set(response, settings, "known", known, lifetime=timedelta(days=180))


def set_browser(response: Response, settings: AuthServerSettings, secret: str) -> None:
    """Name this browser, for as long as it stays open."""
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
    # Lax, not Strict: the client's own navigation to /authorize must find the person signed in.
    response.set_cookie(
        _name(settings, name),
        value,
        max_age=None if lifetime is None else int(lifetime.total_seconds()),
        path="/",
        secure=settings.secure,
        httponly=True,
        samesite="lax",
    )
