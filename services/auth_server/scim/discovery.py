"""What this API can do, for anybody (RFC 7643 §5, §6, §7)."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from auth_server.directory.url import scim_url
from auth_server.scim.errors import ScimError, answer
from auth_server.scim.listing import list_response
from auth_server.scim.request import MOST_COUNT
from auth_server.scim.schema import (
    GROUP,
    GROUP_ATTRIBUTES,
    USER,
    USER_ATTRIBUTES,
    describe_attribute,
)
from auth_server.web.dependencies import Settings

router = APIRouter()
_CORE = "urn:ietf:params:scim:schemas:core:2.0"
_KINDS = (
    ("User", USER, USER_ATTRIBUTES, "The people of an organisation."),
    ("Group", GROUP, GROUP_ATTRIBUTES, "The groups of an organisation."),
)


@router.get("/ServiceProviderConfig")
async def show_configuration(settings: Settings) -> Response:
    """Say which parts of the standard are served."""
    base = scim_url(settings.issuer)
    return answer(
        {
            "schemas": [f"{_CORE}:ServiceProviderConfig"],
            "patch": {"supported": True},
            "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
            "filter": {"supported": True, "maxResults": MOST_COUNT},
            "changePassword": {"supported": False},
            "sort": {"supported": False},
            "etag": {"supported": False},
            "authenticationSchemes": [
                {
                    "type": "oauthbearertoken",
                    "name": "Bearer token",
                    "description": "A token that an admin of the organisation makes.",
                    "primary": True,
                }
            ],
            "meta": {
                "resourceType": "ServiceProviderConfig",
                "location": f"{base}/ServiceProviderConfig",
            },
        }
    )


@router.get("/ResourceTypes")
async def list_resource_types(settings: Settings) -> Response:
    """List the kinds of resources."""
    return _list([_describe_type(kind, scim_url(settings.issuer)) for kind in _KINDS])


@router.get("/ResourceTypes/{name}")
async def show_resource_type(settings: Settings, name: str) -> Response:
    """Show one kind of resources."""
    for kind in _KINDS:
        if kind[0] == name:
            return answer(_describe_type(kind, scim_url(settings.issuer)))
    raise ScimError(404, "the resource types are User and Group")


@router.get("/Schemas")
async def list_schemas(settings: Settings) -> Response:
    """List the attributes of each kind."""
    return _list([_describe_schema(kind, scim_url(settings.issuer)) for kind in _KINDS])


@router.get("/Schemas/{urn}")
async def show_schema(settings: Settings, urn: str) -> Response:
    """Show the attributes of one kind."""
    for kind in _KINDS:
        if kind[1] == urn:
            return answer(_describe_schema(kind, scim_url(settings.issuer)))
    raise ScimError(404, f"the schemas are {USER} and {GROUP}")


def _list(resources: list[dict[str, Any]]) -> Response:
    return list_response(len(resources), resources)


def _describe_type(kind: tuple[str, str, Any, str], base: str) -> dict[str, Any]:
    name, urn, _, description = kind
    return {
        "schemas": [f"{_CORE}:ResourceType"],
        "id": name,
        "name": name,
        "endpoint": f"/{name}s",
        "description": description,
        "schema": urn,
        "meta": {"resourceType": "ResourceType", "location": f"{base}/ResourceTypes/{name}"},
    }


def _describe_schema(kind: tuple[str, str, Any, str], base: str) -> dict[str, Any]:
    name, urn, attributes, description = kind
    return {
        "schemas": [f"{_CORE}:Schema"],
        "id": urn,
        "name": name,
        "description": description,
        "attributes": [describe_attribute(one) for one in attributes],
        "meta": {"resourceType": "Schema", "location": f"{base}/Schemas/{urn}"},
    }
