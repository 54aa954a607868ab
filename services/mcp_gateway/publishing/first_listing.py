"""A first `publish.yaml`, with what the manifest and the settings say."""

from urllib.parse import urlsplit

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.publishing.hosts import is_public_host

_TEMPLATE = """\
# What directories show and ask for. Their rules: docs/publish.md. Never write a password into this file.
name: {namespace}/{name}
version: 1.0.0
title: {title}
description: {description}   # at most 100 characters
subtitle: ""             # at most 30 characters
about: ""                # for people who choose
category: PRODUCTIVITY   # OpenAI
company: ""
contact: ""              # an e-mail address for reviewers
website: ""
documentation: ""
privacy_policy: ""
terms_of_service: ""
support: ""              # a URL or an e-mail address
# logo: {{file: logo.svg, url: "https://…"}}
examples:                # Anthropic asks for three, OpenAI for five
{examples}
negative_examples: []    # OpenAI asks for three prompts that must not call the server
# test_account: {{user: …, sign_in: …, data: …}}
reasons: {{}}              # TOOL: {{destructive: Why it is not.}}
"""


def write_first_listing(catalogue: Catalogue, resource: str) -> str:
    """Return the text, with an example for each of the first tools."""
    host = urlsplit(resource).hostname or ""
    if not is_public_host(host) or not host[-1].isalpha():
        host = "mcp.example.com"
    title = " ".join(catalogue.name.split())
    examples = [
        f'  - prompt: {_quote(tool.title + ".")}\n    tools: [{tool.name}]\n    expected: ""'
        for tool in list(catalogue.tools.values())[:3]
    ]
    return _TEMPLATE.format(
        namespace=".".join(reversed(host.split("."))),
        name="".join(one if one.isalnum() and one.isascii() else "-" for one in title.lower())
        or "server",
        title=_quote(title),
        description=_quote(f"Work with {title[:60]} in your AI assistant."),
        examples="\n".join(examples) or "  []",
    )


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
