"""Commands, pages of the console and operations of the admin API do the same things."""

import re
from collections.abc import Iterator
from typing import Any

import click
from fastapi.routing import iter_route_contexts

from auth_server.admin_api.app import create_admin_api
from auth_server.app import ROUTERS
from auth_server.cli import auth_server, billing, keys, usage
from auth_server.console.frame import CONSOLE
from support.markdown import read, spans

ROW = re.compile(r"^\| (?!What|---)([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def rows() -> list[tuple[str, ...]]:
    """The rows of the table: what, command, page, operation."""
    text = read("docs/console.md").partition("| What | Command | Page | Operation |")[2]
    return [tuple(cell.strip() for cell in row) for row in ROW.findall(text)]


def listed(column: int) -> set[str]:
    """The names in one column; a cell with words instead has none."""
    return {name for row in rows() if row[column][0] == "`" for name in spans(row[column])}


def commands(command: click.Command, *words: str) -> Iterator[str]:
    """List the commands of a group, as the table names them."""
    if not isinstance(command, click.Group):
        yield " ".join(words)
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from commands(found, *words, name)


def routes(app: Any) -> set[str]:
    """List the methods and paths of an app or router, without HEAD."""
    return {
        f"{method} {route.path}"
        for route in iter_route_contexts(app.routes)
        for method in (route.methods or set()) - {"HEAD"}
    }


def test_the_table_names_every_command_page_and_operation_and_no_other() -> None:
    every = {
        *commands(auth_server),
        *commands(billing, "billing"),
        *commands(usage, "usage"),
        *commands(keys, "keys"),
    }
    pages = {
        one
        for router in ROUTERS
        for one in routes(router)
        if one.partition(" ")[2].startswith(CONSOLE)
    }
    operations = routes(create_admin_api("")) - {"GET /openapi.json"}

    assert listed(1) == every
    assert listed(2) == pages
    assert listed(3) == operations


def test_whatever_has_only_some_doors_says_why() -> None:
    for what, *cells in rows():
        for cell in cells:
            assert spans(cell) or cell.endswith("."), f"{what}: {cell}"
        assert any(cell[0] == "`" for cell in cells), what
