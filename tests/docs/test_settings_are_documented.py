"""`docs/settings.md` lists every setting with its variable and its default, and no other."""

import re
from typing import Any, cast

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from auth_server.billing_settings import StripeSettings
from auth_server.branding import Branding
from auth_server.export_settings import (
    AwsMarketplaceExport,
    CloudEventsExport,
    MetronomeExport,
    StripeExport,
)
from auth_server.mail.settings import MailSettings
from auth_server.settings import AuthServerSettings, ResourceSettings
from auth_server.sign_in_settings import (
    ClaimMapping,
    HandOffSignIn,
    LinkProviderSettings,
    OidcSignIn,
)
from gatepost.tracing.settings import TracingSettings
from mcp_gateway.apis.api_settings import ApiSettings
from mcp_gateway.apis.credential_settings import (
    ClientCredentials,
    CredentialSettings,
    LinkedAccount,
    PerTenantCredential,
    StaticCredential,
    TokenExchange,
)
from mcp_gateway.settings import McpGatewaySettings, TierSettings
from support.markdown import read, section

ROW = re.compile(r"^\| `(\w+)` \| (?:`(\w+)` \| )?([^|]*?) \| ([^|]+?) \|$", re.MULTILINE)
SECTIONS: dict[str, tuple[type[BaseModel], str]] = {
    "## `auth_server`": (AuthServerSettings, "GATEPOST_AUTH_"),
    "## `auth_server.resources`": (ResourceSettings, ""),
    "## `auth_server.link_providers`": (LinkProviderSettings, ""),
    "## `auth_server.mail`": (MailSettings, ""),
    "## `auth_server.stripe`": (StripeSettings, ""),
    "### `kind: stripe`": (StripeExport, ""),
    "### `kind: metronome`": (MetronomeExport, ""),
    "### `kind: aws_marketplace`": (AwsMarketplaceExport, ""),
    "### `kind: cloud_events`": (CloudEventsExport, ""),
    "## `auth_server.branding`": (Branding, ""),
    "### `oidc`": (OidcSignIn, ""),
    "### `hand_off`": (HandOffSignIn, ""),
    "### `claims`": (ClaimMapping, ""),
    "## `mcp_gateway`": (McpGatewaySettings, "GATEPOST_MCP_"),
    "## `mcp_gateway.apis`": (ApiSettings, ""),
    "### `mode: static`": (StaticCredential, ""),
    "### `mode: per_tenant`": (PerTenantCredential, ""),
    "### `mode: client_credentials`": (ClientCredentials, ""),
    "### `mode: token_exchange`": (TokenExchange, ""),
    "### `mode: linked_account`": (LinkedAccount, ""),
    "## `mcp_gateway.tiers`": (TierSettings, ""),
    "## `tracing`": (TracingSettings, ""),
}
# Documented once, above the modes.
SHARED = ("## `mcp_gateway.upstream_credentials`", CredentialSettings)
each_section = pytest.mark.parametrize("heading", SECTIONS)


def rows(heading: str) -> dict[str, tuple[str, str, str]]:
    """Each setting's variable, default and meaning, as the table below a heading has them."""
    text = section(read("docs/settings.md"), heading)
    if issubclass(SECTIONS[heading][0], SHARED[1]):
        text += section(read("docs/settings.md"), SHARED[0]).partition("\n### ")[0]
    found = ROW.findall(text)
    return {name: (variable, default, meaning) for name, variable, default, meaning in found}


@each_section
def test_every_setting_is_documented_and_no_other(heading: str) -> None:
    model, _ = SECTIONS[heading]
    assert set(rows(heading)) == set(model.model_fields)


@each_section
def test_the_variables_are_those_that_are_read(heading: str) -> None:
    _, prefix = SECTIONS[heading]
    for name, (variable, _, _) in rows(heading).items():
        assert variable == (f"{prefix}{name.upper()}" if prefix else "")


@each_section
def test_the_defaults_are_those_of_the_code(heading: str) -> None:
    model, _ = SECTIONS[heading]
    documented = rows(heading)
    wrong = [
        name
        for name, field in model.model_fields.items()
        if not says_default(field, documented[name][1])
    ]
    assert wrong == []


def says_default(field: FieldInfo, cell: str) -> bool:
    """Whether a table's cell says the field's default: as text, JSON or an ISO 8601 duration."""
    if field.is_required():
        return cell == "required"
    default = field.get_default(call_default_factory=True)
    if not default and default is not False:
        # Empty means none, or a default that depends on another setting.
        return cell != "required"
    written = cell.strip("`")
    adapter: TypeAdapter[Any] = TypeAdapter(cast("Any", field.annotation))
    for read_value in (adapter.validate_python, adapter.validate_json):
        try:
            if read_value(written) == default:
                return True
        except ValidationError:
            continue
    return False
