"""Read the names of e-mail domains, as people type them and as addresses contain them."""

import re

import idna

_LONGEST = 243
"""So that the name of the TXT record fits into a DNS name."""
_NAME = re.compile(r"(?:[a-z0-9-]{1,63}\.)+[a-z][a-z0-9-]{1,62}")

PUBLIC_MAIL_DOMAINS = frozenset(
    [
        "126.com",
        "163.com",
        "aol.com",
        "comcast.net",
        "duck.com",
        "fastmail.com",
        "free.fr",
        "freenet.de",
        "gmail.com",
        "gmx.at",
        "gmx.ch",
        "gmx.com",
        "gmx.de",
        "gmx.net",
        "googlemail.com",
        "hey.com",
        "hotmail.co.uk",
        "hotmail.com",
        "hotmail.de",
        "hotmail.fr",
        "hotmail.it",
        "icloud.com",
        "laposte.net",
        "libero.it",
        "live.com",
        "mac.com",
        "mail.com",
        "mail.ru",
        "mailbox.org",
        "me.com",
        "msn.com",
        "naver.com",
        "orange.fr",
        "outlook.com",
        "outlook.de",
        "pm.me",
        "posteo.de",
        "proton.me",
        "protonmail.com",
        "qq.com",
        "rediffmail.com",
        "seznam.cz",
        "sina.com",
        "t-online.de",
        "tuta.com",
        "tutanota.com",
        "wanadoo.fr",
        "web.de",
        "yahoo.co.in",
        "yahoo.co.jp",
        "yahoo.co.uk",
        "yahoo.com",
        "yahoo.de",
        "yahoo.fr",
        "yandex.com",
        "yandex.ru",
        "zoho.com",
    ]
)
"""Well-known domains where anybody gets an address."""


class UnusableDomain(ValueError):
    """The text is not the name of a domain."""


def normalize_domain(text: str) -> str:
    """Return a domain in ASCII and lower case (`xn--…` for other letters, RFC 5891).

    Names that only look alike differ in this form.

    Raises:
        UnusableDomain: the text is not a domain with at least two labels.
    """
    # The length is limited first, because the conversion takes longer for long texts.
    if not 0 < len(text) <= _LONGEST:
        raise UnusableDomain
    try:
        name = idna.encode(text, uts46=True, std3_rules=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        raise UnusableDomain from None
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        raise UnusableDomain
    return name


def domain_of(address: str) -> str | None:
    """Return the domain of an e-mail address as `normalize_domain` writes it; None if it has none."""
    try:
        return normalize_domain(address.rpartition("@")[2]) if "@" in address else None
    except UnusableDomain:
        return None
