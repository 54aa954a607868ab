"""Rules of `gatepost tools lint`, which make tools easy for models to use and safe for people.

Each rule is a function in a file of the same name.
"""

from mcp_gateway.review.lint.annotations import annotations
from mcp_gateway.review.lint.answers.job_fields import job_fields
from mcp_gateway.review.lint.answers.tenant_checks import tenant_checks
from mcp_gateway.review.lint.answers.value_paths import value_paths
from mcp_gateway.review.lint.argument_descriptions import argument_descriptions
from mcp_gateway.review.lint.credential_arguments import credential_arguments
from mcp_gateway.review.lint.descriptions import descriptions
from mcp_gateway.review.lint.finding import Finding, ReviewedManifest, Rule
from mcp_gateway.review.lint.flat_inputs import flat_inputs
from mcp_gateway.review.lint.hidden_characters import hidden_characters
from mcp_gateway.review.lint.lifecycle import lifecycle
from mcp_gateway.review.lint.pagination import pagination
from mcp_gateway.review.lint.passwords import passwords
from mcp_gateway.review.lint.stale_entries import stale_entries
from mcp_gateway.review.lint.tenant_arguments import tenant_arguments
from mcp_gateway.review.lint.token_cost import token_cost
from mcp_gateway.review.lint.verb_noun import verb_noun

RULES: tuple[Rule, ...] = (
    passwords,
    credential_arguments,
    tenant_arguments,
    tenant_checks,
    hidden_characters,
    annotations,
    lifecycle,
    job_fields,
    value_paths,
    stale_entries,
    verb_noun,
    descriptions,
    argument_descriptions,
    flat_inputs,
    pagination,
    token_cost,
)


def lint(reviewed: ReviewedManifest) -> list[tuple[str, Finding]]:
    """Apply every rule; return each rule's name with its findings."""
    return [(rule.__name__, finding) for rule in RULES for finding in rule(reviewed)]
