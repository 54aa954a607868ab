"""Which mails people can switch off, and which they always get."""

from collections.abc import Collection
from dataclasses import dataclass

from auth_server.outbox.queue import Template
from auth_server.rendering.translation import translatable


@dataclass(frozen=True, slots=True)
class Switch:
    """A kind of notice that a person can switch off.

    Attributes:
        key: its name in `Person.muted_notices` and in the form.
        title: what it tells of.
        templates: the mails.
        for_admins: whether only admins of a tenant get it.
    """

    key: str
    title: str
    templates: tuple[Template, ...]
    for_admins: bool = False


SWITCHES = (
    Switch("api-keys", translatable("one of your API keys expires soon"), ("api_key_expiring",)),
    Switch(
        "app-answers",
        translatable("an admin answers your request for an app"),
        ("app_approved", "app_declined"),
    ),
    Switch(
        "app-requests",
        translatable("a member asks for an app"),
        ("app_request",),
        for_admins=True,
    ),
    Switch(
        "call-answers",
        translatable("an admin answers a call of your app"),
        ("call_approved", "call_declined"),
    ),
    Switch(
        "call-approvals",
        translatable("a call waits for an admin's approval"),
        ("call_approval",),
        for_admins=True,
    ),
    Switch(
        "quotas",
        translatable("a quota or budget is used up to 80 or 100 percent"),
        ("budget_reached", "quota_of_a_day", "quota_of_a_month"),
        for_admins=True,
    ),
)
ALWAYS: tuple[tuple[str, tuple[Template, ...]], ...] = (
    (translatable("A sign-in with a new browser"), ("new_sign_in",)),
    (translatable("A new app on your account"), ("app_connected",)),
    (translatable("A new password"), ("password_changed",)),
    (translatable("The end of your account"), ("account_deleted",)),
    (
        translatable("A recovery of your second factors"),
        ("recovery_cancelled", "recovery_completed", "recovery_ready", "recovery_started"),
    ),
    (
        translatable("A domain of your organisation that can't be verified any more"),
        ("domain_record_missing",),
    ),
    (
        translatable("An admin who signs in without your organisation's provider"),
        ("break_glass_used",),
    ),
    (translatable("A new e-mail address, told to the former one"), ("email_changed",)),
    (
        translatable("A second factor that was added or removed"),
        ("second_factor_added", "second_factor_removed"),
    ),
)
"""The notices about the security of an account, which nobody can switch off."""
ASKED_FOR: tuple[Template, ...] = (
    "alert",
    "email_code",
    "email_taken",
    "invitation",
    "invitation_code",
    "password_elsewhere",
    "password_reset",
    "recovery_code",
    "test",
)
"""The mails that answer what somebody has just done, and those to an operator's own address."""
_KEY_OF = {template: each.key for each in SWITCHES for template in each.templates}


def is_wanted(template: Template, muted: Collection[str] | None) -> bool:
    """Return whether a person with these muted notices gets a mail."""
    return _KEY_OF.get(template) not in (muted or ())
