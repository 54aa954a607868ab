"""Tokens of published output schemas, for every tool of the documents of Stripe and GitHub.

`./dev bench output_schemas` describes all tools without and with `output: publish`. A token is four bytes of
JSON, as `gatepost tools tokens` counts.
"""

import json
import math
import sys
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from mcp_gateway.catalogue.tool import publish_tool
from mcp_gateway.importing.proposal import propose
from mcp_gateway.manifest.entries import ManifestError, ToolEntry
from mcp_gateway.manifest.make_tool import describe_output
from mcp_gateway.openapi.document import load_openapi
from support.processes.openapi_corpus import DIRECTORY, GITHUB, install


def tokens(value: Any) -> int:
    """Count the tokens of JSON."""
    return math.ceil(len(json.dumps(value, separators=(",", ":")).encode()) / 4)


def measure(label: str, path: Path) -> None:
    """Print the figures of one document."""
    document = load_openapi(path)
    proposed = propose(document, name=label, bind={}, expose_all=True).proposed
    plain = [tokens(publish_tool(one.tool)) for one in proposed]
    schemas = []
    for one in proposed:
        entry = ToolEntry(one.tool.name, one.found.key, output=True)
        paged = one.tool.compiled_shape.pages is not None
        try:
            output = describe_output(entry, document, one.found, paged=paged)
        except ManifestError:
            continue
        assert output is not None
        schemas.append(tokens(output.schema))
    sys.stdout.write(
        f"{label}: {len(proposed)} tools, {sum(plain):,} tokens, median {median(plain):,.0f}\n"
        f"  {len(schemas)} output schemas, {sum(schemas):,} tokens, median {median(schemas):,.0f}, "
        f"most {max(schemas):,}\n"
    )


def main() -> None:
    """Measure both documents."""
    measure("Stripe", install(DIRECTORY) / "api" / "stripe.com.json")
    measure("GitHub", install(GITHUB) / "generated" / "api.github.com.json")


if __name__ == "__main__":
    main()
