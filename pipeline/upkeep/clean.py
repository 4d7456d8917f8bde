"""Clearing up: what ``retention`` lets go is removed, so that the disk a root takes is bounded by what is kept.

Killed at any instant the root is in order, and the next ``clean`` finishes: versions leave ``serving/`` by a rename,
then one transaction says what is gone, then the files go.
"""

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from pipeline.execution.lock import locked
from pipeline.execution.root import Root
from pipeline.metadata import Metadata
from pipeline.upkeep.retention import Retention, retention
from schemas.errors import UsageError

_REMOVED = ".removed.partial"  # hidden from servers and lineage; a run removes such folders too


def clean(root: Root, keep_runs: int, keep_versions: int, dry_run: bool) -> dict[str, Any]:
    """Remove what no kept run and no kept version reaches; with ``dry_run`` only say what that is.

    Returns:
        {"dry_run", "versions", "runs", "artifacts", "bytes": what was or would be freed}.

    Raises:
        UsageError: there is no record of what was made from what.
        LockedError: a run is under way.
    """
    root.check()
    if not root.metadata_file.exists():
        raise UsageError(f"There is no run in {root.path} yet, so there is nothing to remove.")
    if dry_run:
        with closing(Metadata.read(root.metadata_file)) as metadata:
            going = retention(root, metadata, keep_runs, keep_versions)
            return _told(going, _freed(_places(root, going)), dry_run)
    with locked(root.lock_file), closing(Metadata.open(root.metadata_file)) as metadata:
        going = retention(root, metadata, keep_runs, keep_versions)
        places = list(_places(root, going))
        for version in going.versions:
            hide(root.serving / str(version))
        mark_removed(root, metadata, going)
        freed = _freed(map(_present, places))
        for place in places:
            remove(place)
        return _told(going, freed, dry_run)


def _told(going: Retention, size: int, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "versions": going.versions,
        "runs": going.runs,
        "artifacts": going.folders,
        "bytes": size,
    }


def _places(root: Root, going: Retention) -> Iterator[Path]:
    """The folders to remove, as they lie there now; also those that a killed ``clean`` left."""
    yield from (root.serving / str(version) for version in going.versions)
    yield from (root.path / uri for uri in going.folders)
    yield from (root.run_folder(run) for run in going.runs)
    yield from root.serving.glob(f".*{_REMOVED}")
    yield from root.artifacts.glob(f"*/.*{_REMOVED}")


def _hidden(folder: Path) -> Path:
    return folder if folder.name.startswith(".") else folder.with_name(f".{folder.name}{_REMOVED}")


def hide(folder: Path) -> None:
    """Rename a folder, so that nobody takes what is left of it for the whole."""
    shutil.rmtree(_hidden(folder), ignore_errors=True)
    folder.rename(_hidden(folder))


def remove(folder: Path) -> None:
    """Remove a folder, hidden already or not."""
    if folder.exists() and _hidden(folder) != folder:
        hide(folder)
    shutil.rmtree(_hidden(folder), ignore_errors=True)


def _present(folder: Path) -> Path:
    return folder if folder.exists() else _hidden(folder)


def _freed(folders: Iterable[Path]) -> int:
    """The bytes of all files that no folder beside these has a link to; examples of spans have several."""
    stats = [path.lstat() for folder in folders for path in folder.rglob("*") if not path.is_dir()]
    links = Counter((stat.st_dev, stat.st_ino) for stat in stats)
    sizes = {(stat.st_dev, stat.st_ino): stat for stat in stats}
    return sum(stat.st_size for file, stat in sizes.items() if links[file] == stat.st_nlink)


def mark_removed(root: Root, metadata: Metadata, going: Retention) -> None:
    """Mark artifacts as deleted and forget the runs that go; what was made from what stays on record."""
    kept = list(going.kept_runs)
    other_runs = f"SELECT id FROM contexts WHERE name NOT IN ({', '.join('?' * len(kept))})"
    with metadata.transaction():
        db = metadata.db
        db.executemany("UPDATE artifacts SET state = 'DELETED' WHERE id = ?", [[one.id] for one in going.artifacts])
        db.execute("DELETE FROM artifact_files WHERE artifact_id IN (SELECT id FROM artifacts WHERE state = 'DELETED')")
        for folder in (root.path / uri for uri in going.folders):
            below = f"{folder.absolute()}/"
            db.execute("DELETE FROM file_digests WHERE path > ? AND path < ?", [below, f"{below}\U0010ffff"])
        db.execute("CREATE TEMP TABLE forgotten (id INTEGER PRIMARY KEY)")
        db.execute(
            f"""INSERT INTO forgotten SELECT e.id FROM executions e JOIN associations s ON s.execution_id = e.id
            WHERE e.last_known_state = 'CACHED' AND s.context_id IN ({other_runs})""",
            kept,
        )
        for table, column in (("events", "execution_id"), ("associations", "execution_id"), ("executions", "id")):
            db.execute(f"DELETE FROM {table} WHERE {column} IN (SELECT id FROM forgotten)")
        db.execute(
            f"DELETE FROM contexts WHERE id IN ({other_runs}) AND id NOT IN (SELECT context_id FROM associations)", kept
        )
        db.execute("DROP TABLE forgotten")
