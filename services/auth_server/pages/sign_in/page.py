"""The sign-in page, with every way to sign in that is configured."""

from typing import Literal

from starlette.responses import Response

from auth_server.connectors.port import Refusal
from auth_server.flow.sign_in_purpose import SignInPurpose
from auth_server.pages.sign_in.passkey import offer
from auth_server.runtime import Runtime
from auth_server.sign_in_settings import ExternalSignIn, LocalSignIn
from auth_server.web.browser import set_browser


def show(
    purpose: SignInPurpose,
    opened: Runtime,
    *,
    email: str = "",
    refusal: Literal["wrong", "too often"] | Refusal | None = None,
    minutes: int = 0,
    other: bool = False,
    status: int = 200,
) -> Response:
    """Show the page.

    Args:
        errand: what somebody signs in for.
        opened: the service's parts.
        email: what to fill in.
        refusal: why the last attempt came to nothing.
        minutes: how long to wait, where that was too often.
        other: whether somebody else than before is to sign in; providers ask again then.
        status: of the answer.
    """
    ways = opened.settings.sign_in
    elsewhere = [way for way in ways if isinstance(way, ExternalSignIn)]
    local = any(isinstance(way, LocalSignIn) for way in ways)
    # Where there is nothing to choose, nobody is made to choose it; after a refusal they are told.
    directly = len(elsewhere) == 1 and not local and refusal is None and not other
    response = opened.pages.answer(
        "leave_to_sign_in.html" if directly else "sign_in.html",
        status=status,
        client_name=purpose.pending.client.name if purpose.pending else None,
        email=email,
        refusal=refusal,
        minutes=minutes,
        local=local,
        passkey=offer(purpose, opened) if local else None,
        elsewhere=elsewhere,
        other=other or refusal == "refused",
        purpose=purpose,
        proof=purpose.forms.make("sign-in"),
    )
    set_browser(response, opened.settings, purpose.browser)
    return response
