"""The proof that a form was made here, for this browser, and for exactly what it showed."""

from auth_server.errors import PageError
from auth_server.flow.pending import PendingAuthorization
from auth_server.runtime import Runtime
from auth_server.secrets import DerivedKeys, matches, sign_form


def form_proof(pending: PendingAuthorization, opened: Runtime, page: str, *shown: str) -> str:
    """Make the proof that a page's form carries.

    It is a MAC, not a stored value: loading a page twice leaves the first one good.

    Args:
        turn: binds it to the browser's cookie and to the transaction.
        opened: the service's keys.
        page: which form.
        shown: what the answer must refer to, such as the person, the tenant and the tool list.
    """
    return _sign(opened.keys, pending, page, shown)


def require_proof(
    given: str | None, pending: PendingAuthorization, opened: Runtime, page: str, *shown: str
) -> None:
    """Refuse a form that this page did not make for this browser and what it now shows.

    Raises:
        PageError: the proof is missing, or was made for something else.
    """
    keys = (opened.keys, *opened.former_keys)
    if given is None or not any(matches(_sign(key, pending, page, shown), given) for key in keys):
        raise PageError(
            "This form does not fit this page any more",
            "Nothing was accepted. Go back to your app and connect again.",
            status=403,
            detail=f"proof of the {page} form is missing or foreign",
        )


def _sign(
    keys: DerivedKeys, pending: PendingAuthorization, page: str, shown: tuple[str, ...]
) -> str:
    return sign_form(
        keys.forms, page, pending.browser, pending.authorization_request.transaction_id, *shown
    )
