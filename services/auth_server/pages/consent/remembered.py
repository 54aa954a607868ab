"""When the page need not be shown, since it was answered before and nothing has grown."""

from auth_server.flow.pending import PendingAuthorization
from auth_server.pages.picker.question import Question
from auth_server.records.clients import redirect_uris
from gatepost.scopes import OFFLINE_ACCESS, expand_scopes, parse_scope


def is_remembered(pending: PendingAuthorization, question: Question) -> bool:
    """Tell whether an earlier answer covers this request (design: never for who can be impersonated).

    All of it has to hold. Somebody vouches for the client (an operator, or the owner of its
    document's host), it authenticates at the token endpoint, and its answer goes to an https
    address, the same host as before: so nobody else can use the code, wherever it was asked from.
    No other site led the browser here (A37). And the person, asked for this client, tenant and
    resource, has decided about every scope and tool of the request, and no tool that they
    allowed has changed its effect.
    """
    client, transaction, before = pending.client, pending.authorization_request, question.before
    if before is None or not transaction.may_be_silent:
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
    return bool(question.suggested.tools) and undecided.isdisjoint(before.tools)
