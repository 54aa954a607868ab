"""Decide whether an earlier consent covers a request, so that the page can be skipped."""

from auth_server.flow.pending import PendingAuthorization
from auth_server.pages.picker.question import Question
from auth_server.records.clients import redirect_uris
from gatepost.scopes import OFFLINE_ACCESS, expand_scopes, parse_scope


def is_remembered(
    pending: PendingAuthorization, question: Question, own_provider: str | None
) -> bool:
    """Return whether an earlier consent covers this request, never for clients open to impersonation.

    All conditions must hold. An operator or the owner of its document's host vouches for the
    client, it authenticates at the token endpoint, and it receives the code at the same https host
    as before, so that nobody else can use the code. No other site led the browser here (A37). For
    this client, tenant and resource, the person has decided about every scope and tool of the
    request, and no tool that they allowed has changed its effect. They decided in a session of the same
    customer's provider, or of none: `own_provider` is that of the present session.
    """
    client, transaction, before = pending.client, pending.authorization_request, question.before
    if before is None or not transaction.may_be_silent or before.provider != own_provider:
        return False
    if client.source not in {"managed", "document"} or client.token_endpoint_auth_method == "none":  # noqa: S105 - the method's name
        return False
    host = redirect_uris.redirect_host(transaction.redirect_uri)
    if not transaction.redirect_uri.startswith("https://") or host != before.redirect_host:
        return False
    snapshot = {"name": client.name, "source": client.source}
    if any(before.client_snapshot.get(member) != value for member, value in snapshot.items()):
        return False
    asked = parse_scope(transaction.scope) - {OFFLINE_ACCESS}
    if not asked <= expand_scopes(parse_scope(before.asked_scope)):
        return False
    if OFFLINE_ACCESS in parse_scope(transaction.scope) - parse_scope(before.asked_scope):
        return False
    undecided = {tool.name for group in question.offer.asked for tool in group.tools}
    had = question.catalogue.include_renamed(before.tools)
    return bool(question.suggested.tools) and undecided.isdisjoint(had)
