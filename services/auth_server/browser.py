"""The browser's two cookies: which browser this is, and who is signed in there."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

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
