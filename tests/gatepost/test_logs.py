"""Events on a terminal."""

from gatepost.logs import show_hidden


def test_a_text_from_outside_controls_no_terminal_through_an_event() -> None:
    event = {"event": "tool_call", "tool": "a\x1b[2J\x9b\u202eb", "units": 3}
    assert show_hidden(None, "info", event) == {
        "event": "tool_call",
        "tool": r"a\u001b[2J\u009b\u202eb",
        "units": 3,
    }
