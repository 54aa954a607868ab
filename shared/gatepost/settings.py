"""The base of each service's settings: one section of `gatepost.yaml`, overridden by environment.

Precedence, strongest first: environment (`GATEPOST_AUTH_…`, `GATEPOST_MCP_…`), files in the
directory that `GATEPOST_SECRETS_DIR` names (one per field, named like its environment variable, as
container platforms mount them), the section of the file named by `--config` or `GATEPOST_CONFIG`.
"""

import difflib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from gatepost.document import DocumentError, find_line, parse_document, read_bytes
from gatepost.network.redis_url import read_redis_url
from gatepost.references import FileValues, Place, UrlWithSecret
from gatepost.text.known_keys import known_keys
from gatepost.tracing.settings import TracingSettings

_PLAIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/\-]*)?")
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
SECTIONS = ("auth_server", "mcp_gateway")
_LAME_DUCK_SECONDS = 10.0


class SettingsError(Exception):
    """The configuration can't be used; the message names each field and what to set."""


class ServiceSettings(BaseSettings):
    """Typed, frozen settings, read once at start-up; the module docstring lists their sources."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")
    section: ClassVar[str]

    idle_connection_seconds: int = Field(
        default=75,
        ge=1,
        le=3600,
        description="How long an idle connection stays open. Choose more than your load balancer's "
        "idle timeout, or it may send a request on a connection that is being closed.",
    )
    lame_duck_seconds: float | None = Field(
        default=None,
        ge=0,
        le=300,
        description="How long a process that was told to stop serves everything while `/readyz` says "
        "that it drains, so that load balancers send their requests elsewhere. By default 10, or 0 "
        "if the public URL is on this machine.",
    )
    finish_seconds: float = Field(
        default=15,
        ge=0,
        le=600,
        description="How long running requests have after that to finish. The process needs up to ten "
        "seconds more to deliver what it holds: give it the sum before you kill it.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources as the module docstring says."""
        return (env_settings, file_secret_settings, init_settings)

    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="The port on which the process serves its metrics at `/metrics`; 0 is any free one. "
        "Without it, metrics are not served.",
    )
    metrics_host: str = Field(
        default="127.0.0.1",
        description="The address for the metrics. Anybody who reaches it can read them, so choose one "
        "that is not public.",
    )

    tracing: TracingSettings | None = Field(
        default=None,
        description="Where the spans of some requests are sent; without it, nothing is traced.",
    )

    def lame_duck(self, public_url: str) -> float:
        """Return how long a process of this public URL serves everything after it was told to stop."""
        if self.lame_duck_seconds is not None:
            return self.lame_duck_seconds
        return 0 if urlsplit(public_url).hostname in LOOPBACK_HOSTS else _LAME_DUCK_SECONDS

    @staticmethod
    def config_file(given: Path | None) -> Path | None:
        """Choose the file to read: the given one, else the one that `GATEPOST_CONFIG` names."""
        named = os.environ.get("GATEPOST_CONFIG")
        return given if given is not None or not named else Path(named)

    @classmethod
    def load(cls, config: Path | None = None) -> Self:
        """Read this service's settings; relative paths in the file start at the file's folder.

        Args:
            config: the YAML file; by default `GATEPOST_CONFIG`, and without either only the
                environment is read.

        Raises:
            SettingsError: the file is missing or a field is missing, unknown or wrong.
        """
        config = cls.config_file(config)
        values, data = ({}, b"") if config is None else read_section(config, cls.section)
        file = FileValues((config or Path()).absolute().parent)
        values = file.read(cls, values)
        problems = list(file.problems)
        prefix = str(cls.model_config.get("env_prefix") or "").upper()
        try:
            settings = cls(_secrets_dir=os.environ.get("GATEPOST_SECRETS_DIR"), **values)
        except ValidationError as error:
            found = error.errors(include_input=False, include_url=False)
            # A list of which every item is refused is not also told to be empty.
            refused = {one["loc"][:n] for one in found for n in range(len(one["loc"]))}
            found = [
                one for one in found if one["type"] != "too_short" or one["loc"] not in refused
            ]
            told = {at for at, _ in problems}
            problems += [
                (problem["loc"], cls._advise(problem, prefix))
                for problem in found
                if not told & {problem["loc"][:n] for n in range(len(problem["loc"]) + 1)}
            ]
        if not problems:
            return settings
        where = f"section {cls.section} of {config} or {prefix}…"
        if config is None:
            where = (
                f"{prefix}…; neither --config nor GATEPOST_CONFIG names a file, so none was read"
            )
        lines = [_tell(place, problem, data, cls.section) for place, problem in problems]
        raise SettingsError("\n".join([f"settings ({where}):", *lines]))

    @classmethod
    def _advise(cls, problem: ErrorDetails, prefix: str) -> str:
        """Describe the problem and, if it is known, the fix."""
        place = problem["loc"]
        if problem["type"] == "missing":
            variable = f" or as {prefix}{str(place[0]).upper()}" if len(place) == 1 else ""
            return f"is required: set it here{variable}"
        if problem["type"] == "extra_forbidden":
            known = known_keys(cls.model_json_schema(), place[:-1])
            near = difflib.get_close_matches(str(place[-1]), known, n=1)
            hint = f"did you mean {near[0]}?" if near else "remove it"
            return f"is not a setting; {hint}"
        if problem["type"] in {"tuple_type", "list_type", "set_type", "frozen_set_type"}:
            return "must be a list, such as [a, b]"
        if problem["type"] in {"dict_type", "model_type", "model_attributes_type"}:
            return "must be a mapping, such as {name: value}"
        said = problem["msg"].removeprefix("Value error, ")
        return said.replace("Input should be ", "must be ")


@dataclass(frozen=True, slots=True)
class Section:
    """A service as `gatepost config` sees it; each service registers its own as an entry point."""

    settings: type[ServiceSettings]
    check: Callable[[Any], Sequence[str]]
    """Lists the unusable files that keep a service with these (loaded) settings from starting; it
    changes nothing."""
    notes: Callable[[Any], Sequence[str]] = lambda settings: ()
    """Lists what a service with these (usable) settings would not do, though its files ask for it."""


def read_section(config: Path, section: str) -> tuple[dict[str, Any], bytes]:
    """Read one section of the file, empty if it is absent, and the file's bytes.

    Raises:
        SettingsError: the file is missing, malformed, or has an unknown section.
    """
    if not config.is_file():
        raise SettingsError(f"{config}: no such file; `gatepost init` writes one")
    try:
        data = read_bytes(config)
        document = parse_document(data) if data.strip() else {}
    except DocumentError as error:
        raise SettingsError(f"{config}: {error}") from None
    if unknown := sorted(document.keys() - set(SECTIONS)):
        near = difflib.get_close_matches(unknown[0], SECTIONS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"sections are {' and '.join(SECTIONS)}"
        line = find_line(data, (unknown[0],))
        raise SettingsError(f"{config}: line {line}: {unknown[0]} is not a section; {hint}")
    values = document.get(section) or {}
    if not isinstance(values, dict):
        raise SettingsError(f"{config}: {section} must be a mapping of settings")
    return values, data


def _tell(place: Place, problem: str, data: bytes, section: str) -> str:
    line = find_line(data, (section, *place)) if place and data else None
    name = ".".join(str(part) for part in place)
    return f"  {name}{f' (line {line})' if line else ''}{': ' if name else ''}{problem}"


def require_redis_url(url: SecretStr | None) -> SecretStr | None:
    """Refuse a value that is not a URL of Redis.

    Raises:
        ValueError: the message shows the formats, without the value.
    """
    if url is not None:
        read_redis_url(url.get_secret_value())
    return url


RedisUrl = Annotated[SecretStr | None, AfterValidator(require_redis_url), UrlWithSecret()]
"""The URL of a Redis server, a cluster, or the Sentinels of a server; None without Redis."""


def require_secure_url(url: str) -> str:
    """Refuse a public URL that is neither https nor http on a loopback host.

    Raises:
        ValueError: the message names the problem (a query, a fragment, a trailing slash, the scheme).
    """
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise ValueError("must be https (http is allowed only on 127.0.0.1, localhost and [::1])")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an https URL")
    if parts.query or parts.fragment or "@" in parts.netloc or "?" in url or "#" in url:
        raise ValueError("must not have a query, a fragment or a user name")
    default_port = {"http": ":80", "https": ":443"}[parts.scheme]
    if parts.netloc != parts.netloc.lower() or parts.netloc.endswith(default_port):
        # Browsers serialise origins that way, and origins are compared as text.
        raise ValueError("must have a lower-case host and must not name the default port")
    if not _PLAIN.fullmatch(url):
        # People copy it into commands, and some clients have executed a server's URL.
        raise ValueError("must contain only letters, digits and - . _ ~ /")
    if url.endswith("/"):
        raise ValueError("must not end with a slash: clients compare it byte by byte")
    return url
