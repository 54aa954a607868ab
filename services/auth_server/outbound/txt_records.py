"""Look up the TXT records of a name in the DNS."""

from collections.abc import Awaitable, Callable

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver
from dns.rdtypes.txtbase import TXTBase

TIMEOUT_SECONDS = 5.0
_MOST_RECORDS = 100


class NoAnswer(Exception):
    """The DNS did not say what the records are: it did not respond in time, or failed."""


LookUpTxt = Callable[[str], Awaitable[list[str]]]
"""Returns the texts of a name's records, none if the DNS says that there are none.

Raises `NoAnswer`.
"""


async def look_up_txt(
    name: str, *, resolver: dns.asyncresolver.Resolver | None = None
) -> list[str]:
    """Ask the name servers of this machine, for five seconds at most.

    Args:
        name: an absolute name in ASCII.
        resolver: asks others.

    Raises:
        NoAnswer: the DNS did not say whether there are records.
    """
    try:
        # Made for each look-up, because the machine's name servers may change.
        resolver = resolver or dns.asyncresolver.Resolver()
        asked = dns.name.from_text(name, dns.name.root)
        found = await resolver.resolve(asked, "TXT", lifetime=TIMEOUT_SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError) as error:
        raise NoAnswer(type(error).__name__) from None
    records = [record for record in found if isinstance(record, TXTBase)][:_MOST_RECORDS]
    # One text may be sent in several strings (RFC 7208 §3.3).
    return [b"".join(record.strings).decode(errors="replace") for record in records]
