"""What a run writes into the metadata: artifacts before and after they are in place, and what made them."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from pipeline.execution.cache_key import CacheKey
from pipeline.metadata import Metadata, StoredArtifact, now_ms


def begin_run(metadata: Metadata, run_id: str) -> None:
    """Enter a run as a context."""
    metadata.db.execute(
        "INSERT INTO contexts (type, name, create_time_since_epoch) VALUES ('run', ?, ?)", [run_id, now_ms()]
    )


def add_pending(
    metadata: Metadata,
    kind: str,
    uri: str,
    digest: str,
    key: CacheKey,
    properties: Mapping[str, Any],
    files: Mapping[str, str],
) -> StoredArtifact:
    """Enter an artifact that is complete and about to be renamed into place.

    Killed before or after the rename, the next run knows by these digests whether what lies there is the artifact.
    """
    with metadata.transaction():
        artifact_id = _add_artifact(metadata, kind, uri, digest, "PENDING", properties, key.digest)
        metadata.db.executemany(
            "INSERT INTO artifact_files (artifact_id, path, sha256) VALUES (?, ?, ?)",
            [(artifact_id, path, sha256) for path, sha256 in files.items()],
        )
    return metadata.artifacts("a.id = ?", artifact_id)[0]


def _add_artifact(
    metadata: Metadata,
    kind: str,
    uri: str,
    digest: str,
    state: str,
    properties: Mapping[str, Any],
    key: str | None = None,
) -> int:
    cursor = metadata.db.execute(
        """INSERT INTO artifacts (type, uri, digest, cache_key, state, properties, create_time_since_epoch)
        VALUES (?, ?, ?, ?, ?, ?, ?)""",
        [kind, uri, digest, key, state, json.dumps(properties), now_ms()],
    )
    return int(cursor.lastrowid or 0)


def record_execution(
    metadata: Metadata,
    run_id: str | None,
    key: CacheKey,
    state: Literal["COMPLETE", "CACHED"],
    reason: str,
    started_ms: int,
    inputs: Mapping[str, StoredArtifact],
    output: StoredArtifact,
) -> None:
    """Enter one finished step, of a run if it is part of one; its artifact becomes the live one of its folder."""
    with metadata.transaction():
        db = metadata.db
        if state == "COMPLETE":
            db.execute("UPDATE artifacts SET state = 'DELETED' WHERE uri = ? AND id <> ?", [output.uri, output.id])
            db.execute("UPDATE artifacts SET state = 'LIVE' WHERE id = ?", [output.id])
        cursor = db.execute(
            """INSERT INTO executions (type, last_known_state, cache_key, key_parts, reason,
            create_time_since_epoch, last_update_time_since_epoch) VALUES (?, ?, ?, ?, ?, ?, ?)""",
            [key.step, state, key.digest, key.to_json(), reason, started_ms, now_ms()],
        )
        execution_id = int(cursor.lastrowid or 0)
        sources = {name: _source_file(metadata, name, digest) for name, digest in key.sources.items()}
        events = [
            *((artifact.id, execution_id, "INPUT", name) for name, artifact in inputs.items()),
            *((artifact_id, execution_id, "INPUT", f"source {name}") for name, artifact_id in sources.items()),
            (output.id, execution_id, "OUTPUT", key.step),
        ]
        db.executemany("INSERT INTO events (artifact_id, execution_id, type, name) VALUES (?, ?, ?, ?)", events)
        db.execute("INSERT INTO associations SELECT id, ? FROM contexts WHERE name = ?", [execution_id, run_id])


def _source_file(metadata: Metadata, name: str, digest: str) -> int:
    found = metadata.artifacts("a.type = 'SourceFile' AND a.uri = ? AND a.digest = ?", name, digest)
    return found[0].id if found else _add_artifact(metadata, "SourceFile", name, digest, "LIVE", {})


def forget_pending(metadata: Metadata, artifact: StoredArtifact) -> None:
    """A pending artifact whose files are not there: it never came to be."""
    metadata.db.execute("UPDATE artifacts SET state = 'DELETED' WHERE id = ?", [artifact.id])
