"""Metadata of earlier versions, from the first layout on.

``tests/golden/metadata-layout-1.sql`` is what version 0.1.0 left after three runs of the toy pipeline, two of 4 epochs
after one of 3: ``sqlite3 root/metadata.sqlite .dump`` without the rows of ``file_digests``, which hold absolute paths,
and with the line ``PRAGMA user_version = 1;`` at its end.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.execution.lock import locked
from pipeline.metadata import VERSION, Metadata
from pipeline.terminal import doctor
from pipeline.upkeep import migration
from pipeline.upkeep.migration import migrate
from schemas.errors import GlovebeamError, LockedError, UsageError
from tests.pipeline.command_line import glovebeam, one_paragraph
from tests.pipeline.conftest import killed_around
from tests.pipeline.test_runner import EVERYTHING_CACHED

GOLDEN = {1: Path(__file__).parents[1] / "golden" / "metadata-layout-1.sql"}
TABLES = ("artifacts", "artifact_files", "executions", "events", "contexts", "associations")


@pytest.fixture(params=sorted(GOLDEN))
def old(toy, request):
    """A root whose metadata have an earlier layout."""
    toy.root.path.mkdir()
    with closing(sqlite3.connect(toy.root.metadata_file)) as db:
        db.executescript(GOLDEN[request.param].read_text())
        db.execute("PRAGMA journal_mode = WAL")
    toy.layout = request.param
    return toy


def rows(path):
    with closing(sqlite3.connect(path)) as db:
        return {table: sorted(db.execute(f"SELECT * FROM {table}"), key=repr) for table in TABLES}


def layout_of(path):
    """The number, and the statements that make it, whatever their order and spaces."""
    with closing(sqlite3.connect(path)) as db:
        made = [" ".join(sql.split()) for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
        return db.execute("PRAGMA user_version").fetchone()[0], sorted(made)


def backups(toy):
    return list(toy.root.path.glob("metadata.sqlite.layout-*"))


def as_of_layout_1(toy):
    """Take the metadata of a root that runs can use back to the first layout."""
    with closing(sqlite3.connect(toy.root.metadata_file)) as db:
        db.executescript("DROP INDEX artifacts_by_uri; DROP INDEX associations_by_execution; PRAGMA user_version = 1;")


def test_there_is_a_way_from_every_earlier_layout_and_a_golden_file_of_each():
    assert set(GOLDEN) == set(migration.MIGRATIONS) == set(range(1, VERSION))


def test_a_migrated_database_has_the_layout_of_a_new_one_and_every_row(old, tmp_path):
    before = rows(old.root.metadata_file)
    assert migrate(old.root) == {"from": old.layout, "to": VERSION, "backup": str(backups(old)[0])}
    Metadata.open(tmp_path / "new.sqlite").close()
    assert layout_of(old.root.metadata_file) == layout_of(tmp_path / "new.sqlite")
    assert rows(old.root.metadata_file) == before
    assert len(before["executions"]) == 12


def test_the_copy_beside_it_is_the_database_as_it_was(old):
    before = rows(old.root.metadata_file), layout_of(old.root.metadata_file)
    migrate(old.root)
    (backup,) = backups(old)
    assert (rows(backup), layout_of(backup)) == before
    assert backup.name.startswith(f"metadata.sqlite.layout-{old.layout}.")


def test_an_older_layout_is_refused_in_one_line_with_the_command_and_left_alone(toy):
    toy.run()
    as_of_layout_1(toy)
    before = toy.root.metadata_file.read_bytes()
    message = (
        r"metadata\.sqlite was written by an older glovebeam \(its layout is number 1, this one works with 2\)\. "
        r"`glovebeam migrate --root .*root` brings it up to date"
    )
    for dry in (True, False):
        with pytest.raises(UsageError, match=message):
            toy.run(dry=dry)
    assert toy.root.metadata_file.read_bytes() == before
    assert backups(toy) == []
    (check,) = [check for check in doctor.examine(toy.root) if check["name"] == "root"]
    assert (check["verdict"], "glovebeam migrate" in check["found"]) == ("wrong", True)


def test_after_migration_runs_go_on_where_they_were(toy):
    toy.run()
    as_of_layout_1(toy)
    migrate(toy.root)
    assert toy.run() == EVERYTHING_CACHED


def test_migrating_again_does_nothing(old):
    migrate(old.root)
    assert migrate(old.root) == {"from": VERSION, "to": VERSION, "backup": None}
    assert len(backups(old)) == 1


def test_a_newer_layout_is_not_migrated(toy):
    toy.run()
    with closing(sqlite3.connect(toy.root.metadata_file)) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(UsageError, match=r"written by a newer glovebeam .* Upgrade glovebeam"):
        migrate(toy.root)
    assert backups(toy) == []


def test_a_database_that_contradicts_itself_stays_as_it_is(old):
    with closing(sqlite3.connect(old.root.metadata_file)) as db:
        db.execute("DELETE FROM artifacts WHERE id = 1")
        db.commit()
    before = layout_of(old.root.metadata_file)
    with pytest.raises(GlovebeamError, match=r"could not be migrated and is as it was: .*'artifacts'"):
        migrate(old.root)
    assert layout_of(old.root.metadata_file) == before


def test_a_root_that_a_run_holds_is_not_migrated(old):
    with locked(old.root.lock_file), pytest.raises(LockedError):
        migrate(old.root)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("function", ["back_up", "apply"])
def test_killed_at_any_instant_it_is_the_old_layout_or_the_new_one(old, function, when):
    before = rows(old.root.metadata_file)
    killed_around((migration, function), when, lambda: migrate(old.root))
    is_done = (function, when) == ("apply", "after")
    assert layout_of(old.root.metadata_file)[0] == (VERSION if is_done else old.layout)
    migrate(old.root)
    assert layout_of(old.root.metadata_file)[0] == VERSION
    assert rows(old.root.metadata_file) == before


def test_the_command_says_where_the_copy_is(old, tmp_path):
    done = glovebeam("migrate", "--root", "root", cwd=tmp_path)
    (backup,) = backups(old)
    assert done.stdout == f"migrated from layout 1 to 2; as it was, it is kept in root/{backup.name}\n"
    assert glovebeam("migrate", "--root", "root", cwd=tmp_path).stdout == "the metadata are up to date (layout 2)\n"
    assert "nothing to migrate" in one_paragraph(glovebeam("migrate", "--root", "nowhere", cwd=tmp_path))
