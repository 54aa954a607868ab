"""The `allowed_tools` grammar: tool names, and toolsets written `@name`.

Absent or empty means none, never all. Tokens with many tools use a shorter, equally exact notation:
`@name~DIGEST` is every tool of a toolset while its members match the digest, and `@name~DIGEST~BITS`
some of them. Neither allows a tool that joins the toolset later.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ENTRY = re.compile(
    r"[a-zA-Z0-9_-]{1,64}|@[a-zA-Z0-9_-]{1,64}(~[a-zA-Z0-9_-]{12}(~[\w-]+)?)?", re.ASCII
)
NAMED = 1536
"""The longest list, in characters, that names tools one by one, which is readable and stays valid.
"""

_MOST_KNOWN = 1000


class MalformedAllowedTools(ValueError):
    """An entry is neither a tool name nor a toolset."""


def parse_allowed_tools(entries: object) -> frozenset[str]:
    """Read the claim: a list of names and toolsets.

    Raises:
        MalformedAllowedTools: it is not a list of such strings.
    """
    if not isinstance(entries, list):
        raise MalformedAllowedTools("allowed_tools is not a list")
    for entry in entries:
        if not isinstance(entry, str) or not _ENTRY.fullmatch(entry):
            raise MalformedAllowedTools("allowed_tools contains an entry that is not a tool name")
    return frozenset(entries)


@dataclass(frozen=True, slots=True)
class Toolsets:
    """The tools of one catalogue in their toolsets, by which entries are shortened and expanded."""

    tools: frozenset[str]
    members: Mapping[str, tuple[str, ...]]
    """Each toolset's tools, sorted, under `@name` and under `@name~DIGEST`."""
    former: Mapping[str, str] = field(default_factory=dict)
    """Each name that a tool had before, with the tool's name now."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Those former names that allow the tool, because it needs no more than it did under that name."""

    @classmethod
    def of(
        cls,
        toolsets: Mapping[str, Iterable[str]],
        *,
        former: Mapping[str, str] | None = None,
        renamed: Mapping[str, str] | None = None,
    ) -> Self:
        """Group tools by toolset; `toolsets` maps each tool to its toolsets, without `@`."""
        sets: dict[str, list[str]] = {}
        for tool in sorted(toolsets):
            for toolset in dict.fromkeys(toolsets[tool]):
                sets.setdefault(f"@{toolset}", []).append(tool)
        members = {name: tuple(tools) for name, tools in sets.items()}
        members |= {f"{name}~{_digest(tools)}": tools for name, tools in members.items()}
        return cls(frozenset(toolsets), members, former or {}, renamed or {})

    def after(self, former: Self, renamed: Mapping[str, str] | None = None) -> Self:
        """Keep accepting the digests of an earlier catalogue, for those of its tools that remain.

        This does not allow additional tools: a digest names the same tools as before. `renamed` has the
        former names that allow a tool of this catalogue.
        """
        known = [(key, tools) for key, tools in former.members.items() if "~" in key]
        members = {**dict(known[-_MOST_KNOWN:]), **self.members}
        return replace(self, members=members, renamed=renamed or {})

    def shorten(self, names: Collection[str], *, room: int = NAMED) -> frozenset[str]:
        """Write tools as entries that allow exactly them, in about 2,000 characters at most.

        A list that fits into `room` characters stays unchanged. A longer one loses the tools that
        the catalogue does not have and keeps its toolsets. Each tool of a gateway is in `read` or
        `write`, so few tools remain after the largest toolsets.
        """
        names = self._with_new_names(names)
        if _length(names) <= room:
            return names
        entries = {name for name in names if name.startswith("@")}
        left = self.tools.intersection(names)
        while _length(left) > room:
            # The toolset with most of these tools; of several, the smallest, which has fewest bits.
            sizes = (
                (len(left.intersection(members)), -len(members), key)
                for key, members in self.members.items()
                if "~" in key
            )
            held, _, key = max(sizes, default=(0, 0, ""))
            if not held:
                break
            members = self.members[key]
            entries.add(key if left.issuperset(members) else f"{key}~{_write_bits(members, left)}")
            left = left.difference(members)
        return frozenset(entries | left)

    def expand(self, entries: Iterable[str]) -> frozenset[str]:
        """List every tool of this catalogue that the entries allow."""
        allowed: set[str] = set()
        for entry in entries:
            if not entry.startswith("@"):
                allowed.add(entry)
            elif members := self.members.get(entry):
                allowed.update(members)
            elif (cut := _split_bits(entry)) and (members := self.members.get(cut[0])):
                allowed.update(_read_bits(members, cut[1]))
        return self.tools.intersection(self._with_new_names(allowed))

    def know(self, entries: Collection[str]) -> bool:
        """Return whether this catalogue knows every digest and every former name in the entries.

        A former name is known if it allows the tool, or if the entries also have the tool's name.
        """
        if any(
            old in entries and old not in self.renamed and now not in entries
            for old, now in self.former.items()
        ):
            return False
        return all(
            "~" not in entry or (_split_bits(entry) or (entry,))[0] in self.members
            for entry in entries
        )

    def _with_new_names(self, names: Collection[str]) -> frozenset[str]:
        """Add the present names of tools that are known under former ones."""
        return frozenset(names).union(
            now for old, now in self.renamed.items() if old in names and now in self.tools
        )


def _length(names: Iterable[str]) -> int:
    return sum(len(name) + 3 for name in names)  # quoted, and a comma


def _digest(tools: Iterable[str]) -> str:
    digest = hashlib.sha256("\n".join(tools).encode()).digest()
    return base64.urlsafe_b64encode(digest)[:12].decode()


def _split_bits(entry: str) -> tuple[str, str] | None:
    key, mark, bits = entry.rpartition("~")
    return (key, bits) if mark and "~" in key else None


def _write_bits(members: tuple[str, ...], chosen: Collection[str]) -> str:
    """Write one bit for each member, the first in the highest bit of the first byte."""
    bits = bytearray(-(-len(members) // 8))
    for place, name in enumerate(members):
        if name in chosen:
            bits[place // 8] |= 0x80 >> place % 8
    return base64.urlsafe_b64encode(bits).rstrip(b"=").decode()


def _read_bits(members: tuple[str, ...], text: str) -> list[str]:
    try:
        bits = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return []
    if len(bits) != -(-len(members) // 8):
        return []
    return [name for place, name in enumerate(members) if bits[place // 8] & 0x80 >> place % 8]
