"""The page that asks for an account, and the one that leads to its provider."""

from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import Depends
from starlette.responses import Response

from auth_server.errors import AccessDenied
from auth_server.flow.flow_state import FlowState, FlowStates, Sealer
from auth_server.flow.next_step import LinkAccount
from auth_server.flow.respond import error_url
from auth_server.keys import Keys
from auth_server.linking.provider import LinkRefused
from auth_server.pages.linking.purpose import LinkPurpose
from auth_server.rendering.render import Pages
from auth_server.secrets import NewSecret
from auth_server.settings import AuthServerSettings
from auth_server.web.browser import set_browser
from auth_server.web.dependencies import KeysInUse, LocalizedPages, SecretMaker, Settings

_STATUS = {"cancelled": 403, "refused": 403, "unavailable": 503}
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LinkPages:
    """Shows the pages of a link."""

    pages: Pages
    settings: AuthServerSettings
    keys: Keys
    sealer: FlowStates
    new_secret: NewSecret

    def show(self, purpose: LinkPurpose, refusal: LinkRefused | None = None) -> Response:
        """Say which account is linked for which organisation, and after a refusal why it was not."""
        told = refusal.told if refusal is not None else None
        if refusal is not None:
            name = purpose.provider.settings.name
            log.warning("link_refused", provider=name, reason=str(refusal))
        pending, back, several_tenants = purpose.pending, "", False
        if pending is not None and isinstance(pending.step, LinkAccount):
            asked = pending.authorization_request
            several_tenants = len(pending.step.memberships) > 1 and pending.organisation is None
            if pending.device is None:
                denied = AccessDenied("the person did not link the account that this server needs")
                back = error_url(
                    asked.redirect_uri, denied, state=asked.state, issuer=self.settings.issuer
                )
        response = self.pages.answer(
            "link_account.html",
            status=200 if told is None else _STATUS[told],
            provider=purpose.provider.settings.title,
            tenant=purpose.membership.tenant_name,
            email=purpose.person.known_as,
            fields=purpose.fields,
            proof=purpose.forms.make("link", *purpose.shown),
            client_name=pending.client.name if pending is not None else "",
            back=back,
            several_tenants=several_tenants,
            refusal=told,
        )
        set_browser(response, self.settings, purpose.browser)
        return response

    async def leave(self, purpose: LinkPurpose) -> Response:
        """Lead to the provider with a page, because `form-action` would block the redirect of a form."""
        name, person_id, tenant_id = purpose.shown
        field, value = next(iter(purpose.fields.items()))
        flow_state = FlowState(
            way=way_to(name),
            field=field,
            value=value,
            nonce=self.new_secret(),
            secret=self.new_secret(),
            left_at=int(self.sealer.now().timestamp()),
            person_id=person_id,
            tenant_id=tenant_id,
        )
        try:
            url = await purpose.provider.authorization_url(
                state=self.sealer.seal(flow_state, purpose.browser),
                verifier=flow_state.secret,
                callback=self.callback(name),
            )
        except LinkRefused as refusal:
            return self.show(purpose, refusal)
        title = purpose.provider.settings.title
        response = self.pages.answer("leave_to_link.html", provider=title, url=url)
        set_browser(response, self.settings, purpose.browser)
        return response

    def callback(self, name: str) -> str:
        """Return the redirect URI of a provider, its own so that no other's answer is taken for its."""
        return f"{self.settings.issuer}/link/return/{name}"  # RFC 9700 §4.4.2


def way_to(name: str) -> str:
    """Return the `way` of the flow state for a provider."""
    # No name of a connector contains a slash, so that no state of a sign-in is one of a link.
    return f"link/{name}"


async def _link_pages(
    pages: LocalizedPages,
    settings: Settings,
    keys: KeysInUse,
    sealer: Sealer,
    new_secret: SecretMaker,
) -> LinkPages:
    return LinkPages(pages, settings, keys, sealer, new_secret)


Linking = Annotated[LinkPages, Depends(_link_pages)]
