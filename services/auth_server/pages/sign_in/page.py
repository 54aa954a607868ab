"""The sign-in page, with every way to sign in that is configured."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends
from starlette.responses import Response

from auth_server.connectors.port import Refusal
from auth_server.flow.flow_state import FlowState, FlowStates, Sealer
from auth_server.flow.passkeys import are_possible, ask_for_passkey
from auth_server.flow.sign_in_purpose import SignInPurpose
from auth_server.rendering.render import Pages
from auth_server.secrets import NewSecret
from auth_server.settings import AuthServerSettings
from auth_server.sign_in_settings import ExternalSignIn
from auth_server.web.browser import set_browser
from auth_server.web.dependencies import LocalizedPages, SecretMaker, Settings

PASSKEY = "passkey"


@dataclass(frozen=True, slots=True)
class PasskeyOffer:
    """The options, flow state and proof with which a page offers passkeys."""

    options: str
    flow_state: str
    proof: str


@dataclass(frozen=True, slots=True)
class SignInPages:
    """Renders the sign-in pages."""

    settings: AuthServerSettings
    pages: Pages
    sealer: FlowStates
    new_secret: NewSecret
    own: ExternalSignIn | None = None
    """The provider of the organisation whose address the app asks for, if it has one of its own."""

    def show(
        self,
        purpose: SignInPurpose,
        *,
        email: str = "",
        refusal: Literal["wrong", "too often", "no address", "unknown domain"]
        | Refusal
        | None = None,
        minutes: int = 0,
        other: bool = False,
        notice: Literal["second factor", "changed", "other person"] | None = None,
        password: bool = False,
        status: int = 200,
    ) -> Response:
        """Show the page.

        Where customers have their own providers, it asks for the address alone, and for the password
        once the address has led to none of them.

        Args:
            purpose: the sign-in purpose.
            email: the e-mail address to fill in.
            refusal: why the last attempt failed.
            minutes: how long to wait after too many attempts.
            other: whether another person will sign in, so that providers must ask again.
            notice: what to say first: that the page needs the person's second factor, that the person has
                a new password, or that the app expects another account than the one that is signed in.
            password: whether to ask for the password, whatever the address.
            status: the HTTP status.
        """
        ways = self.settings.sign_in
        unknown_domain = refusal == "unknown domain"
        customers = self.settings.customers_providers
        elsewhere: list[ExternalSignIn] = [
            way for way in ways if isinstance(way, ExternalSignIn) and way.name not in customers
        ]
        if self.own is not None:
            elsewhere.insert(0, self.own)
        local = self.settings.has_accounts
        # A single provider needs no choice, except after a refusal, which the page must show.
        directly = len(elsewhere) == 1 and not (local or customers or other) and refusal is None
        password = (
            password or notice in {"second factor", "changed"} or refusal in {"wrong", "too often"}
        )
        response = self.pages.answer(
            "leave_to_sign_in.html" if directly else "sign_in.html",
            status=status,
            client_name=purpose.pending.client.name if purpose.pending else None,
            email=email,
            refusal=None if unknown_domain else refusal,
            notice=notice if refusal is None else None,
            minutes=minutes,
            local=local,
            forgotten=local and self.settings.can_send_mail,
            passkey=self.offer_passkey(purpose) if local else None,
            elsewhere=elsewhere,
            hint="",
            by_address=bool(customers) and not (local and password),
            # After a wrong password, the address may be the wrong one.
            entered=bool(customers) and password and bool(email) and refusal is None,
            unknown_domain=unknown_domain,
            other=other or refusal == "refused",
            purpose=purpose,
            proof=purpose.forms.make("sign-in"),
        )
        set_browser(response, self.settings, purpose.browser)
        return response

    def lead_to(self, purpose: SignInPurpose, name: str, email: str) -> Response:
        """Show the page that leads to a provider, because a form may not redirect there.

        The provider learns the address, so that its owner need not enter it again.
        """
        way = next(way for way in self.settings.sign_in if getattr(way, "name", "") == name)
        response = self.pages.answer(
            "leave_to_sign_in.html", elsewhere=[way], purpose=purpose, hint=email
        )
        set_browser(response, self.settings, purpose.browser)
        return response

    def offer_passkey(self, purpose: SignInPurpose) -> PasskeyOffer | None:
        """Make the offer; None if this server can't have passkeys."""
        if not are_possible(self.settings):
            return None
        flow_state = self.begin_flow(purpose, PASSKEY, nonce=self.new_secret())
        text = self.sealer.seal(flow_state, purpose.browser)
        proof = purpose.forms.make(PASSKEY, text)
        return PasskeyOffer(ask_for_passkey(flow_state, self.settings), text, proof)

    def begin_flow(
        self, purpose: SignInPurpose, way: str, *, nonce: str, secret: str = "", fresh: bool = False
    ) -> FlowState:
        """Make the `FlowState` of a sign-in that begins now."""
        return FlowState(
            way=way,
            field=purpose.field,
            value=purpose.value,
            nonce=nonce,
            secret=secret,
            left_at=int(self.sealer.now().timestamp()),
            fresh=fresh,
        )


async def _sign_in_pages(
    settings: Settings, pages: LocalizedPages, sealer: Sealer, new_secret: SecretMaker
) -> SignInPages:
    return SignInPages(settings, pages, sealer, new_secret)


SignIn = Annotated[SignInPages, Depends(_sign_in_pages)]
