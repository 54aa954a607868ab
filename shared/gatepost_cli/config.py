"""`gatepost config`: check the configuration of both services; print its JSON Schema."""

import json
import os
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click

from gatepost.references import SECRET_SCHEMA, describe_secrets
from gatepost.settings import SECTIONS, Section, ServiceSettings, SettingsError, read_section
from gatepost_cli.terminal import echo


@click.group()
def config() -> None:
    """Check gatepost.yaml, or print its JSON Schema for editors."""


@config.command()
def schema() -> None:
    """Print the JSON Schema of gatepost.yaml, which `gatepost init` also writes."""
    echo(write_schema(), nl=False)


@config.command()
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Path of gatepost.yaml.  [default: $GATEPOST_CONFIG]",
)
def check(path: Path | None) -> None:
    """Check the whole configuration and all files it names; exit with 1 if there is a problem.

    It also notes what the services would leave out, such as events without a secret. The command starts
    and writes nothing.
    """
    path = ServiceSettings.config_file(path)
    problems: list[str] = []
    loaded: dict[str, Any] = {}
    sections = _sections()
    for name, section in sections.items():
        try:
            if _is_absent(path, section):
                echo(f"{name}: not configured here")
                continue
            loaded[name] = section.settings.load(path)
        except SettingsError as error:
            problems.append(str(error))
        else:
            problems += [f"{name}: {problem}" for problem in section.check(loaded[name])]
    if len(loaded) == len(SECTIONS):
        problems += _disagreements(loaded["auth_server"], loaded["mcp_gateway"])
    if not loaded and not problems:
        problems.append("no configuration found: name the file with --config")
    if problems:
        # Both sections report the same problem of a broken file.
        raise click.ClickException("\n".join(dict.fromkeys(problems)))
    echo(f"{path or 'The environment'}: {' and '.join(loaded)} can be started.")
    for name, settings in loaded.items():
        for note in sections[name].notes(settings):
            echo(f"note: {name}: {note}", err=True)


def write_schema() -> str:
    """Write the JSON Schema (2020-12) of the file, with a section for each installed service."""
    properties: dict[str, Any] = {}
    definitions: dict[str, Any] = {"Secret": SECRET_SCHEMA}
    for name, section in _sections().items():
        model = _without_titles(describe_secrets(section.settings.model_json_schema()))
        definitions |= model.pop("$defs", {})
        # The environment may provide the keys that the file leaves out.
        model.pop("required", None)
        properties[name] = model
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gatepost.yaml",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "$defs": definitions,
    }
    return json.dumps(document, indent=2) + "\n"


def _sections() -> dict[str, Section]:
    found: dict[str, Section] = {}
    for point in sorted(entry_points(group="gatepost.sections"), key=lambda point: point.name):
        try:
            found[point.name] = point.load()
        except ModuleNotFoundError:
            continue  # the service's packages are not installed
    return found


def _is_absent(path: Path | None, section: Section) -> bool:
    """Whether neither the file nor the environment says anything about a service."""
    prefix = str(section.settings.model_config.get("env_prefix") or "").upper()
    is_set = any(name.startswith(prefix) for name in os.environ)
    return not is_set and (path is None or not read_section(path, section.settings.section)[0])


def _disagreements(issuing: Any, gateway: Any) -> list[str]:
    problems = []
    if gateway.issuer != issuing.issuer:
        problems.append(
            f"mcp_gateway.issuer is {gateway.issuer} but auth_server.issuer is {issuing.issuer}: "
            "services compare them byte by byte"
        )
    resource = issuing.find_resource(gateway.resource)
    if resource is None:
        problems.append(
            f"auth_server.resources does not contain mcp_gateway.resource, {gateway.resource}"
        )
    for api in gateway.served_apis:
        for name, credential in api.credentials.items():
            linked = credential.provider if credential.mode == "linked_account" else None
            if resource is not None and linked is not None and linked not in resource.links:
                problems.append(
                    f"mcp_gateway.{api.setting('credentials')}.{name}.provider is {linked}, which "
                    "links of the resource in auth_server.resources does not contain"
                )
    if (issuing.redis_url is None) != (gateway.redis_url is None):
        problems.append("redis_url: set it in both sections or neither, or revocations get lost")
    return problems


def _without_titles(schema: Any) -> Any:
    """Remove the titles, which repeat each key's name."""
    if isinstance(schema, list):
        return [_without_titles(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_titles(part)
        for key, part in schema.items()
        if key != "title" or not isinstance(part, str)
    }
