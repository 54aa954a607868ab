"""The rules of each directory, as far as a program can check them.

docs/publish.md names the source of each rule and the day on which it was read. Each file holds one rule.
"""

from collections.abc import Mapping

from mcp_gateway.publishing.checks.account import account
from mcp_gateway.publishing.checks.address import address
from mcp_gateway.publishing.checks.approved_list import approved_list
from mcp_gateway.publishing.checks.current_card import current_card
from mcp_gateway.publishing.checks.descriptions import descriptions
from mcp_gateway.publishing.checks.examples import examples
from mcp_gateway.publishing.checks.links import REGISTRY_LINKS, links
from mcp_gateway.publishing.checks.logos import logos
from mcp_gateway.publishing.checks.mixed_tools import mixed_tools
from mcp_gateway.publishing.checks.namespace import namespace
from mcp_gateway.publishing.checks.reasons import reasons
from mcp_gateway.publishing.checks.screenshots import screenshots
from mcp_gateway.publishing.checks.sensitive_arguments import sensitive_arguments
from mcp_gateway.publishing.checks.served import served
from mcp_gateway.publishing.checks.texts import CLAUDE, OPENAI, REGISTRY, texts
from mcp_gateway.publishing.checks.tool_names import tool_names
from mcp_gateway.publishing.finding import Check, Finding, Submission

_TOOLS: tuple[Check, ...] = (tool_names, descriptions, mixed_tools)
CHECKS: Mapping[str, tuple[Check, ...]] = {
    "claude": (
        address,
        current_card,
        *_TOOLS,
        reasons("read_only", "destructive"),
        texts(CLAUDE),
        links("documentation", "privacy_policy", "support"),
        logos(),
        screenshots,
        examples(positive=3),
        account,
        approved_list("claude"),
    ),
    "openai": (
        address,
        current_card,
        *_TOOLS,
        sensitive_arguments,
        reasons("read_only", "destructive", "open_world"),
        texts(OPENAI),
        links("website", "privacy_policy", "terms_of_service", "support"),
        logos(),
        examples(positive=5, negative=3),
        account,
        served("openai-apps-challenge"),
        approved_list("openai"),
    ),
    "registry": (
        address,
        current_card,
        texts(REGISTRY),
        links(keys=REGISTRY_LINKS),
        namespace,
        served("mcp-registry-auth"),
    ),
}
"""Directory to its rules."""


def check(submission: Submission, directory: str) -> list[Finding]:
    """Apply every rule of a directory."""
    return [finding for rule in CHECKS[directory] for finding in rule(submission)]
