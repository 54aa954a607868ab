"""A settings file's values: secrets by reference, and paths relative to the file.

The file refers to a secret as `{env: NAME}` or `{file: PATH}`, so that people can share the file and
put it under version control.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, GetJsonSchemaHandler, SecretStr
from pydantic_core import CoreSchema

_LARGEST = 64 << 10
_FORMS = "{env: NAME} or {file: PATH}"

Place = tuple[str | int, ...]
"""Keys and positions from the section down to a value."""


class UrlWithSecret:
    """Marks a URL that must be a reference if it contains a password."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Allow the URL itself or a reference."""
        return {"anyOf": [{"type": "string"}, {"type": "string", "format": "password"}]}


@dataclass(frozen=True, slots=True)
class FileValues:
    """Reads the values of one file and collects errors in `problems`."""

    folder: Path
    problems: list[tuple[Place, str]] = field(default_factory=list)

    def read(
        self, model: type[BaseModel], values: dict[str, Any], at: Place = ()
    ) -> dict[str, Any]:
        """Resolve references and make paths absolute; other values stay unchanged."""
        read = dict(values)
        for name, known in model.model_fields.items():
            if name in read:
                is_url = any(isinstance(mark, UrlWithSecret) for mark in known.metadata)
                read[name] = self._read(known.annotation, read[name], (*at, name), is_url=is_url)
        return read

    def _read(self, kind: Any, value: Any, at: Place, *, is_url: bool = False) -> Any:
        origin, inner = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return self._read(inner[0], value, at, is_url=is_url)
        if is_url or kind is SecretStr:
            return self._secret(value, at, is_url=is_url)
        if kind is Path and isinstance(value, str):
            return self.folder / value
        if origin in {Union, UnionType}:
            for member in inner:
                value = self._read(member, value, at)
        elif origin in {tuple, list} and isinstance(value, list):
            return [self._read(inner[0], item, (*at, n)) for n, item in enumerate(value)]
        elif origin is dict and isinstance(value, dict):
            return {name: self._read(inner[1], item, (*at, name)) for name, item in value.items()}
        elif isinstance(kind, type) and issubclass(kind, BaseModel) and isinstance(value, dict):
            return self.read(kind, value, at)
        return value

    def _secret(self, value: Any, at: Place, *, is_url: bool) -> Any:
        match value:
            case {"env": str(name), **others} if not others:
                if secret := os.environ.get(name):
                    return secret if is_url else SecretStr(secret)
                self.problems.append((at, f"the environment variable {name} is not set"))
            case {"file": str(name), **others} if not others:
                if secret := self._file(name, at):
                    return secret if is_url else SecretStr(secret)
            case str() if is_url and not _has_password(value):
                return value
            case str() if is_url:
                self.problems.append((at, f"contains a password: write {_FORMS} for the whole URL"))
            case str() | int() | float():
                self.problems.append((at, f"must not contain the secret itself: write {_FORMS}"))
            case None | SecretStr():
                return value
            case _:
                self.problems.append((at, f"write {_FORMS}"))
        return None

    def _file(self, name: str, at: Place) -> str | None:
        path = self.folder / name
        try:
            with path.open("rb") as opened:
                text = opened.read(_LARGEST + 1).decode().strip("\r\n")
        except OSError as error:
            self.problems.append((at, f"{path} can't be read: {error.strerror}"))
        except UnicodeDecodeError:
            self.problems.append((at, f"{path} is not UTF-8 text"))
        else:
            if text and len(text) <= _LARGEST:
                return text
            self.problems.append((at, f"{path} {'is too large' if text else 'is empty'}"))
        return None


def describe_secrets(schema: Any) -> Any:
    """Replace the secrets of a JSON Schema by references, as the file has them."""
    if isinstance(schema, list):
        return [describe_secrets(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "password":
        return {"$ref": "#/$defs/Secret"} | {
            key: schema[key] for key in ("description",) if key in schema
        }
    return {key: describe_secrets(part) for key, part in cast("dict[str, Any]", schema).items()}


SECRET_SCHEMA = {
    "description": "The source of the secret: an environment variable or a file.",
    "type": "object",
    "oneOf": [
        {"required": ["env"], "properties": {"env": {"type": "string"}}},
        {"required": ["file"], "properties": {"file": {"type": "string"}}},
    ],
    "minProperties": 1,
    "maxProperties": 1,
}


def _has_password(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = any("password" in name for name in parse_qs(parts.query))
        return named or parts.password is not None
    except ValueError:
        return "@" in url
