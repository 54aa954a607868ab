"""Where a person goes on who sets up a second factor on the way to something else."""

from dataclasses import dataclass
from urllib.parse import urlencode

from auth_server.flow.pending import CONTINUE
from auth_server.flow.sign_in_purpose import is_account_page
from auth_server.web.forms import Parameters

ENROL = "/account/security/enrol"


@dataclass(frozen=True, slots=True)
class Onward:
    """The request of an app, or the account page, that waits for the second factor.

    Attributes:
        field: the form field that names it, `transaction` or `return_to`; empty if nothing waits.
        value: that field's value.
        page: where it goes on, as `lead_back` takes it.
    """

    field: str = ""
    value: str = ""
    page: str = "/account/security"

    def on(self, page: str) -> str:
        """Return the path of a page that keeps the way on, to come back to after a sign-in."""
        with_field = f"{page}?{urlencode({self.field: self.value})}" if self.field else page
        return with_field if is_account_page(with_field) else page


def read_onward(given: Parameters) -> Onward:
    """Read the way on from a query or form; anything else than an account page is ignored."""
    if transaction := given.get("transaction"):
        page = f"{CONTINUE}?{urlencode({'transaction': transaction})}"
        return Onward("transaction", transaction, page)
    return_to = given.get("return_to") or ""
    return Onward("return_to", return_to, return_to) if is_account_page(return_to) else Onward()
