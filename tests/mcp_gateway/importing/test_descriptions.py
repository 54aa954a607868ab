"""How the text of a document becomes a tool's description."""

import pytest

from mcp_gateway.importing.descriptions import describe
from mcp_gateway.openapi.document import FoundOperation


@pytest.mark.parametrize(
    ("summary", "text", "said"),
    [
        ("", "", None),
        ("List tasks", "", "List tasks."),
        ("List tasks", "Lists the open tasks.", "Lists the open tasks."),
        ("Update a task", "Only owners may.", "Update a task. Only owners may."),
        ("", "A task is a thing.", "Get task. A task is a thing."),
        ("", "This endpoint allows you to list tasks.", "List tasks."),
        ("", "The `/tasks/get` endpoint returns tasks.", "Returns tasks."),
        ("", "This endpoint has been deprecated.", "Get task. This endpoint has been deprecated."),
        (
            "Get a task",
            "To get one, send a GET request to `/tasks`. It is big.",
            "Get a task. It is big.",
        ),
        ("", "Gets it. You must authenticate with a token that has the `repo` scope.", "Gets it."),
        (
            "",
            "Gets it.\n\n**Permissions required:** either of:\n\n * *Admin*\n\nFast.",
            "Gets it.\n\nFast.",
        ),
        ("", "Gets it.\n**Scopes**: `task:read`\nAll of it.", "Gets it.\nAll of it."),
        ("", "Gets it. For more information, see the guide to tasks.", "Gets it."),
        ("", "Gets it.\n\n## Limits\n\n- One\n- Two", "Gets it.\n\nLimits\n\n- One\n- Two"),
        ("", "Gets it. " + "It is long. " * 60, ("Gets it. " + "It is long. " * 49).strip()),
    ],
)
def test_a_description_begins_with_what_the_tool_does_and_is_short(
    summary: str, text: str, said: str | None
) -> None:
    found = FoundOperation("GET", "/task", None, summary, text, (), False, {}, {})
    assert describe(found, "get_task") == said
