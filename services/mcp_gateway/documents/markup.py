"""Turn the HTML of descriptions into plain text with a little Markdown, as models read it.

Tags that HTML does not have, such as the `<token>` of `Bearer <token>`, are text and stay.
"""

import html
import re
from functools import lru_cache
from html.parser import HTMLParser

_LONGEST = 20_000
"""Characters that are read of one text; the parser can be slow on malformed ones."""
_BLOCKS = frozenset(
    """article aside blockquote caption center details div dl figure h1 h2 h3 h4 h5 h6 header important
    note ol p pre section summary table ul""".split()  # noqa: SIM905 - read as words
)
"""Elements that are paragraphs; `note` and `important` are those of AWS."""
_LINES = frozenset(["br", "dd", "dt", "li", "tr"])
_OPEN = frozenset(["hr", "img", "td", "th", "tbody", "thead", "tfoot", "col", "colgroup"])
"""Elements that are often not closed, like those of `_LINES` and `p`."""
_INLINE = frozenset(
    """a abbr b big code del em font i ins kbd mark nobr q s samp small span strike strong sub sup tt
    u var""".split()  # noqa: SIM905 - read as words
)
_CODE = frozenset(["code", "kbd", "samp", "tt"])
_NEEDS_CLOSING = (_BLOCKS | _INLINE) - {"p"}
_TAG = re.compile(r"</?([a-z][a-z0-9]*)(?=[\s/>])", re.IGNORECASE)
_QUOTED = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->|<!doctype[^>]*>", re.DOTALL | re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8});", re.IGNORECASE)
_IMAGE = re.compile(r"!\[[^\[\]]*\]\([^()\s]*(?:\s+\"[^\"]*\")?\)")
_LINK = re.compile(r"\[([^\[\]]+)\]\((?:https?:/|mailto:|[/#.?])[^()\s]*(?:\s+\"[^\"]*\")?\)")
"""A link; the address is of no use to a model, which can't follow it."""


def plain_text(text: str) -> str:
    """Remove HTML and the addresses of links from a text; keep its words, lists and code."""
    if "](" not in text and "<" not in text and "&" not in text:
        return text
    return _convert(text)


@lru_cache(10_000)
def _convert(text: str) -> str:
    if "](" in text:
        text = _LINK.sub(r"\1", _IMAGE.sub("", text))
    elements = _elements(text)
    if not elements:
        return "".join(
            part if index % 2 else _ENTITY.sub(lambda found: html.unescape(found[0]), part)
            for index, part in enumerate(_QUOTED.split(text))
        )
    reader = _Reader(elements)
    for index, part in enumerate(_QUOTED.split(_COMMENT.sub("", text[:_LONGEST]))):
        if index % 2:
            reader.write(part)
        else:
            reader.feed(re.sub(r"<(?=[!?])", "&lt;", part))  # Other declarations are text.
            reader.close()
    return reader.text()


def _elements(text: str) -> frozenset[str]:
    """Return the elements of HTML in a text; a tag that should be closed and isn't is not an element."""
    opened: set[str] = set()
    closed: set[str] = set()
    for found in _TAG.finditer(_QUOTED.sub("", text) if "`" in text else text):
        (closed if found[0][1] == "/" else opened).add(found[1].lower())
    known = (opened | closed) & (_BLOCKS | _INLINE | _LINES | _OPEN)
    return frozenset(known - ((opened ^ closed) & _NEEDS_CLOSING))


class _Reader(HTMLParser):
    """Collects the text of HTML."""

    def __init__(self, elements: frozenset[str]) -> None:
        """Take the elements to read as HTML; any other tag is text."""
        super().__init__(convert_charrefs=True)
        self._elements = elements
        self._parts: list[str] = []
        self._lists: list[int | None] = []
        """For each open list the number of its last item; None for bullets."""
        # A text of paragraphs in HTML breaks its lines anywhere; another one may be Markdown.
        self._flows = not elements.isdisjoint(_BLOCKS)
        self._pre = False

    def set_cdata_mode(self, elem: str, *, escapable: bool = False) -> None:
        """Read what is inside `script` and `style` like any text."""

    def write(self, text: str) -> None:
        """Add a text as it is."""
        self._parts.append(text)

    def text(self) -> str:
        """Return what was read, with at most one empty line between paragraphs."""
        lines = [line.rstrip() for line in "".join(self._parts).split("\n")]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Begin a paragraph, a line, a list, an item or code."""
        if tag not in self._elements:
            self.write(self.get_starttag_text() or "")
        elif tag == "li":
            self._begin_item()
        elif tag in {"td", "th"}:
            self._separate_cell()
        elif tag in _LINES:
            self._break("\n")
        elif tag in _BLOCKS or tag == "hr":
            self._break("\n" if self._lists and tag in {"ol", "ul"} else "\n\n")
            if tag in {"ol", "ul"}:
                self._lists.append(0 if tag == "ol" else None)
            elif tag == "pre":
                self._pre = True
                self.write("```\n")
        elif tag in _CODE and not self._pre:
            self.write("`")

    def handle_endtag(self, tag: str) -> None:
        """End what the tag began."""
        if tag not in self._elements:
            self.write(f"</{tag}>")
        elif tag in _BLOCKS:
            if tag in {"ol", "ul"} and self._lists:
                self._lists.pop()
            elif tag == "pre" and self._pre:
                self._pre = False
                self.write("\n```")
            self._break("\n" if self._lists else "\n\n")
        elif tag in _CODE and not self._pre:
            self.write("`")

    def handle_data(self, data: str) -> None:
        """Add text; white space is one space where HTML flows."""
        if self._flows and not self._pre:
            data = re.sub(r"(\n\s*\n)|\s+", lambda white: "\n\n" if white[1] else " ", data)
            if not self._parts or self._parts[-1].endswith(("\n", " ")):
                data = data.lstrip()
        if data:
            self.write(data)

    def _break(self, lines: str) -> None:
        """Begin a new line or paragraph, unless the text just did."""
        if self._parts and not self._parts[-1].endswith(lines):
            self.write(lines)

    def _begin_item(self) -> None:
        self._break("\n")
        mark = "-"
        if self._lists and (last := self._lists[-1]) is not None:
            self._lists[-1] = last + 1
            mark = f"{last + 1}."
        self.write(f"{'  ' * max(len(self._lists) - 1, 0)}{mark} ")

    def _separate_cell(self) -> None:
        if self._parts and not self._parts[-1].endswith("\n"):
            self.write(" | ")
