"""The form of the pages that let people pick tools."""

from typing import Annotated

from fastapi import Depends

from auth_server.web.forms import Parameters
from auth_server.web.posted_form import PostedForm


def picker_form(*also_repeated: str) -> PostedForm:
    """Take one field for each ticked tool and entry of data: some thousands of them."""
    repeated = frozenset({"tool", "data", *also_repeated})
    return PostedForm(limit=512 * 1024, fields=5000, repeated=repeated)


PickerForm = Annotated[Parameters, Depends(picker_form())]
