"""A mailer that keeps the mails, for tests that read them."""

import re
from dataclasses import dataclass, field

from auth_server.mail.port import Message

_LINK = re.compile(r"^https?://\S+$", re.MULTILINE)


@dataclass
class Mailbox:
    """The mails that were sent, and the errors of the next attempts."""

    received: list[Message] = field(default_factory=list)
    failing: list[Exception] = field(default_factory=list)

    async def send(self, message: Message) -> None:
        """Keep a mail, or fail."""
        if self.failing:
            raise self.failing.pop(0)
        self.received.append(message)


def link_of(message: Message) -> str:
    """The link of a mail's button."""
    found = _LINK.findall(message.text)
    assert len(found) == 1, message.text
    assert f'href="{found[0]}"'.replace("&", "&amp;") in message.html
    return str(found[0])
