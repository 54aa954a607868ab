"""The audit log's events in words."""

from collections.abc import Mapping

from auth_server.records.audit.store import Event
from auth_server.rendering.translation import translatable

EVENT_WORDS: Mapping[Event, str] = {
    "admin_token.created": translatable("Admin token created"),
    "admin_token.revoked": translatable("Admin token revoked"),
    "api_key.created": translatable("API key created"),
    "api_key.exchange_refused": translatable("API key refused"),
    "api_key.revoked": translatable("API key revoked"),
    "app_request.approved": translatable("App approved for members"),
    "app_request.created": translatable("Member asked for an app"),
    "app_request.declined": translatable("Request for an app declined"),
    "audit.accepted": translatable("Break of the audit log accepted"),
    "billing.event_processed": translatable("Stripe event processed again"),
    "billing.synced": translatable("Plans copied to Stripe"),
    "client.changed": translatable("App changed"),
    "client.deleted": translatable("App deleted"),
    "client.registered": translatable("App registered"),
    "client.secret_added": translatable("Secret added to an app"),
    "client.secret_dropped": translatable("Secret of an app deleted"),
    "code.replayed": translatable("Authorization code used twice"),
    "codes.paused": translatable("Codes paused after wrong guesses"),
    "consent.denied": translatable("App declined"),
    "consent.remembered": translatable("App connected again without asking"),
    "credit.added": translatable("Credit added"),
    "credit.taken_back": translatable("Credit taken back"),
    "denied": translatable("Requests refused"),
    "email.change_undone": translatable("Change of the e-mail address undone"),
    "email.changed": translatable("E-mail address changed"),
    "email.verified": translatable("E-mail address verified"),
    "grant.changed": translatable("Connection changed"),
    "grant.created": translatable("App connected"),
    "grant.revoked": translatable("App disconnected"),
    "invitation.accepted": translatable("Invitation accepted"),
    "invitation.created": translatable("Person invited"),
    "invitation.sent_again": translatable("Invitation sent again"),
    "invitation.withdrawn": translatable("Invitation withdrawn"),
    "key.created": translatable("Signing key created"),
    "key.rotated": translatable("Signing key rotated"),
    "key.withdrawn": translatable("Signing key withdrawn"),
    "membership.changed": translatable("Member changed"),
    "membership.created": translatable("Member added"),
    "membership.removed": translatable("Member removed"),
    "operator.removed": translatable("Operator removed"),
    "operator.set": translatable("Operator added or changed"),
    "password.changed": translatable("Password changed"),
    "password.reset": translatable("Password reset by mail"),
    "person.changed": translatable("Person changed"),
    "person.created": translatable("Person added"),
    "playground.called": translatable("Tool called in the playground"),
    "policy.changed": translatable("Rules changed"),
    "recovery_code.used": translatable("Recovery code used"),
    "refresh_token.reused": translatable("Refresh token used twice"),
    "second_factor.added": translatable("Second factor added"),
    "second_factor.removed": translatable("Second factor removed"),
    "session.ended": translatable("Session ended"),
    "sign_in.refused": translatable("Sign-in refused"),
    "signed_in": translatable("Signed in"),
    "signed_out": translatable("Signed out"),
    "subscription.changed": translatable("Subscription changed"),
    "tenant.changed": translatable("Organisation changed"),
    "tenant.created": translatable("Organisation added"),
    "token.outdated": translatable("Tokens outdated"),
    "token.revoked": translatable("Token revoked"),
    "usage.customer_linked": translatable("Customer linked for the export of usage"),
    "usage.export_decided": translatable("Export of usage decided"),
    "usage.refused_event_written": translatable("Refused call event written again"),
    "webhook.added": translatable("Webhook added"),
    "webhook.changed": translatable("Webhook changed"),
    "webhook.disabled": translatable("Webhook switched off"),
    "webhook.removed": translatable("Webhook removed"),
    "webhook.resent": translatable("Webhook message sent again"),
}
"""The name of each event on pages."""
_BY_NAME = dict[str, str](EVENT_WORDS.items())


def describe(event: str) -> str:
    """Return an event in words; one that this version does not know, by its name."""
    return _BY_NAME.get(event, event)
