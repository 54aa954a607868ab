"""Refuse form posts from other sites, before any form is read."""

from urllib.parse import urlsplit

from starlette.requests import Request

from auth_server.errors import PageError
from auth_server.settings import AuthServerSettings


def require_same_origin(request: Request, settings: AuthServerSettings) -> None:
    """Refuse a post that the browser attributes to another origin.

    `Sec-Fetch-Site` decides if the browser sends it, otherwise `Origin`. A `null` origin is allowed,
    because our `Referrer-Policy` makes browsers send it. A client that sends neither is not a
    browser. The form's proof is required in every case.

    Raises:
        PageError: another site posted the form.
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
