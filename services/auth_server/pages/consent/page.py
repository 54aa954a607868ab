"""The consent page, and the page for an app that the tenant does not allow."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import Depends
from starlette.responses import Response

from auth_server.flow.next_step import AskConsent
from auth_server.flow.pending import PendingAuthorization
from auth_server.pages.consent.lookalikes import find_lookalike
from auth_server.pages.picker.question import Choice, Question
from auth_server.records.clients import redirect_uris
from auth_server.records.clients.table import Client
from auth_server.records.grants.table import Grant
from auth_server.rendering.render import Pages
from auth_server.settings import AuthServerSettings
from auth_server.web.dependencies import LocalizedPages, Settings
from gatepost.api_keys import TOKEN_EXCHANGE
from gatepost.scopes import IDENTITY, parse_scope


@dataclass(frozen=True, slots=True)
class ConsentPages:
    """Renders the consent page, and the pages that end an authorization."""

    settings: AuthServerSettings
    pages: Pages

    async def show(
        self,
        pending: PendingAuthorization,
        step: AskConsent,
        question: Question,
        choice: Choice,
        *,
        nothing_chosen: str | None = None,
        status: int = 200,
    ) -> Response:
        """Show the page with a choice; `nothing_chosen` is `tool` or a kind of data, if missing."""
        catalogue = question.catalogue
        return await self.pages.answer_list(
            "consent.html",
            items=len(catalogue.tools),
            status=status,
            catalogue=catalogue,
            question=question,
            offer=question.offer,
            choice=choice,
            stays_connected="refresh_token" in pending.client.grant_types,
            delegates=TOKEN_EXCHANGE in pending.client.grant_types,
            idle_days=self.settings.refresh_idle_lifetime.days,
            minutes=int(self._token_lifetime(pending, step) / timedelta(minutes=1)),
            identity=parse_scope(pending.authorization_request.scope) & IDENTITY,
            nothing_chosen=nothing_chosen,
            proof=pending.forms.make("consent", *question.shown(step)),
            **self._frame(pending, step, service=catalogue.name),
        )

    def _token_lifetime(self, pending: PendingAuthorization, step: AskConsent) -> timedelta:
        lifetime = self.settings.token_lifetime_of(pending.client.client_id)
        return min(lifetime, step.membership.policy.longest_token or lifetime)

    def show_forbidden(
        self,
        pending: PendingAuthorization,
        step: AskConsent,
        *,
        asked: Literal["yes", "too often"] | None = None,
    ) -> Response:
        """Show that the tenant does not allow the app, with ways to ask its admins and back.

        Args:
            pending: the pending authorization.
            step: the person and the tenant.
            asked: whether the person has just asked the admins, or asked for too many apps.
        """
        return self.pages.answer(
            "forbidden.html",
            status=403,
            asked=asked,
            mails=self.settings.can_send_mail,
            proof=pending.forms.make("consent-forbidden", step.membership.tenant_id),
            **self._frame(pending, step, service=""),
        )

    def leave(self, pending: PendingAuthorization, url: str | None, *, approved: bool) -> Response:
        """Send the browser back to the app with a page that redirects, or the person to their device.

        A redirect would fail: browsers apply `form-action` to every redirect after a form, and it
        does not allow an app's custom scheme.
        """
        if url is None:
            return self.pages.answer(
                "device_done.html", client_name=pending.client.name, approved=approved
            )
        redirect_uri = pending.authorization_request.redirect_uri
        return self.pages.answer(
            "leave.html",
            client_name=pending.client.name,
            redirect_host=redirect_uris.redirect_host(redirect_uri),
            url=url,
            approved=approved,
        )

    def _frame(
        self, pending: PendingAuthorization, step: AskConsent, *, service: str
    ) -> dict[str, Any]:
        redirect_uri = pending.authorization_request.redirect_uri
        own_names = (service, self.settings.branding.name or "")
        return {
            "client": pending.client,
            "vouched_for": vouched_for(pending.client),
            "lookalike": find_lookalike(pending.client, redirect_uri, own_names=own_names),
            "redirect_host": redirect_uris.redirect_host(redirect_uri),
            "redirect_scheme": redirect_uri.partition(":")[0],
            "device": pending.device,
            "loopback": redirect_uris.is_loopback(redirect_uri),
            "person": step.person,
            "membership": step.membership,
            "other_seats": [
                membership
                for membership in step.memberships
                if membership.tenant_id != step.membership.tenant_id
            ],
            "resource": pending.authorization_request.resource,
            "transaction": pending.authorization_request.transaction_id,
            "tenant_proof": pending.forms.make("tenant", step.person.person_id),
            "sign_out_proof": pending.forms.make("sign-in"),
        }


async def _consent_pages(settings: Settings, pages: LocalizedPages) -> ConsentPages:
    return ConsentPages(settings, pages)


Consent = Annotated[ConsentPages, Depends(_consent_pages)]


def vouched_for(client: Client) -> str:
    """Return who vouches for a client's name: `operator`, its document's host, or an empty string."""
    match client.source:
        case "managed":
            return "operator"
        case "document":
            return redirect_uris.redirect_host(client.client_id)
        case _:
            return "operator" if client.verified_at is not None else ""


def grant_vouched_for(grant: Grant, client: Client | None) -> str | None:
    """Return `vouched_for` of a grant's client; None for a device whose program nobody proved."""
    if client is None:
        return ""
    by_device = not grant.redirect_host and not grant.by_tenant
    if by_device and client.token_endpoint_auth_method == "none":  # noqa: S105 - the method's name
        return None
    return vouched_for(client)
