"""Check the files and the database named in the settings, for `gatepost config`."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.exc import ArgumentError

from auth_server.db.pooler import read_postgres_url
from auth_server.rendering.render import open_pages
from auth_server.rendering.static import UnusableFile
from auth_server.settings import AuthServerSettings
from gatepost.settings import Section

_DRIVERS = ("sqlite+aiosqlite", "postgresql+psycopg")


def check(settings: AuthServerSettings) -> Sequence[str]:
    """Load the pages' files, parse the database's URL, and check that a SQLite file's folder exists."""
    return [*_check_pages(settings), *_check_database(settings)]


def _check_pages(settings: AuthServerSettings) -> Sequence[str]:
    try:
        open_pages(settings)
    except UnusableFile as error:
        return [str(error)]
    return []


def _check_database(settings: AuthServerSettings) -> Sequence[str]:
    try:
        url, pooled = read_postgres_url(settings.database_url)
    except (ArgumentError, ValueError):
        url, pooled = None, False
    if url is None or url.drivername not in _DRIVERS:
        return [
            "database_url: write sqlite+aiosqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"
        ]
    if pooled and url.drivername == _DRIVERS[0]:
        return ["database_url: pool_mode is for PostgreSQL behind a pooler"]
    folder = Path(url.database or "").parent
    if url.drivername == _DRIVERS[0] and not folder.is_dir():
        return [f"database_url: the folder {folder} does not exist; create it"]
    return []


SECTION = Section(AuthServerSettings, check)
