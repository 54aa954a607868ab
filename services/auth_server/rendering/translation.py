"""Read translations, and look up texts in them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from gettext import c2py  # undocumented: test_python_still_compiles_plural_rules checks it
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from auth_server.rendering.languages import SOURCE
from auth_server.rendering.static import UnusableFile

TRANSLATIONS = Path(__file__).parent / "translations"
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_TAG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(description="The language's name in itself.")
    plural: str = Field(default="n != 1", description="The plural form of a number, as in gettext.")
    texts: dict[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Translation:
    """One language: its tag, its own name, and its texts by the English ones."""

    tag: str
    name: str
    texts: Mapping[str, tuple[str, ...]]
    plural: Callable[[int], int]

    def gettext(self, text: str) -> str:
        """Translate a text, or return it in English if there is no translation."""
        found = self.texts.get(text)
        return found[0] if found else text

    def ngettext(self, one: str, many: str, number: int) -> str:
        """Translate a text that depends on a number."""
        found = self.texts.get(one)
        if found is None:
            return one if number == 1 else many
        return found[min(self.plural(number), len(found) - 1)]


def load_translations(folder: Path | None) -> dict[str, Translation]:
    """Read the package's translations, then the operator's folder, whose texts take precedence.

    Raises:
        UnusableFile: a file is malformed, or a text's placeholders differ from its source's.
    """
    found = {SOURCE: Translation(SOURCE, "English", {}, lambda number: int(number != 1))}
    files = sorted(TRANSLATIONS.glob("*.yaml"))
    if folder is not None:
        if not folder.is_dir():
            raise UnusableFile(f"translations: the folder {folder} does not exist")
        files += sorted(folder.glob("*.yaml"))
    for path in files:
        read = _read(path)
        before = found.get(read.tag)
        texts = {**before.texts, **read.texts} if before else read.texts
        found[read.tag] = Translation(read.tag, read.name, texts, read.plural)
    return found


def _read(path: Path) -> Translation:
    tag = path.stem.lower()
    if not _TAG.fullmatch(tag):
        raise UnusableFile(f"{path}: the file's name is not a language tag such as de or pt-br")
    try:
        content = _File.model_validate(yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader))
        plural = c2py(content.plural)
    except (yaml.YAMLError, ValueError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise UnusableFile(f"{path}: {reason}") from None
    texts = {
        source: (translated,) if isinstance(translated, str) else tuple(translated)
        for source, translated in content.texts.items()
    }
    for source, forms in texts.items():
        known = set(_PLACEHOLDER.findall(source)) | {"num"}
        for form in forms:
            try:
                form % dict.fromkeys(known, "")
            except (KeyError, TypeError, ValueError):
                raise UnusableFile(
                    f"{path}: {form!r} may contain only the placeholders of {source!r}, and no other %"
                ) from None
    return Translation(tag, content.name, texts, plural)


def translatable(text: str) -> str:
    """Mark a text that a template passes to `translated`, and return it unchanged."""
    return text
