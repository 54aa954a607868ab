"""The API's credential must come from the gateway, not from the model."""

from collections.abc import Iterator

from mcp_gateway.openapi.credential_arguments import credential_arguments as credentials_among
from mcp_gateway.review.lint.finding import Finding, ReviewedManifest


def credential_arguments(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Report arguments that look like the API's own credential."""
    for name, tool in reviewed.catalogue.tools.items():
        required = tool.input_schema.get("required", ())
        for argument in credentials_among(tool.input_schema, tool.operation):
            if "." in argument or "[" in argument:
                fix = (
                    "set `expose: false`, or fill the whole argument with a `value` without secrets"
                )
            elif argument in required:
                fix = f"fill it: `fill: {{{argument}: {{credential: NAME}}}}`"
            else:
                fix = (
                    f"leave it out: `fill: {{{argument}: {{omit: true}}}}`, or name a `credential`"
                )
            message = (
                f"the model is asked for {argument}, which looks like the API's own credential"
            )
            yield Finding(name, "warning", message, fix)
