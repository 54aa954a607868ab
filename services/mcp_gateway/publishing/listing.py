"""`publish.yaml`: what directories show people and reviewers, beside the manifest."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gatepost.document import DocumentError, read_document

LISTING_FILE = "publish.yaml"
"""Its file name, beside a manifest."""
_SECRET = re.compile(
    r"PRIVATE KEY-----|\b(?:mcp_(?:live|test)_|sk[-_]|gh[pousr]_|xox[a-z]-|AKIA)[\w-]{12,}|"
    r"\bpass(?:word|wort|phrase|code)\W{1,4}(?:is\W+)?(?=\S*\d)(?=\S*[A-Za-z])\S{6,}",
    re.IGNORECASE,
)
"""Keys of known forms, and what follows the word password and has letters and digits."""
REGISTRY_KEY = "registry-key.pem"
"""The name of the private key that proves the domain, beside a manifest."""


_NEVER = "give passwords and keys in the directory's form, never in a file"


class ListingError(Exception):
    """The file can't be used; the message names each problem."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Example(_Part):
    """Something that a person could ask for."""

    prompt: str
    tools: tuple[str, ...] = ()
    """The tools that should be called; none for a prompt that must not call the server."""
    expected: str = ""
    """What the person should get."""


class TestAccount(_Part):
    """An account with data for reviewers. Its password does not belong in this file."""

    __test__ = False

    user: str
    sign_in: str
    """How to sign in, step by step."""
    data: str
    """What the account contains."""
    two_factor: bool = False
    """Whether signing in takes a second factor or a code by mail, which reviewers don't have."""
    password: None = None
    """Never set. Give the password in the directory's form."""


class Reasons(_Part):
    """Why a tool has its annotations, in one sentence each; empty if the gateway's own sentence is right."""

    read_only: str = ""
    destructive: str = ""
    idempotent: str = ""
    open_world: str = ""


class Logo(_Part):
    """One picture of the product."""

    file: Path
    """A square PNG or SVG, relative to this file."""
    url: str = ""
    """Where your website serves the same picture."""


class Listing(_Part):
    """What directories show and ask for."""

    name: str
    """The server's name in reverse-DNS form with one slash, such as `com.example/orbit`."""
    version: str
    """The version of this listing, such as `1.0.0`. The official registry takes each version once."""
    title: str
    description: str
    """At most 100 characters."""
    subtitle: str = ""
    """At most 30 characters."""
    about: str = ""
    """A longer description for people."""
    category: str = ""
    """One of OpenAI's categories, such as `PRODUCTIVITY`."""
    company: str = ""
    contact: str = ""
    """The e-mail address that reviewers write to."""
    website: str = ""
    documentation: str = ""
    privacy_policy: str = ""
    terms_of_service: str = ""
    support: str = ""
    """A URL or an e-mail address."""
    logo: Logo | None = None
    logo_dark: Logo | None = None
    screenshots: tuple[Path, ...] = ()
    """Pictures of the answers that hosts show as apps, relative to this file."""
    organisation_addresses: bool = False
    """Whether to list the addresses of organisations, too."""
    examples: tuple[Example, ...] = ()
    negative_examples: tuple[Example, ...] = ()
    test_account: TestAccount | None = None
    reasons: dict[str, Reasons] = Field(default_factory=dict)
    """Tool name to the reasons for its annotations."""
    openai_challenge: str = Field(default="", pattern=r"^[!-~]{0,4096}$")
    """The token with which OpenAI verifies the domain."""

    @property
    def namespace(self) -> str:
        """The part of the name before the slash."""
        return self.name.partition("/")[0]

    @property
    def domain(self) -> str:
        """The domain that the name belongs to."""
        return ".".join(reversed(self.namespace.split(".")))


def read_listing(path: Path) -> Listing:
    """Read the listing.

    Raises:
        ListingError: the file is missing or has an unknown, missing or malformed key.
    """
    try:
        source = read_document(path)
        if secrets := [place for place, text in _texts("", source) if _SECRET.search(text)]:
            raise ListingError(
                "\n".join(f"{path}: {place}: seems to hold a secret; {_NEVER}" for place in secrets)
            )
        return Listing.model_validate(source)
    except DocumentError as error:
        hint = "" if path.exists() else "; write one with `gatepost publish --init`"
        raise ListingError(f"{path}: {error}{hint}") from None
    except ValidationError as error:
        problems = [_explain(path, one) for one in error.errors(include_url=False)]
        raise ListingError("\n".join(problems)) from None


def _texts(place: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield every text in a document with its place."""
    if isinstance(value, str):
        yield place.removeprefix("."), value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(f"{place}.{key}", inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(f"{place}.{number}", inner)


def _explain(path: Path, error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    if error["loc"][-1:] == ("password",):
        return f"{path}: {place}: remove it; {_NEVER}"
    said = {
        "missing": "missing",
        "extra_forbidden": "unknown key",
        "string_type": "must be a text; write it in quotes",
    }.get(error["type"], error["msg"])
    return f"{path}: {place}: {said}"
