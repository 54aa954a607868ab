"""How tokens name sub-agents: by a client id, or by a client id, `#` and a name that the client chose.

So no client can give a part of itself the name of another client.
"""

from gatepost.claims import AccessClaims

MARK = "#"


def name_part(client_id: str, name: str) -> str:
    """Write the actor for a part of a client."""
    return f"{client_id}{MARK}{name}"


def client_of(actor: str) -> str:
    """Return the client of an actor."""
    return actor.partition(MARK)[0]


def part_of(actor: str) -> str:
    """Return the name that a client gave a part of itself, or an empty text for a client."""
    return actor.partition(MARK)[2]


def holder_of(claims: AccessClaims) -> str:
    """Return the client that holds a token: that of its current actor, or the one it was issued to."""
    return client_of(claims.actors[0]) if claims.actors else claims.client_id
