"""The mails that a server without SMTP prints to its log."""

import re
import time
from pathlib import Path


def newest_match(log: Path, email: str, pattern: str) -> str:
    """Wait for a mail to an address that has a text, and return that of the newest."""
    for _ in range(300):
        mails = log.read_text(errors="replace").split("--- Mail to ")
        to_them = [mail for mail in mails if mail.startswith(f"{email}\n")]
        found = [match[0] for mail in to_them if (match := re.search(pattern, mail))]
        if found:
            return found[-1]
        time.sleep(0.1)
    raise AssertionError(f"no mail to {email} with {pattern} in {log}")
