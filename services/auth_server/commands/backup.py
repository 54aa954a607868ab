"""`gatepost auth-server backup-verify`: whether a backup can be restored, and is whole."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError

from auth_server.backups.check import Found, Given
from auth_server.backups.scratch import CannotRestore, restored
from auth_server.backups.verify import verify_database
from auth_server.commands.common import config_option, load_settings
from auth_server.records.audit.heads import parse_head, read_heads
from auth_server.runtime import keys_of
from auth_server.schema.migrate import (
    MigrationBlocked,
    SchemaVersion,
    migrate,
    read_version,
    telling_migrations,
)
from gatepost.clock import utc_now
from gatepost_cli.terminal import Tell, echo, progress


@click.command()
@config_option
@click.argument("backup", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--head",
    "heads",
    multiple=True,
    metavar="NUMBER:HASH",
    help="A head of the audit log that must be in it, from a log line audit_head; repeatable.",
)
@click.option(
    "--max-age",
    type=click.FloatRange(min=0),
    metavar="HOURS",
    help="Fail if the newest record is older than this.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def backup_verify(
    config: Path | None,
    backup: Path | None,
    heads: tuple[str, ...],
    max_age: float | None,
    as_json: bool,
) -> None:
    """Check that a backup can be restored and is whole, or check the database in use.

    BACKUP is a dump by `pg_dump --format=custom` or a SQLite file; without it, the database of the
    configuration is checked, and not changed. A dump is restored into a new
    database on the server of database_url, migrated there, and removed afterwards. Exits with 1 if
    a check fails.
    """
    settings = load_settings(config)
    try:
        file = settings.audit_head_file
        given = Given(
            keys_of(settings),
            [parse_head(text) for text in heads],
            read_heads(file) if file is not None and file.exists() else (),
            utc_now(),
            None if max_age is None else timedelta(hours=max_age),
        )
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    place = nullcontext(settings.database_url)
    try:
        with progress() as tell:
            tell("" if backup is None else "Restoring the backup")
            with place if backup is None else restored(backup, settings.database_url) as url:
                found = _verify(url, given, tell, may_migrate=backup is not None)
    except (CannotRestore, MigrationBlocked) as error:
        raise click.ClickException(str(error)) from None
    except SQLAlchemyError as error:
        raise click.ClickException(
            f"the database can't be read: {type(getattr(error, 'orig', error)).__name__}"
        ) from None
    failed = [name for name, each in found.items() if not each.ok]
    if as_json:
        checks = [{"check": name, "ok": one.ok, "found": one.text} for name, one in found.items()]
        echo(json.dumps({"ok": not failed, "checks": checks}, indent=2, ensure_ascii=False))
    else:
        for name, each in found.items():
            echo(f"{'ok    ' if each.ok else 'FAILED'}  {name}: {each.text}")
    if failed:
        raise click.exceptions.Exit(1)


def _verify(url: str, given: Given, tell: Tell, *, may_migrate: bool) -> Mapping[str, Found]:
    version = read_version(url)
    schema = _describe(version, may_migrate)
    if not schema.ok:
        return {"schema": schema}
    if version.missing:
        with telling_migrations(tell):
            migrate(url)
    return {"schema": schema, **asyncio.run(verify_database(url, given, tell))}


def _describe(version: SchemaVersion, may_migrate: bool) -> Found:
    if version.revision is None:
        return Found(False, "The database has no schema of Gatepost.")
    if version.is_newer:
        text = f"A later release made the schema {version.revision}: verify with that release."
        return Found(False, text)
    if not version.missing:
        return Found(True, f"The schema {version.revision} is this release's.")
    text = f"The schema {version.revision} lacks {version.missing} of this release's migrations"
    if may_migrate:
        return Found(True, f"{text}, which the restored copy has now.")
    return Found(False, f"{text}: run `gatepost auth-server migrate`.")
