"""Bringing the metadata of an earlier glovebeam to the layout of this one: when asked to, and with a copy kept."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.execution.lock import locked
from pipeline.execution.root import Root
from pipeline.metadata import VERSION, check_layout, layout
from schemas.disk import sync
from schemas.errors import GlovebeamError, UsageError

# Layout -> what makes the next one of it.
MIGRATIONS = {
    1: """
        CREATE INDEX artifacts_by_uri ON artifacts (uri);
        CREATE INDEX associations_by_execution ON associations (execution_id);
    """,
}


def migrate(root: Root) -> dict[str, Any]:
    """Migrate ``metadata.sqlite`` in one transaction, after a copy of it is on disk.

    Returns:
        {"from": layout, "to": layout, "backup": path, or None where nothing had to be done}.

    Raises:
        UsageError: there is no database, or a newer glovebeam wrote it.
        GlovebeamError: the database is damaged; it stays as it is.
        LockedError: a run is under way.
    """
    root.check()
    if not root.metadata_file.exists():
        raise UsageError(f"There is no run in {root.path} yet, so there is nothing to migrate.")
    with locked(root.lock_file), closing(sqlite3.connect(root.metadata_file, isolation_level=None)) as db:
        found = layout(db)
        if found in (0, VERSION):  # 0: a first run was killed before it made anything
            return {"from": VERSION, "to": VERSION, "backup": None}
        if found not in MIGRATIONS:
            check_layout(db, root.metadata_file)
        backup = back_up(db, root.metadata_file, found)
        apply(db, found, root.metadata_file)
        return {"from": found, "to": VERSION, "backup": str(backup)}


def back_up(db: sqlite3.Connection, path: Path, found: int) -> Path:
    """A copy beside the database, complete as soon as it has its name; none is ever overwritten."""
    backup = path.with_name(f"{path.name}.layout-{found}.{datetime.now(UTC):%Y%m%d-%H%M%S-%f}")
    partial = path.with_name(f".{path.name}.backup")
    partial.unlink(missing_ok=True)
    with closing(sqlite3.connect(partial)) as copy:
        db.backup(copy)
    sync(partial)
    partial.rename(backup)
    sync(backup.parent)
    return backup


def apply(db: sqlite3.Connection, found: int, path: Path) -> None:
    """Take one layout to the next until it is ours; all or nothing."""
    statements = "".join(MIGRATIONS[number] for number in range(found, VERSION))
    try:
        db.executescript(f"BEGIN IMMEDIATE; {statements} PRAGMA user_version = {VERSION};")
        problems = [*db.execute("PRAGMA foreign_key_check"), *db.execute("PRAGMA integrity_check")]
        if problems != [("ok",)]:
            raise sqlite3.DatabaseError(f"{problems[0]}")
    except sqlite3.DatabaseError as error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise GlovebeamError(
            f"{path} could not be migrated and is as it was: {error}. Restore an intact copy of it, or start with "
            "another --root."
        ) from error
    db.execute("COMMIT")
