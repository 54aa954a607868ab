"""The proof that a form was made here, for this browser, and for exactly what it showed."""

from dataclasses import dataclass

from auth_server.errors import PageError
from auth_server.keys import Keys


@dataclass(frozen=True, slots=True)
class FormProof:
    """Makes and verifies the proofs of forms that are bound to one browser or one session.

    A proof is a MAC, not a stored value: loading a page twice leaves the first one valid.

    Attributes:
        keys: the server's keys.
        kind: what stands before the form's name in the MAC.
        bound_to: the browser or session, and what else each of its forms is about.
        refusal: what a person reads whose form does not fit.
    """

    keys: Keys
    kind: tuple[str, ...]
    bound_to: tuple[str, ...]
    refusal: str

    def make(self, form: str, *shown: str) -> str:
        """Make the proof that a form carries.

        Args:
            form: which form.
            shown: what the answer must refer to, such as the person, the tenant and the tool list.
        """
        return self.keys.sign(*self.kind, form, *self.bound_to, *shown)

    def require(self, given: str | None, form: str, *shown: str) -> None:
        """Refuse a form that was not made for this browser or session and for what it now shows.

        Raises:
            PageError: the proof is missing, or was made for something else.
        """
        if not self.keys.verify(given, *self.kind, form, *self.bound_to, *shown):
            raise PageError(
                "This form has expired",
                self.refusal,
                status=403,
                detail=f"proof of the {form} form is missing or foreign",
            )
