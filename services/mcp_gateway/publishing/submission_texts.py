"""What to enter in a directory's form, as Markdown."""

from collections.abc import Iterator

from mcp_gateway.publishing.finding import Submission
from mcp_gateway.publishing.hints import HINTS, justify
from mcp_gateway.publishing.listing import Example, Logo

CALLBACKS = {
    "claude": (
        "https://claude.ai/api/mcp/auth_callback",
        "https://claude.com/api/mcp/auth_callback",
    ),
    "openai": ("https://chatgpt.com/connector_platform_oauth_redirect",),
}
"""Where each directory's app wants authorization codes; `gatepost doctor` tries them."""
_FORMS = {
    "claude": "Anthropic's Connectors Directory",
    "openai": "OpenAI's directory of plugins",
    "registry": "the official MCP registry",
}


def packaged_name(key: str, logo: Logo) -> str:
    """Return the name of a logo's file in the package."""
    return f"{key.replace('_', '-')}{logo.file.suffix.lower()}"


def write_submission(submission: Submission, directory: str, proof: str) -> str:
    """Return the text for one directory."""
    if directory == "registry":
        return "\n".join(_registry(submission, proof))
    return "\n".join(_form(submission, directory))


def _form(submission: Submission, directory: str) -> Iterator[str]:
    listing = submission.listing
    yield f"# {listing.title} for {_FORMS[directory]}\n"
    yield "Check the present form before you copy: directories change their questions.\n"
    yield "| field | value |\n|---|---|"
    fields = {
        "Name": listing.title,
        "Short text": listing.subtitle or listing.description,
        "Description": listing.about or listing.description,
        "Category": listing.category,
        "Server URL": submission.resource,
        "Transport": "Streamable HTTP",
        "Authentication": "OAuth 2.1 with PKCE; client metadata documents or dynamic registration",
        "Callback": " or ".join(CALLBACKS[directory]),
        "Company": listing.company,
        "Contact": listing.contact,
        "Website": listing.website,
        "Documentation": listing.documentation,
        "Privacy policy": listing.privacy_policy,
        "Terms of service": listing.terms_of_service,
        "Support": listing.support,
        "Logo": " and ".join(
            packaged_name(key, logo)
            for key, logo in (("logo", listing.logo), ("logo_dark", listing.logo_dark))
            if logo is not None
        ),
    }
    for field, value in fields.items():
        yield f"| {field} | {_cell(value) or '**missing**'} |"
    yield "\n## Test account\n"
    yield from _account(submission)
    yield "\n## Tools\n"
    yield "| tool | annotation | value | reason |\n|---|---|---|---|"
    yield from _hints(submission)
    yield "\n## Examples\n"
    yield from _examples(listing.examples)
    if listing.negative_examples:
        yield "\n## Prompts that must not call the server\n"
        yield from _examples(listing.negative_examples)
    yield ""


def _account(submission: Submission) -> Iterator[str]:
    account = submission.listing.test_account
    if account is None:
        yield "**missing**"
        return
    yield f"- User: {_cell(account.user)}"
    yield "- Password: enter it in the form; it is in no file of this package."
    yield f"- Signing in: {_cell(account.sign_in)}"
    yield f"- Data: {_cell(account.data)}"
    yield f"- Second factor: {'yes' if account.two_factor else 'none'}"


def _hints(submission: Submission) -> Iterator[str]:
    for name, tool in submission.catalogue.tools.items():
        said = justify(submission, name)
        for hint in HINTS:
            value = "yes" if getattr(tool, hint) else "no"
            reason = _cell(said[hint]) or "**missing**"
            yield f"| `{name}` | {hint.replace('_', ' ')} | {value} | {reason} |"


def _examples(examples: tuple[Example, ...]) -> Iterator[str]:
    for one in examples:
        tools = f" ({', '.join(f'`{tool}`' for tool in one.tools)})" if one.tools else ""
        yield f"1. {_cell(one.prompt)}{tools}"
        if one.expected:
            yield f"   {_cell(one.expected)}"
    if not examples:
        yield "**missing**"


def _registry(submission: Submission, proof: str) -> Iterator[str]:
    listing = submission.listing
    yield f"# {listing.name} for the official MCP registry\n"
    yield "`server.json` is the entry. Prove the domain in one of two ways, then publish it.\n"
    yield f"- Over HTTP: `https://{listing.domain}/.well-known/mcp-registry-auth` answers"
    yield f"  `{proof}`. The gateway does it for its own host with the setting `published`."
    yield f"- By DNS: a TXT record at the apex of {listing.domain}:\n"
    yield f'  `{listing.domain}. IN TXT "{proof}"`\n'
    yield "The private key that belongs to it stays beside the manifest. Each version is published once."
    yield ""


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
