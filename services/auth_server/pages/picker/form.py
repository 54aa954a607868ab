"""The posted form of pages on which people choose tools."""

from typing import Annotated

from fastapi import Depends

from auth_server.web.forms import Parameters
from auth_server.web.posted_form import PostedForm


def picker_form(*also_repeated: str) -> PostedForm:
    """Make a form with one field for each selected tool and data entry, up to 15,000."""
    repeated = frozenset({"tool", "data", *also_repeated})
    return PostedForm(limit=1024 * 1024, fields=15_000, repeated=repeated)


PickerForm = Annotated[Parameters, Depends(picker_form())]
