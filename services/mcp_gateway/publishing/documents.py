"""The machine-readable documents: `server.json`, the server card, the AI catalog and the tool list."""

from typing import Any

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from gatepost.network.organisation_address import organisation_prefix
from mcp_gateway.catalogue.tool import publish_tool
from mcp_gateway.directories.published import CARD_SUFFIX, CARD_TYPE
from mcp_gateway.publishing.finding import Submission
from mcp_gateway.publishing.hints import justify

_SCHEMAS = "https://static.modelcontextprotocol.io/schemas"
SERVER_SCHEMA = f"{_SCHEMAS}/2025-12-11/server.schema.json"
CARD_SCHEMA = f"{_SCHEMAS}/v1/server-card.schema.json"
OPENAI_SCHEMA = "https://developers.openai.com/apps-sdk/schemas/chatgpt-app-submission.v1.json"
_REVISIONS = [*MODERN_PROTOCOL_VERSIONS, *reversed(HANDSHAKE_PROTOCOL_VERSIONS)]
Json = dict[str, Any]


def write_server_json(submission: Submission) -> Json:
    """Return the entry for the official registry."""
    return {"$schema": SERVER_SCHEMA, **_identity(submission), "remotes": _remotes(submission)}


def write_card(submission: Submission) -> Json:
    """Return the server card, which names no tool (SEP-2127)."""
    remotes = [
        {**remote, "supportedProtocolVersions": _REVISIONS} for remote in _remotes(submission)
    ]
    return {"$schema": CARD_SCHEMA, **_identity(submission), "remotes": remotes}


def write_catalog(submission: Submission) -> Json:
    """Return the AI catalog of the gateway's host, with the one server card."""
    listing = submission.listing
    name = listing.name.partition("/")[2]
    return {
        "specVersion": "1.0",
        "entries": [
            {
                "identifier": f"urn:air:{listing.domain}:mcp:{name}",
                "type": CARD_TYPE,
                "url": submission.resource + CARD_SUFFIX,
            }
        ],
    }


def write_tools(submission: Submission) -> list[Json]:
    """Return every tool as `tools/list` answers it, with a reason for each annotation."""
    return [
        {**publish_tool(tool), "reasons": dict(justify(submission, name))}
        for name, tool in submission.catalogue.tools.items()
    ]


def write_openai(submission: Submission) -> Json:
    """Return the file that OpenAI's form reads."""
    listing = submission.listing
    document: Json = {
        "$schema": OPENAI_SCHEMA,
        "schema_version": 1,
        "app_info": {
            "display_name": listing.title,
            "subtitle": listing.subtitle,
            "description": listing.about or listing.description,
            "category": listing.category,
        },
        "tools": {name: _openai_tool(submission, name) for name in submission.catalogue.tools},
    }
    positive = [one for one in listing.examples if one.tools]
    # The form refuses a list that is too short.
    if len(positive) >= 5:
        document["test_cases"] = [_case(one.prompt, one.tools, one.expected) for one in positive]
    if len(listing.negative_examples) >= 3:
        document["negative_test_cases"] = [
            _case(one.prompt, (), one.expected) for one in listing.negative_examples
        ]
    return document


def _identity(submission: Submission) -> Json:
    listing = submission.listing
    icons = [
        {"src": logo.url, "mimeType": mime, **({"theme": theme} if theme else {})}
        for logo, theme in ((listing.logo, ""), (listing.logo_dark, "dark"))
        if logo is not None and logo.url
        for mime in [_MIME.get(logo.file.suffix.lower(), "image/png")]
    ]
    identity: Json = {
        "name": listing.name,
        "title": listing.title,
        "description": listing.description,
        "version": listing.version,
    }
    if listing.website:
        identity["websiteUrl"] = listing.website
    if icons:
        identity["icons"] = icons
    return identity


_MIME = {".png": "image/png", ".svg": "image/svg+xml"}


def _remotes(submission: Submission) -> list[Json]:
    remotes: list[Json] = [{"type": "streamable-http", "url": submission.resource}]
    if submission.listing.organisation_addresses:
        about = f"The id of your organisation in {submission.catalogue.name}."
        remotes.append(
            {
                "type": "streamable-http",
                "url": f"{organisation_prefix(submission.resource)}{{organisation}}",
                "variables": {"organisation": {"description": about, "isRequired": True}},
            }
        )
    return remotes


def _openai_tool(submission: Submission, name: str) -> Json:
    tool, reasons = submission.catalogue.tools[name], justify(submission, name)
    return {
        "annotations": {
            "readOnlyHint": tool.read_only,
            "openWorldHint": tool.open_world,
            "destructiveHint": tool.destructive,
        },
        "justifications": {
            "read_only_justification": reasons["read_only"],
            "open_world_justification": reasons["open_world"],
            "destructive_justification": reasons["destructive"],
        },
    }


def _case(prompt: str, tools: tuple[str, ...], expected: str) -> Json:
    return {
        "description": prompt,
        "user_prompt": prompt,
        "file_attachment_urls": None,
        "tools_triggered": ", ".join(tools) or None,
        "expected_output": expected,
        "expected_output_url": None,
    }
