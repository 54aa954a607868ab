"""Audit entries as events of the Open Cybersecurity Schema Framework (OCSF)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version as version_of
from typing import Any

from auth_server.administration.audit.words import describe
from auth_server.records.audit.store import Event
from auth_server.records.audit.table import AuditEntry
from auth_server.tenancy.grant_contents import BY_THE_PERSON

SCHEMA_VERSION = "1.3.0"
ACCOUNT_CHANGE, AUTHENTICATION, ENTITY_MANAGEMENT, API_ACTIVITY = 3001, 3002, 3004, 6003
_CREATE, _UPDATE, _DELETE, _OTHER = 1, 3, 4, 99
_LOGON, _LOGOFF = 1, 2
_PASSWORD_CHANGE, _PASSWORD_RESET = 3, 4
_ENABLE, _DISABLE, _DELETED_ACCOUNT = 2, 5, 6
_ATTACH_POLICY, _DETACH_POLICY, _LOCK, _FACTOR_ON, _FACTOR_OFF = 7, 8, 9, 10, 11
_INFORMATIONAL, _LOW, _MEDIUM = 1, 2, 3
_SUCCESS, _FAILURE = 1, 2


@dataclass(frozen=True, slots=True)
class _Class:
    """The class and activity of an event.

    Attributes:
        uid: the class.
        activity: the activity of that class.
        entity: what is managed, for Entity Management.
        severity: 1 informational, 2 low, 3 medium.
        failed: whether something was refused.
    """

    uid: int
    activity: int
    entity: str = ""
    severity: int = _INFORMATIONAL
    failed: bool = False


def _managed(entity: str, activity: int) -> _Class:
    return _Class(ENTITY_MANAGEMENT, activity, entity)


def _refused(severity: int = _MEDIUM) -> _Class:
    return _Class(API_ACTIVITY, _OTHER, severity=severity, failed=True)


CLASSES: Mapping[Event, _Class] = {
    "admin_token.created": _managed("admin token", _CREATE),
    "admin_token.revoked": _managed("admin token", _DELETE),
    "api_key.created": _managed("API key", _CREATE),
    "api_key.exchange_refused": _refused(_LOW),
    "api_key.revoked": _managed("API key", _DELETE),
    "app_request.approved": _managed("app_request", _OTHER),
    "app_request.created": _managed("app_request", _CREATE),
    "app_request.declined": _managed("app_request", _DELETE),
    "audit.accepted": _managed("audit log", _UPDATE),
    "billing.event_processed": _managed("billing event", _UPDATE),
    "billing.synced": _managed("prices", _UPDATE),
    "break_glass.named": _Class(ACCOUNT_CHANGE, _OTHER, severity=_MEDIUM),
    "break_glass.removed": _Class(ACCOUNT_CHANGE, _OTHER),
    "break_glass.used": _Class(AUTHENTICATION, _LOGON, severity=_MEDIUM),
    "call_approval.approved": _managed("call", _OTHER),
    "call_approval.asked": _managed("call", _CREATE),
    "call_approval.declined": _managed("call", _DELETE),
    "client.changed": _managed("client", _UPDATE),
    "client.deleted": _managed("client", _DELETE),
    "client.registered": _managed("client", _CREATE),
    "client.secret_added": _managed("client", _UPDATE),
    "client.secret_dropped": _managed("client", _UPDATE),
    "client.workload_added": _managed("client", _UPDATE),
    "client.workload_dropped": _managed("client", _UPDATE),
    "code.replayed": _refused(),
    "codes.paused": _Class(ACCOUNT_CHANGE, _LOCK, severity=_MEDIUM),
    "consent.denied": _managed("grant", _OTHER),
    "consent.remembered": _managed("grant", _OTHER),
    "credit.added": _managed("credit", _CREATE),
    "credit.taken_back": _managed("credit", _DELETE),
    "delegation.created": _managed("delegation", _CREATE),
    "delegation.ended": _managed("delegation", _DELETE),
    "denied": _refused(_LOW),
    "directory_group.changed": _managed("group", _UPDATE),
    "directory_group.created": _managed("group", _CREATE),
    "directory_group.deleted": _managed("group", _DELETE),
    "directory_token.created": _managed("directory token", _CREATE),
    "directory_token.revoked": _managed("directory token", _DELETE),
    "directory_user.activated": _Class(ACCOUNT_CHANGE, _ENABLE),
    "directory_user.created": _Class(ACCOUNT_CHANGE, _CREATE),
    "directory_user.deactivated": _Class(ACCOUNT_CHANGE, _DISABLE, severity=_LOW),
    "directory_user.deleted": _Class(ACCOUNT_CHANGE, _DELETED_ACCOUNT, severity=_LOW),
    "directory_user.kept": _Class(ACCOUNT_CHANGE, _OTHER, severity=_MEDIUM),
    "domain.claimed": _managed("domain", _CREATE),
    "domain.lost": _managed("domain", _UPDATE),
    "domain.removed": _managed("domain", _DELETE),
    "domain.verified": _managed("domain", _UPDATE),
    "email.change_undone": _Class(ACCOUNT_CHANGE, _OTHER, severity=_MEDIUM),
    "email.changed": _Class(ACCOUNT_CHANGE, _OTHER),
    "email.verified": _Class(ACCOUNT_CHANGE, _OTHER),
    "factor_recovery.cancelled": _Class(ACCOUNT_CHANGE, _OTHER, severity=_MEDIUM),
    "factor_recovery.completed": _Class(ACCOUNT_CHANGE, _FACTOR_OFF, severity=_MEDIUM),
    "factor_recovery.started": _Class(ACCOUNT_CHANGE, _OTHER, severity=_MEDIUM),
    "grant.changed": _managed("grant", _UPDATE),
    "grant.created": _managed("grant", _CREATE),
    "grant.revoked": _managed("grant", _DELETE),
    "invitation.accepted": _managed("invitation", _OTHER),
    "invitation.created": _managed("invitation", _CREATE),
    "invitation.sent_again": _managed("invitation", _UPDATE),
    "invitation.withdrawn": _managed("invitation", _DELETE),
    "key.created": _managed("signing key", _CREATE),
    "key.rotated": _managed("signing key", _UPDATE),
    "key.withdrawn": _managed("signing key", _DELETE),
    "linked_account.broken": _managed("linked account", _OTHER),
    "linked_account.created": _managed("linked account", _CREATE),
    "linked_account.ended": _managed("linked account", _DELETE),
    "membership.changed": _Class(ACCOUNT_CHANGE, _OTHER),
    "membership.created": _Class(ACCOUNT_CHANGE, _ATTACH_POLICY),
    "membership.removed": _Class(ACCOUNT_CHANGE, _DETACH_POLICY),
    "operator.removed": _Class(ACCOUNT_CHANGE, _DETACH_POLICY),
    "operator.set": _Class(ACCOUNT_CHANGE, _ATTACH_POLICY),
    "password.changed": _Class(ACCOUNT_CHANGE, _PASSWORD_CHANGE),
    "password.reset": _Class(ACCOUNT_CHANGE, _PASSWORD_RESET),
    "person.changed": _Class(ACCOUNT_CHANGE, _OTHER),
    "person.created": _Class(ACCOUNT_CHANGE, _CREATE),
    "person.deleted": _Class(ACCOUNT_CHANGE, _DELETED_ACCOUNT, severity=_MEDIUM),
    "person.exported": _Class(ACCOUNT_CHANGE, _OTHER),
    "plans.replaced": _managed("plans", _UPDATE),
    "playground.called": _Class(API_ACTIVITY, _OTHER),
    "policy.changed": _managed("tenant", _UPDATE),
    "provider.assigned": _managed("identity provider", _CREATE),
    "provider.not_required": _managed("tenant", _UPDATE),
    "provider.required": _managed("tenant", _UPDATE),
    "provider.withdrawn": _managed("identity provider", _DELETE),
    "recovery_code.used": _Class(AUTHENTICATION, _OTHER, severity=_LOW),
    "refresh_token.reused": _refused(),
    "second_factor.added": _Class(ACCOUNT_CHANGE, _FACTOR_ON),
    "second_factor.removed": _Class(ACCOUNT_CHANGE, _FACTOR_OFF),
    "session.ended": _Class(AUTHENTICATION, _LOGOFF),
    "sign_in.refused": _Class(AUTHENTICATION, _LOGON, severity=_LOW, failed=True),
    "signed_in": _Class(AUTHENTICATION, _LOGON),
    "signed_out": _Class(AUTHENTICATION, _LOGOFF),
    "subscription.changed": _managed("subscription", _UPDATE),
    "subscription.refreshed": _managed("subscription", _UPDATE),
    "tenant.changed": _managed("tenant", _UPDATE),
    "tenant.created": _managed("tenant", _CREATE),
    "tenant_app.allowed_again": _managed("grant", _OTHER),
    "tenant_app.ended": _managed("tenant", _UPDATE),
    "tenant_app.refused": _refused(_LOW),
    "tenant_app.set": _managed("tenant", _UPDATE),
    "token.outdated": _managed("access tokens", _DELETE),
    "token.revoked": _managed("token", _DELETE),
    "usage.archive_replayed": _managed("ledger", _UPDATE),
    "usage.customer_linked": _managed("customer", _UPDATE),
    "usage.export_decided": _managed("usage export", _UPDATE),
    "usage.refused_event_written": _managed("refused call event", _UPDATE),
    "webhook.added": _managed("webhook", _CREATE),
    "webhook.changed": _managed("webhook", _UPDATE),
    "webhook.disabled": _managed("webhook", _UPDATE),
    "webhook.removed": _managed("webhook", _DELETE),
    "webhook.resent": _managed("webhook", _UPDATE),
}
"""The class and activity of each event."""
_BY_NAME = dict[str, _Class](CLASSES.items())


def to_ocsf(row: AuditEntry, issuer: str) -> dict[str, Any]:
    """Make the OCSF event of an entry.

    `unmapped` has the members that the schema does not know; `metadata.sequence` is the number.
    """
    kind = _BY_NAME.get(row.event) or _managed(row.event, _OTHER)
    detail = json.loads(row.detail)
    return {
        "activity_id": kind.activity,
        "activity_name": describe(row.event),
        "category_uid": kind.uid // 1000,
        "class_uid": kind.uid,
        "type_uid": kind.uid * 100 + kind.activity,
        "severity_id": kind.severity,
        "status_id": _FAILURE if kind.failed else _SUCCESS,
        "time": int(row.at.timestamp() * 1000),
        "message": describe(row.event),
        "metadata": {
            "version": SCHEMA_VERSION,
            "product": {
                "name": "Gatepost",
                "vendor_name": "Gatepost",
                "version": version_of("gatepost"),
            },
            "log_name": "audit",
            "log_provider": issuer,
            "event_code": row.event,
            "sequence": row.number,
            "uid": row.hash,
        },
        "actor": {"user": _actor(row, detail)},
        **_subject(kind, row, detail, issuer),
        "unmapped": {
            "person_id": row.person_id,
            "client_id": row.client_id,
            "tenant_id": row.tenant_id,
            "grant_id": row.grant_id,
            "detail": detail,
            "previous_hash": row.previous_hash,
        },
    }


def _actor(row: AuditEntry, detail: Mapping[str, Any]) -> dict[str, Any]:
    by = detail.get("operator") or detail.get("by")
    if not by or by in BY_THE_PERSON:
        by = row.person_id
    # Type 3 is the system itself.
    return {"uid": by, "type_id": 1} if by else {"name": "Gatepost", "type_id": 3}


def _subject(
    kind: _Class, row: AuditEntry, detail: Mapping[str, Any], issuer: str
) -> dict[str, Any]:
    user = {"uid": row.person_id, "type_id": 1} if row.person_id else {"name": "Unknown"}
    if kind.uid == ACCOUNT_CHANGE:
        return {"user": user}
    if kind.uid == AUTHENTICATION:
        return {"user": user, "service": {"name": "Gatepost", "uid": issuer}}
    if kind.uid == API_ACTIVITY:
        operation = str(detail.get("path") or detail.get("tool") or "/token")
        endpoint = {"uid": row.client_id} if row.client_id else {"name": "unknown"}
        return {"api": {"operation": operation}, "src_endpoint": endpoint}
    ids = (
        *(str(detail[name]) for name in ("token", "kid", "to", "identifier") if name in detail),
        row.grant_id,
        row.client_id,
        row.tenant_id,
        str(row.number),
    )
    return {"entity": {"type": kind.entity, "uid": next(filter(None, ids))}}
