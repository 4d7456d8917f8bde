"""The record of what was made from what, in SQLite and in ML Metadata's words.

An *artifact* is a folder (or a source file), an *execution* is one step of one run, *events* link the two as input and
output, and a *context* is a run with its executions as *associations*. Plain SQL: any SQLite client can read it.
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pipeline.execution.cache_key import CacheKey
from schemas.errors import UsageError

VERSION = 2  # of the layout below; pipeline/upkeep/migration.py brings earlier ones here

_SCHEMA = """
CREATE TABLE artifacts (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL,                 -- Examples, Model, ..., or SourceFile
    uri TEXT NOT NULL,                  -- relative to the root; a source file's own path
    digest TEXT NOT NULL,               -- SHA-256 of the content
    cache_key TEXT,
    state TEXT NOT NULL CHECK (state IN ('PENDING', 'LIVE', 'DELETED')),
    properties TEXT NOT NULL,           -- JSON
    create_time_since_epoch INTEGER NOT NULL
) STRICT;
CREATE INDEX artifacts_by_key ON artifacts (cache_key);
CREATE UNIQUE INDEX live_artifact_by_uri ON artifacts (uri) WHERE state = 'LIVE' AND type <> 'SourceFile';
CREATE INDEX artifacts_by_uri ON artifacts (uri);
CREATE TABLE artifact_files (
    artifact_id INTEGER NOT NULL REFERENCES artifacts (id),
    path TEXT NOT NULL,                 -- relative to the root
    sha256 TEXT NOT NULL,
    PRIMARY KEY (artifact_id, path)
) STRICT, WITHOUT ROWID;
CREATE TABLE executions (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL,                 -- the step
    last_known_state TEXT NOT NULL CHECK (last_known_state IN ('COMPLETE', 'CACHED')),
    cache_key TEXT NOT NULL,
    key_parts TEXT NOT NULL,            -- JSON, all that went into the key
    reason TEXT NOT NULL,
    create_time_since_epoch INTEGER NOT NULL,
    last_update_time_since_epoch INTEGER NOT NULL
) STRICT;
CREATE INDEX executions_by_type ON executions (type);
CREATE TABLE events (
    execution_id INTEGER NOT NULL REFERENCES executions (id),
    type TEXT NOT NULL CHECK (type IN ('INPUT', 'OUTPUT')),
    name TEXT NOT NULL,                 -- the argument of the step
    artifact_id INTEGER NOT NULL REFERENCES artifacts (id),
    PRIMARY KEY (execution_id, type, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_by_artifact ON events (artifact_id);
CREATE TABLE contexts (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL,                 -- run
    name TEXT NOT NULL UNIQUE,          -- the run id
    create_time_since_epoch INTEGER NOT NULL
) STRICT;
CREATE TABLE associations (
    context_id INTEGER NOT NULL REFERENCES contexts (id),
    execution_id INTEGER NOT NULL REFERENCES executions (id),
    PRIMARY KEY (context_id, execution_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX associations_by_execution ON associations (execution_id);
CREATE TABLE file_digests (             -- spares reading files that have not changed since
    path TEXT PRIMARY KEY,
    stat TEXT NOT NULL,                 -- size, mtime_ns, ctime_ns, inode
    sha256 TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True)
class StoredArtifact:
    """One row of ``artifacts``."""

    id: int
    type: str
    uri: str
    digest: str
    cache_key: str | None
    state: Literal["PENDING", "LIVE", "DELETED"]
    properties: Mapping[str, Any]
    create_time_since_epoch: int  # milliseconds

    @classmethod
    def from_row(cls, row: Iterable[Any]) -> Self:
        """From the columns in the order of the fields."""
        artifact_id, kind, uri, digest, cache_key, state, properties, created = row
        return cls(artifact_id, kind, uri, digest, cache_key, state, json.loads(properties), created)


_ARTIFACT = ", ".join(f"a.{name}" for name in StoredArtifact.__dataclass_fields__)


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Metadata:
    """A connection; one process writes at a time (the root's lock sees to it), any number may read."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.db = connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open for writing; made where it is missing. Raises ``UsageError`` if another layout is there."""
        db = sqlite3.connect(path, isolation_level=None)
        check_layout(db, path)
        db.executescript("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;")
        if layout(db) == 0:
            db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
        return cls(db)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Open for reading without writing a byte beside it; an empty database where there is none.

        Without a ``-wal`` file nobody is writing, and SQLite may treat the file as immutable, which spares it the
        shared-memory file that it would otherwise make (and could not make on a read-only file system).
        """
        if not path.exists():
            return cls._empty()
        mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
        db = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, isolation_level=None)
        check_layout(db, path)
        return cls(db) if layout(db) else cls._empty()

    @classmethod
    def _empty(cls) -> Self:
        db = sqlite3.connect(":memory:", isolation_level=None)
        db.executescript(_SCHEMA)
        return cls(db)

    def close(self) -> None:
        """Close the connection."""
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def artifacts(self, where: str, *values: object) -> list[StoredArtifact]:
        """The artifacts that fulfil a condition on ``a``, newest first."""
        rows = self.db.execute(f"SELECT {_ARTIFACT} FROM artifacts a WHERE {where} ORDER BY a.id DESC", values)
        return [StoredArtifact.from_row(row) for row in rows]

    def files(self, artifact: StoredArtifact) -> dict[str, str]:
        """Path relative to the root -> SHA-256."""
        return dict(self.db.execute("SELECT path, sha256 FROM artifact_files WHERE artifact_id = ?", [artifact.id]))

    def inputs(self, artifact: StoredArtifact) -> dict[str, StoredArtifact]:
        """What the artifact was made from, by argument."""
        rows = self.db.execute(
            f"""SELECT i.name, {_ARTIFACT} FROM events o JOIN events i USING (execution_id)
            JOIN artifacts a ON a.id = i.artifact_id JOIN executions e ON e.id = o.execution_id
            WHERE o.artifact_id = ? AND o.type = 'OUTPUT' AND i.type = 'INPUT' AND e.last_known_state = 'COMPLETE'
            ORDER BY i.name""",
            [artifact.id],
        )
        return {name: StoredArtifact.from_row(row) for name, *row in rows}

    def ancestors(self, ids: Iterable[int]) -> list[StoredArtifact]:
        """The artifacts with these ids, and all they were made from, but for models that trainings went on from."""
        rows = self.db.execute(
            f"""WITH RECURSIVE reached (id) AS (
                SELECT value FROM json_each(?)
                UNION SELECT i.artifact_id FROM reached r
                JOIN events o ON o.artifact_id = r.id AND o.type = 'OUTPUT'
                JOIN executions e ON e.id = o.execution_id AND e.last_known_state = 'COMPLETE'
                JOIN events i ON i.execution_id = e.id AND i.type = 'INPUT' AND i.name <> 'initial'
            ) SELECT {_ARTIFACT} FROM artifacts a JOIN reached USING (id)""",
            [json.dumps(list(ids))],
        )
        return [StoredArtifact.from_row(row) for row in rows]

    def users(self, artifact: StoredArtifact) -> list[StoredArtifact]:
        """What was made from the artifact."""
        rows = self.db.execute(
            f"""SELECT DISTINCT {_ARTIFACT} FROM events i JOIN events o USING (execution_id)
            JOIN artifacts a ON a.id = o.artifact_id
            WHERE i.artifact_id = ? AND i.type = 'INPUT' AND o.type = 'OUTPUT' ORDER BY a.id""",
            [artifact.id],
        )
        return [StoredArtifact.from_row(row) for row in rows]

    def run_that_made(self, artifact: StoredArtifact) -> str | None:
        """The id of the run that executed the step."""
        row = self.db.execute(
            """SELECT c.name FROM events o JOIN executions e ON e.id = o.execution_id
            JOIN associations s ON s.execution_id = e.id JOIN contexts c ON c.id = s.context_id
            WHERE o.artifact_id = ? AND o.type = 'OUTPUT' AND e.last_known_state = 'COMPLETE'""",
            [artifact.id],
        ).fetchone()
        return row[0] if row else None

    def last_key(self, step: str, span: str | None = None) -> CacheKey | None:
        """What the step's last execution, cached or not, depended on; of a step that works on spans, that of one."""
        of_span = "type = ? AND json_extract(key_parts, '$.arguments.span') IS ?"
        row = self.db.execute(
            f"SELECT key_parts FROM executions WHERE {of_span} ORDER BY id DESC LIMIT 1", [step, span]
        )
        return next((CacheKey.from_json(parts) for (parts,) in row), None)

    def keys(self, step: str) -> Iterator[CacheKey]:
        """The keys of all executions of a step, latest first."""
        rows = self.db.execute("SELECT key_parts FROM executions WHERE type = ? ORDER BY id DESC", [step])
        return (CacheKey.from_json(parts) for (parts,) in rows.fetchall())

    def memorized_digest(self, path: str) -> tuple[str, str] | None:
        """(stat, SHA-256) of a file when it was last read."""
        found: tuple[str, str] | None = self.db.execute(
            "SELECT stat, sha256 FROM file_digests WHERE path = ?", [path]
        ).fetchone()
        return found


def layout(db: sqlite3.Connection) -> int:
    """The number of the layout of a database; 0 where it is empty."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def check_layout(db: sqlite3.Connection, path: Path) -> None:
    """Raise ``UsageError`` where the layout is not this version's, with the way out."""
    found = layout(db)
    if found > VERSION:
        raise UsageError(
            f"{path} was written by a newer glovebeam (its layout is number {found}, this one knows up to {VERSION}). "
            "Upgrade glovebeam, or give another --root."
        )
    if 0 < found < VERSION:
        raise UsageError(
            f"{path} was written by an older glovebeam (its layout is number {found}, this one works with {VERSION}). "
            f"`glovebeam migrate --root {path.parent}` brings it up to date and keeps a copy of it as it is."
        )
