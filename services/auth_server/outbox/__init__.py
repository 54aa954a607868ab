"""Mail to people: queued in the transaction that causes it, and sent in the background.

`queue_mail` in `queue.py` is all that other folders need. A new kind of mail is a name in `Template`
and a file in `rendering/templates/mail/`, with its texts in German.
"""
