"""Ask Gatepost's admin API for the token of one person."""

import json
import urllib.request
from urllib.parse import quote

from demo_saas.errors import Unavailable
from demo_saas.settings import Settings

SCOPES = ["connections:read", "connections:write"]
_TIMEOUT = 5.0
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get_component_token(settings: Settings, *, org_id: str, user_id: str) -> str:
    """Get a token with which the person's browser lists, narrows and ends their connections.

    Raises:
        Unavailable: Gatepost does not answer, or refuses.
    """
    request = urllib.request.Request(  # noqa: S310 - the operator's own setting
        f"{settings.gatepost_url}/admin/v1/tenants/{quote(org_id, safe='')}/component-tokens",
        data=json.dumps({"person_id": user_id, "scopes": SCOPES}).encode(),
        headers={
            "Authorization": f"Bearer {settings.gatepost_admin_token}",
            "Content-Type": "application/json",
        },
    )
    try:
        with _opener.open(request, timeout=_TIMEOUT) as answer:
            token: str = json.load(answer)["token"]
            return token
    except (OSError, ValueError, KeyError) as error:
        raise Unavailable("The list of connected apps is not available right now.") from error
