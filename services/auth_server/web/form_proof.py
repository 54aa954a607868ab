"""Prove that this server made a form for this browser and with these contents."""

from dataclasses import dataclass

from auth_server.errors import PageError
from auth_server.keys import Keys


@dataclass(frozen=True, slots=True)
class FormProof:
    """Makes and verifies the proofs of forms that are bound to one browser or one session.

    A proof is a MAC, not a stored value: loading a page twice leaves the first one valid.

    Attributes:
        keys: the server's keys.
        kind: a prefix of the form's name in the MAC.
        bound_to: the browser or session, and any context that all its forms share.
        refusal: the text for a person whose form has no valid proof.
    """

    keys: Keys
    kind: tuple[str, ...]
    bound_to: tuple[str, ...]
    refusal: str

    def make(self, form: str, *shown: str) -> str:
        """Make the proof for a form.

        Args:
            form: the name of the form.
            shown: the contents that it is about, such as the person, tenant and catalogue.
        """
        return self.keys.sign(*self.kind, form, *self.bound_to, *shown)

    def require(self, given: str | None, form: str, *shown: str) -> None:
        """Refuse a form that was not made for this browser or session and for these contents.

        Raises:
            PageError: the proof is missing or does not match.
        """
        if not self.keys.verify(given, *self.kind, form, *self.bound_to, *shown):
            raise PageError(
                "This form has expired",
                self.refusal,
                status=403,
                detail=f"proof of the {form} form is missing or foreign",
            )
