"""The step that makes the calls of a composite tool."""
