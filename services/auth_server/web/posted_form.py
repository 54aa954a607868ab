"""The dependency that checks and reads the posted form of a page."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from auth_server.web.dependencies import Settings
from auth_server.web.forms import BODY_LIMIT, MOST_FIELDS, Parameters, read_form, reject_repeats
from auth_server.web.same_origin import require_same_origin


@dataclass(frozen=True, slots=True)
class PostedForm:
    """Reads a form that a page of this origin posted.

    Every POST route of a `PageRouter` depends on one.

    Attributes:
        limit: the maximum number of bytes.
        fields: the maximum number of fields.
        repeated: the names that may occur several times.
    """

    limit: int = BODY_LIMIT
    fields: int = MOST_FIELDS
    repeated: frozenset[str] = frozenset()

    async def __call__(self, request: Request, settings: Settings) -> Parameters:
        """Read the form.

        Raises:
            PageError: another site posted it.
            InvalidRequest: it is malformed, too large, or repeats a field.
        """
        require_same_origin(request, settings)
        form = await read_form(request, limit=self.limit, fields=self.fields)
        reject_repeats(form, except_for=self.repeated)
        return form


Form = Annotated[Parameters, Depends(PostedForm())]
