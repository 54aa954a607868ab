"""Users between SCIM's form and what the directory stores."""

from collections.abc import Mapping
from typing import Any

from auth_server.directory.users import SaidUser
from auth_server.records.directory.table import DirectoryUser
from auth_server.scim.errors import invalid
from auth_server.scim.schema import USER, USER_ATTRIBUTES, read_resource

_APART = ("userName", "externalId", "active")


def read_user(given: Mapping[str, Any], *, active: bool = True) -> SaidUser:
    """Read a user; `active` counts if the resource does not say it.

    Raises:
        ScimError: `invalidValue` names the attribute.
    """
    read = read_resource(given, USER_ATTRIBUTES)
    user_name = read.get("userName")
    if user_name is None:
        raise invalid("userName is required")
    email = _find_address(read) or user_name
    if len(email) > 320:
        raise invalid("emails: an address has at most 320 characters")
    return SaidUser(
        user_name=user_name,
        external_id=read.get("externalId"),
        email=email,
        name=_find_name(read) or user_name[:200],
        active=read.get("active", active),
        attributes={name: value for name, value in read.items() if name not in _APART},
    )


def write_user(user: DirectoryUser, base: str) -> dict[str, Any]:
    """Write a user as a resource; `base` is the URL of this API."""
    return {
        "schemas": [USER],
        "id": user.user_id,
        **({} if user.external_id is None else {"externalId": user.external_id}),
        "userName": user.user_name,
        "active": user.active,
        **user.attributes,
        "meta": {
            "resourceType": "User",
            "created": user.created_at.isoformat(),
            "lastModified": user.updated_at.isoformat(),
            "location": f"{base}/Users/{user.user_id}",
        },
    }


def _find_address(read: Mapping[str, Any]) -> str | None:
    emails = [one for one in read.get("emails", []) if one.get("value")]
    chosen = [
        *(one for one in emails if str(one.get("type", "")).lower() == "work"),
        *(one for one in emails if one.get("primary")),
        *emails,
    ]
    return str(chosen[0]["value"]) if chosen else None


def _find_name(read: Mapping[str, Any]) -> str:
    name = read.get("name", {})
    parts = (name.get("givenName"), name.get("middleName"), name.get("familyName"))
    whole = read.get("displayName") or name.get("formatted") or " ".join(filter(None, parts))
    return str(whole)[:200]
