"""Decode the text of an answer by its charset, from a short list.

The names are labels of the WHATWG Encoding Standard (§4.2). Python has more codecs under more names,
and some of them take quadratic time or make half surrogate pairs.
"""

import codecs
from collections.abc import Iterator
from functools import lru_cache

_UTF8 = frozenset({"utf-8", "utf8", "unicode-1-1-utf-8"})
_ONE_BYTE = {
    **dict.fromkeys(("ascii", "us-ascii", "latin1", "latin-1", "l1", "iso-8859-1"), "cp1252"),
    **dict.fromkeys(("iso8859-1", "iso_8859-1", "windows-1252", "cp1252", "x-cp1252"), "cp1252"),
    **{f"iso-8859-{part}": f"iso8859-{part}" for part in (*range(2, 9), 10, 13, 14, 15, 16)},
    **dict.fromkeys(("iso-8859-9", "latin5", "windows-1254"), "cp1254"),
    **dict.fromkeys(("iso-8859-11", "tis-620", "windows-874"), "cp874"),
    **{f"windows-{page}": f"cp{page}" for page in (1250, 1251, 1253, 1255, 1256, 1257, 1258)},
    **{name: name for name in ("koi8-r", "koi8-u")},
    **dict.fromkeys(("macintosh", "x-mac-roman"), "mac-roman"),
}
_MORE_BYTES = {
    **dict.fromkeys(("gb2312", "gbk", "gb18030", "x-gbk"), "gb18030"),
    **dict.fromkeys(("big5", "big5-hkscs"), "big5hkscs"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "windows-31j"), "cp932"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987", "windows-949"), "cp949"),
    "euc-jp": "euc_jp",
    "iso-2022-jp": "iso2022_jp",
    **dict.fromkeys(("utf-16", "utf-16le"), "utf-16-le"),
    "utf-16be": "utf-16-be",
}
_STEP = 1 << 16
"""Bytes after which another thread may go on."""


def decode_text(body: bytes, charset: str) -> str:
    """Decode bytes; an unknown charset counts as UTF-8, and what it can't decode is replaced."""
    label = charset.strip().lower()
    if label in _UTF8 or (label not in _ONE_BYTE and label not in _MORE_BYTES):
        return body.decode("utf-8", errors="replace")
    if label in _ONE_BYTE:
        return codecs.charmap_decode(body, "strict", _table(_ONE_BYTE[label]))[0]
    return "".join(_decode_in_steps(body, _MORE_BYTES[label]))


def _decode_in_steps(body: bytes, codec: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(codec)("replace")
    for start in range(0, len(body), _STEP):
        yield decoder.decode(body[start : start + _STEP])
    yield decoder.decode(b"", final=True)


@lru_cache
def _table(codec: str) -> str:
    """Return all 256 characters, since replacing a byte costs a hundred times a look-up."""
    return bytes(range(256)).decode(codec, errors="replace")
