"""Groups between SCIM's form and what the directory stores."""

from collections.abc import Mapping, Sequence
from typing import Any

from auth_server.directory.groups import MOST_MEMBERS, MemberStep, SaidGroup
from auth_server.records.directory.conditions import Comparison, Condition, Either
from auth_server.records.directory.table import DirectoryGroup
from auth_server.scim.errors import invalid
from auth_server.scim.patch import Operation, read_operations
from auth_server.scim.request import is_id
from auth_server.scim.schema import (
    GROUP,
    GROUP_ATTRIBUTES,
    find_attribute,
    read_resource,
    read_value,
)

_WITHOUT_MEMBERS = tuple(one for one in GROUP_ATTRIBUTES if one.name != "members")


def read_group(given: Mapping[str, Any]) -> SaidGroup:
    """Read a whole group; members that are not in it leave the group.

    Raises:
        ScimError: `invalidValue` names the attribute.
    """
    read = read_resource(given, _WITHOUT_MEMBERS)
    if "displayName" not in read:
        raise invalid("displayName is required")
    members = next((value for name, value in given.items() if name.lower() == "members"), None)
    return SaidGroup(
        display_name=read["displayName"],
        external_id=read.get("externalId", ""),
        steps=(MemberStep("replace", _read_ids(members)),),
    )


def read_group_patch(body: Mapping[str, Any]) -> SaidGroup:
    """Read a patch of a group.

    Raises:
        ScimError: `invalidSyntax`, `invalidPath`, `invalidValue` or `noTarget`.
    """
    said: dict[str, str] = {}
    steps: list[MemberStep] = []
    for operation in read_operations(body, GROUP_ATTRIBUTES):
        name = operation.path.attribute
        if name == "members":
            steps.append(_read_step(operation))
            continue
        attribute = find_attribute(_WITHOUT_MEMBERS, name)
        if attribute is None:
            raise LookupError(name)
        value = None if operation.op == "remove" else read_value(attribute, operation.value)
        if attribute.required and not value:
            raise invalid(f"{name} is required", "mutability")
        said[name] = value or ""
    if sum(len(step.user_ids) for step in steps) > MOST_MEMBERS:
        raise invalid(f"members: a patch names at most {MOST_MEMBERS}")
    return SaidGroup(said.get("displayName"), said.get("externalId"), tuple(steps))


def write_group(
    group: DirectoryGroup, members: Sequence[tuple[str, str]] | None, base: str
) -> dict[str, Any]:
    """Write a group as a resource; without `members` if they are not asked for."""
    written: dict[str, Any] = {
        "schemas": [GROUP],
        "id": group.group_id,
        **({} if group.external_id is None else {"externalId": group.external_id}),
        "displayName": group.display_name,
        "meta": {
            "resourceType": "Group",
            "created": group.created_at.isoformat(),
            "lastModified": group.updated_at.isoformat(),
            "location": f"{base}/Groups/{group.group_id}",
        },
    }
    if members is not None:
        written["members"] = [
            {"value": user_id, "type": "User", "display": user_name}
            for user_id, user_name in members
        ]
    return written


def _read_step(operation: Operation) -> MemberStep:
    path, op = operation.path, operation.op
    if path.part not in (None, "value"):
        raise invalid("path: only whole members can be changed", "invalidPath")
    if path.condition is not None:
        if op == "replace":
            raise invalid("path: a member can be added or removed, not replaced", "invalidPath")
        return MemberStep(op, _ids_of(path.condition))
    # Entra names what is removed in the value.
    if op == "remove" and operation.value in (None, ""):
        return MemberStep("replace", frozenset())
    return MemberStep(op, _read_ids(operation.value))


def _ids_of(condition: Condition) -> frozenset[str]:
    match condition:
        case Comparison("value", "eq", str(wanted)):
            return frozenset({wanted})
        case Either(left, right):
            return _ids_of(left) | _ids_of(right)
    raise invalid('path: a member is named as members[value eq "ID"]', "invalidPath")


def _read_ids(members: Any) -> frozenset[str]:
    listed = [] if members is None else members if isinstance(members, list) else [members]
    if len(listed) > MOST_MEMBERS:
        raise invalid(f"members: a group has at most {MOST_MEMBERS}")
    read = set[str]()
    for one in listed:
        value = one if isinstance(one, str) else None
        if isinstance(one, dict):
            value = one.get("value") or next(
                (each for name, each in one.items() if name.lower() == "value"), None
            )
        if not isinstance(value, str) or not is_id(value):
            raise invalid("members: each must have the id of a user as its value")
        read.add(value)
    return frozenset(read)
