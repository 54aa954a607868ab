"""Parse filters and the paths of patches (RFC 7644 §3.4.2.2, §3.5.2)."""

import json
import re
from dataclasses import dataclass, field

from auth_server.records.directory.conditions import (
    Both,
    Comparison,
    Condition,
    Either,
    Negation,
    Value,
)
from auth_server.scim.errors import ScimError, invalid

_LONGEST, _DEEPEST, _MOST = 4_000, 20, 50
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<mark>[()\[\]])|(?P<word>[^\s()\[\]"]+))"""
)
_ATTRIBUTE = re.compile(r"[A-Za-z$][\w$-]*(?:\.[A-Za-z$][\w$-]*)?")
_CORE = re.compile(r"urn:ietf:params:scim:schemas:core:2\.0:(?:user|group):(?=.)", re.IGNORECASE)
_COMPARES = frozenset({"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"})
_LITERALS: dict[str, Value] = {"true": True, "false": False, "null": None}
_SCHEMA = "urn:"


@dataclass(frozen=True, slots=True)
class Path:
    """The target of a patch: an attribute, maybe those of its values that meet a condition, and a part.

    All names are in lower case. An attribute of another schema is its whole URN.
    """

    attribute: str
    condition: Condition | None = None
    part: str | None = None


def parse_filter(text: str) -> Condition:
    """Parse a filter; `emails[type eq "work"].value eq "x"` becomes two comparisons.

    Raises:
        ScimError: `invalidFilter`.
    """
    parser = _Parser(text, "invalidFilter")
    condition = parser.either(0, "")
    parser.require_end()
    return condition


def parse_path(text: str) -> Path:
    """Parse the path of a patch.

    Raises:
        ScimError: `invalidPath`.
    """
    parser = _Parser(text, "invalidPath")
    name = parser.attribute()
    condition = parser.bracketed(0, "") if parser.takes("[") else None
    part = None
    if condition is not None and (rest := parser.word()) is not None:
        if not rest.startswith(".") or not _ATTRIBUTE.fullmatch(rest[1:]):
            raise parser.refuse()
        part = rest[1:].lower()
    parser.require_end()
    if condition is None and not name.startswith(_SCHEMA):
        name, _, last = name.partition(".")
        part = last or None
    return Path(name, condition, part)


@dataclass
class _Parser:
    text: str
    scim_type: str
    tokens: list[tuple[str, str]] = field(default_factory=list)
    compared: int = 0

    def __post_init__(self) -> None:
        if len(self.text) > _LONGEST:
            raise self.refuse(f"it has more than {_LONGEST} characters")
        at = 0
        while at < len(self.text.rstrip()):
            found = _TOKEN.match(self.text, at)
            if found is None or found.lastgroup is None:
                raise self.refuse()
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self.tokens.reverse()

    def refuse(self, why: str = 'write it as: userName eq "ada@example.com"') -> ScimError:
        what = "the filter" if self.scim_type == "invalidFilter" else "the path"
        return invalid(f"{what} can't be read; {why}", self.scim_type)

    def word(self) -> str | None:
        """Take the next token if it is a word."""
        return self.tokens.pop()[1] if self.tokens and self.tokens[-1][0] == "word" else None

    def takes(self, mark: str) -> bool:
        """Take the next token if it is this bracket or, in any case, this word."""
        if self.tokens and self.tokens[-1][0] != "text" and self.tokens[-1][1].lower() == mark:
            self.tokens.pop()
            return True
        return False

    def require_end(self) -> None:
        if self.tokens:
            raise self.refuse()

    def attribute(self) -> str:
        name = _CORE.sub("", self.word() or "", count=1)
        if name.lower().startswith(_SCHEMA):
            return name.lower()
        if not _ATTRIBUTE.fullmatch(name):
            raise self.refuse()
        return name.lower()

    def either(self, depth: int, within: str) -> Condition:
        found = self.both(depth, within)
        while self.takes("or"):
            found = Either(found, self.both(depth, within))
        return found

    def both(self, depth: int, within: str) -> Condition:
        found = self.one(depth, within)
        while self.takes("and"):
            found = Both(found, self.one(depth, within))
        return found

    def one(self, depth: int, within: str) -> Condition:
        if depth > _DEEPEST:
            raise self.refuse("it is nested too deeply")
        if self.takes("not"):
            if not self.takes("("):
                raise self.refuse()
            return Negation(self.enclosed(depth, within))
        if self.takes("("):
            return self.enclosed(depth, within)
        name = within + self.attribute()
        if self.takes("["):
            if within:
                raise self.refuse()
            return self.of_values(depth, name)
        return self.compare(name)

    def enclosed(self, depth: int, within: str) -> Condition:
        found = self.either(depth + 1, within)
        if not self.takes(")"):
            raise self.refuse()
        return found

    def bracketed(self, depth: int, within: str) -> Condition:
        found = self.either(depth + 1, within)
        if not self.takes("]"):
            raise self.refuse()
        return found

    def of_values(self, depth: int, name: str) -> Condition:
        """Parse `[…]` and what may follow: a part of the value that is compared."""
        found = self.bracketed(depth, f"{name}.")
        if self.tokens and self.tokens[-1][1].startswith("."):
            part = self.word() or ""
            if not _ATTRIBUTE.fullmatch(part[1:]):
                raise self.refuse()
            found = Both(found, self.compare(name + part.lower()))
        return found

    def compare(self, name: str) -> Comparison:
        self.compared += 1
        if self.compared > _MOST:
            raise self.refuse(f"it has more than {_MOST} comparisons")
        operator = (self.word() or "").lower()
        if operator == "pr":
            return Comparison(name, "pr")
        if operator not in _COMPARES or not self.tokens:
            raise self.refuse("the operators are eq, ne, co, sw, ew, gt, ge, lt, le and pr")
        kind, value = self.tokens.pop()
        if kind == "text":
            try:
                text = json.loads(value)
            except ValueError:
                raise self.refuse() from None
            if any(ord(one) < 32 or 0xD800 <= ord(one) <= 0xDFFF for one in text):
                raise self.refuse("it must not contain control characters")
            return Comparison(name, operator, text)
        if kind == "word" and value.lower() in _LITERALS:
            return Comparison(name, operator, _LITERALS[value.lower()])
        if kind == "word" and re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", value):
            return Comparison(name, operator, float(value))
        raise self.refuse("texts are written in double quotes")
