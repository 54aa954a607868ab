"""The gateway's part of `gatepost config`: check everything that its settings name."""

from collections.abc import Sequence

from gatepost.settings import Section, SettingsError
from mcp_gateway.call_events.spool import Spool, SpoolBroken
from mcp_gateway.catalogue.lock import LockError
from mcp_gateway.directories.approved import describe_drift, find_drift, read_approvals
from mcp_gateway.directories.published import read_published
from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.several.load_apis import load_apis
from mcp_gateway.settings import McpGatewaySettings
from mcp_gateway.signing_key import load_signing_key
from mcp_gateway.upstream.credentials.open import require_usable


def check(settings: McpGatewaySettings) -> Sequence[str]:
    """Load the manifests with their documents, and the signing key and the spool if they exist."""
    problems = []
    try:
        catalogue = load_apis(settings.served_apis)
        require_usable(settings.served_apis, catalogue)
        folder = settings.served_apis[0].manifest.parent
        if drift := find_drift(catalogue, read_approvals(folder)):
            problems.append(describe_drift(drift))
    except (ManifestError, SettingsError, LockError) as error:
        problems.append(str(error))
    try:
        read_published(settings.published, resource=settings.resource, path=settings.path)
    except SettingsError as error:
        problems.append(str(error))
    try:
        if settings.signing_key.exists():
            load_signing_key(settings.signing_key)
    except SettingsError as error:
        problems.append(str(error))
    try:
        if settings.spool.exists():
            Spool(settings.spool).close()
    except SpoolBroken as error:
        problems.append(f"event_spool: {settings.spool} can't be used: {error}")
    return problems


def notes(settings: McpGatewaySettings) -> Sequence[str]:
    """Tell which events and skills of the manifests the settings leave out, and which secrets are unused."""
    catalogue = load_apis(settings.served_apis)
    given = settings.event_secrets
    found = [
        f"events.{name} has no secret, so its events are refused: set event_secrets.{name}"
        for name in catalogue.webhooks
        if not given.get(name)
    ]
    known = ", ".join(catalogue.webhooks) or "none"
    found += [
        f"event_secrets.{name}: no manifest has a webhook of this name; they have {known}"
        for name in given
        if name not in catalogue.webhooks
    ]
    if catalogue.skills and not settings.serve_skills:
        found.append("skills are not served: set serve_skills: true")
    return found


SECTION = Section(McpGatewaySettings, check, notes)
