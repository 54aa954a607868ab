"""Refusing form posts that another site caused, before any form is read."""

from urllib.parse import urlsplit

from starlette.requests import Request

from auth_server.errors import PageError
from auth_server.settings import AuthServerSettings


def require_same_origin(request: Request, settings: AuthServerSettings) -> None:
    """Refuse a post whose browser says that it comes from another origin.

    `Sec-Fetch-Site` decides where a browser sends it. Without it `Origin` does, but for `null`: that
    is what browsers write under our own `Referrer-Policy`. A client that sends neither is no
    browser. In each case the form's own proof still binds it.

    Raises:
        PageError: the browser names another site.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin", "null")
    ours = urlsplit(settings.issuer)
    if site is not None:
        foreign = site != "same-origin"
    else:
        foreign = origin not in {"null", f"{ours.scheme}://{ours.netloc}"}
    if foreign:
        raise PageError(
            "This form came from another site",
            "It was rejected for your safety. Go back to your app and connect again.",
            status=403,
            detail="cross-site form post",
        )
