"""The database: its words, its version, and reading it without a trace."""

import sqlite3

import pytest

from pipeline.metadata import VERSION, Metadata
from schemas.errors import UsageError


def test_a_run_is_a_context_with_executions_whose_events_link_artifacts(toy):
    toy.run()
    toy.run(train__epochs=4)
    with sqlite3.connect(toy.root.metadata_file) as db:
        rows = db.execute(
            """SELECT e.type, e.last_known_state, v.type, v.name, a.type FROM contexts c
            JOIN associations s ON s.context_id = c.id JOIN executions e ON e.id = s.execution_id
            JOIN events v ON v.execution_id = e.id JOIN artifacts a ON a.id = v.artifact_id
            WHERE c.id = (SELECT max(id) FROM contexts WHERE type = 'run') AND e.type IN ('encode', 'train')
            ORDER BY e.id, v.type, v.name"""
        ).fetchall()
    assert rows == [
        ("encode", "CACHED", "INPUT", "examples", "Lines"),
        ("encode", "CACHED", "OUTPUT", "encode", "Encoded"),
        ("train", "COMPLETE", "INPUT", "encoded", "Encoded"),
        ("train", "COMPLETE", "OUTPUT", "train", "Model"),
    ]


def test_source_files_are_artifacts_with_their_digest(toy):
    toy.run()
    (source,) = Metadata.read(toy.root.metadata_file).artifacts("a.type = 'SourceFile'")
    assert source.uri == "reviews.txt"
    assert len(source.digest) == 64


def test_the_database_is_in_order_for_sqlite_itself(toy):
    toy.run()
    toy.run(force=["train"])
    with sqlite3.connect(toy.root.metadata_file) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_a_database_of_a_newer_glovebeam_is_refused_and_left_alone(toy):
    toy.run()
    with sqlite3.connect(toy.root.metadata_file) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = toy.root.metadata_file.read_bytes()
    for dry in (True, False):
        with pytest.raises(UsageError, match=r"metadata\.sqlite was written by a newer glovebeam .*Upgrade glovebeam"):
            toy.run(dry=dry)
    assert toy.root.metadata_file.read_bytes() == before


def test_a_database_whose_writer_was_killed_is_read_without_a_trace(toy):
    toy.command(DIE_AFTER="record_execution", DIE_AT_CALL="3")
    assert toy.root.metadata_file.with_name("metadata.sqlite-wal").exists()
    before = {path.name for path in toy.root.path.iterdir()}
    assert toy.run(dry=True)["train"] == "cached"
    assert {path.name for path in toy.root.path.iterdir()} == before


def test_a_database_that_is_missing_reads_as_an_empty_one(tmp_path):
    assert Metadata.read(tmp_path / "metadata.sqlite").artifacts("1") == []
    assert list(tmp_path.iterdir()) == []
