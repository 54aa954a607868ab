"""Which sessions open a tenant that requires its own identity provider."""

from auth_server.flow.signed_in import SignedIn
from auth_server.records.sessions.table import TWO_FACTORS, Session, provider_of
from auth_server.records.tenants.store import TenantMembership


def may_act(signed_in: SignedIn, membership: TenantMembership) -> bool:
    """Return whether a person acts for a tenant in this session, so connects apps and creates keys."""
    return acts_with(signed_in.only_tenant, membership)


def acts_with(only_tenant: str | None, membership: TenantMembership) -> bool:
    """Return whether a person acts for a tenant, by the tenant whose own provider signed them in."""
    return membership.provider_only_since is None or only_tenant == membership.tenant_id


def may_manage(signed_in: SignedIn, membership: TenantMembership) -> bool:
    """Return whether this session opens the tenant's pages.

    It does where the person may act, and for a break-glass admin who signed in here since the rule and
    the name apply, with a second factor from before the name: whoever has added one since then may be
    somebody else. The beginning of such a session is recorded and mailed.
    """
    if may_act(signed_in, membership):
        return True
    rule, named = membership.provider_only_since, membership.break_glass_since
    if rule is None or named is None or not membership.is_admin:
        return False
    session = signed_in.session
    added = session.factor_added_at
    if added is None or added > named:
        return False
    return is_strong_local(session) and session.signed_in_at >= max(rule, named)


def is_strong_local(session: Session) -> bool:
    """Return whether a session began here, with two factors or a passkey."""
    return session.level >= TWO_FACTORS and provider_of(session.method) is None
