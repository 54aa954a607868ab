"""The attributes that are kept, and how a request's values are read by them (RFC 7643 §4, §7)."""

import re
from collections.abc import Mapping, Sized
from dataclasses import dataclass
from typing import Any, Literal

from auth_server.scim.errors import invalid

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
_MOST_VALUES = 20
# PostgreSQL can't store NUL or half of a surrogate pair, which JSON can contain.
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute; `longest` bounds a text, and `parts` are those of a complex one."""

    name: str
    description: str
    type: Literal["string", "boolean", "complex"] = "string"
    parts: tuple["Attribute", ...] = ()
    many: bool = False
    required: bool = False
    unique: bool = False
    case_exact: bool = False
    longest: int = 200


def _name_part(name: str, description: str) -> Attribute:
    return Attribute(name, description)


USER_ATTRIBUTES = (
    Attribute(
        "userName",
        "The name at the provider, unique without case.",
        required=True,
        unique=True,
        longest=320,
    ),
    Attribute("externalId", "The id at the provider.", case_exact=True, longest=255),
    Attribute("active", "Whether the person is a member.", "boolean"),
    Attribute("displayName", "The name that pages show."),
    Attribute(
        "name",
        "The parts of the name, for those without a displayName.",
        "complex",
        (
            _name_part("formatted", "The whole name."),
            _name_part("givenName", "The given name."),
            _name_part("familyName", "The family name."),
            _name_part("middleName", "The middle name."),
            _name_part("honorificPrefix", "The title before the name."),
            _name_part("honorificSuffix", "What follows the name."),
        ),
    ),
    Attribute(
        "emails",
        "The addresses; the one of type work finds the account, else the primary or first one.",
        "complex",
        (
            Attribute("value", "The address.", longest=320),
            Attribute("type", "Such as work.", longest=40),
            Attribute("primary", "Whether it is the main one.", "boolean"),
            Attribute("display", "Not used.", longest=320),
        ),
        many=True,
    ),
)
GROUP_ATTRIBUTES = (
    Attribute("displayName", "The name, unique without case.", required=True, unique=True),
    Attribute("externalId", "The id at the provider.", case_exact=True),
    Attribute(
        "members",
        "The users in the group.",
        "complex",
        (
            Attribute("value", "The id of a user.", case_exact=True, longest=64),
            Attribute("type", "User.", longest=40),
            Attribute("display", "The user's userName.", longest=320),
        ),
        many=True,
    ),
)
NOT_KEPT = frozenset(
    [
        "id",
        "schemas",
        "meta",
        "groups",
        "nickname",
        "profileurl",
        "title",
        "usertype",
        "timezone",
        "password",
        "phonenumbers",
        "ims",
        "photos",
        "addresses",
        "preferredlanguage",
        "locale",
        "entitlements",
        "roles",
        "x509certificates",
    ]
)
"""Attributes of the standard that are accepted and not kept, in lower case."""


def find_attribute(attributes: tuple[Attribute, ...], name: str) -> Attribute | None:
    """Look an attribute up, ignoring case."""
    return next((one for one in attributes if one.name.lower() == name.lower()), None)


def read_resource(given: Mapping[str, Any], attributes: tuple[Attribute, ...]) -> dict[str, Any]:
    """Read the known attributes of a resource, under their names as the schema writes them.

    An attribute that is null or an empty text counts as absent (RFC 7643 §2.5), and one that is not kept
    is left out.

    Raises:
        ScimError: `invalidValue` names the attribute, or `invalidSyntax` if it comes twice.
    """
    read: dict[str, Any] = {}
    known = {one.name.lower(): one for one in attributes}
    for name, value in given.items():
        attribute = known.get(name.lower())
        if attribute is None:
            continue
        if attribute.name in read:
            raise invalid(f"{attribute.name} comes twice", "invalidSyntax")
        found = read_value(attribute, value)
        if found not in (None, "", [], {}):
            read[attribute.name] = found
    return read


def read_value(attribute: Attribute, value: Any) -> Any:
    """Read a value of an attribute; a single value of a multi-valued one becomes a list.

    Raises:
        ScimError: `invalidValue` names the attribute.
    """
    if not attribute.many or value is None:
        return _read_one(attribute, value)
    values = value if isinstance(value, list) else [value]
    require_few(attribute, values)
    return [one for one in (_read_one(attribute, each) for each in values) if one]


def require_few(attribute: Attribute, values: Sized) -> None:
    """Refuse more values than are kept.

    Raises:
        ScimError: `invalidValue` names the attribute.
    """
    if len(values) > _MOST_VALUES:
        raise invalid(f"{attribute.name}: at most {_MOST_VALUES} values are kept")


def _read_one(attribute: Attribute, value: Any) -> Any:
    if value is None:
        return None
    if attribute.type == "boolean":
        # Entra sends booleans as texts.
        found = {"true": True, "false": False}.get(str(value).lower())
        if found is None or not isinstance(value, bool | str):
            raise invalid(f"{attribute.name} must be true or false")
        return found
    if attribute.type == "complex":
        if isinstance(value, str) and attribute.many:
            value = {"value": value}
        if not isinstance(value, dict):
            raise invalid(f"{attribute.name} must be an object")
        return read_resource(value, attribute.parts)
    if not isinstance(value, str):
        raise invalid(f"{attribute.name} must be a text")
    text = value.strip()
    if len(text.lower()) > attribute.longest or len(text) > attribute.longest:
        raise invalid(f"{attribute.name} must have at most {attribute.longest} characters")
    if _NO_TEXT.search(text):
        raise invalid(f"{attribute.name} must not contain control characters")
    return text


def describe_attribute(attribute: Attribute) -> dict[str, Any]:
    """Write an attribute as `/Schemas` does (RFC 7643 §7)."""
    described: dict[str, Any] = {
        "name": attribute.name,
        "type": attribute.type,
        "multiValued": attribute.many,
        "description": attribute.description,
        "required": attribute.required,
        "mutability": "readWrite",
        "returned": "default",
    }
    if attribute.type == "string":
        described["caseExact"] = attribute.case_exact
        described["uniqueness"] = "server" if attribute.unique else "none"
    if attribute.parts:
        described["subAttributes"] = [describe_attribute(part) for part in attribute.parts]
    return described
