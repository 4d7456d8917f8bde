"""What may go: the artifacts, runs and versions that neither a kept run nor a kept version reaches. Reads only.

Kept are the newest runs, the newest versions, and the runs that made those versions. By lineage they reach every
artifact that a kept run used, and all that those and the kept versions were made from: so any kept version can be
compared with, trained on from, and explained down to its sources.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from components.serving.publication import published_versions
from pipeline.execution.publications import publications
from pipeline.execution.root import Root
from pipeline.metadata import Metadata, StoredArtifact


@dataclass(frozen=True)
class Retention:
    """What is to be removed, and which runs stay."""

    versions: list[int]
    runs: list[str]
    kept_runs: set[str]
    artifacts: list[StoredArtifact]  # to be marked as deleted
    folders: list[str]  # of artifacts; relative to the root, as they lie there


def retention(root: Root, metadata: Metadata, keep_runs: int, keep_versions: int) -> Retention:
    """Decide what goes; ``keep_versions`` is at least 1, since the newest version serves."""
    versions = published_versions(root.serving)
    kept_versions = set(versions[-keep_versions:])
    pushed = [one.pushed for one in publications(root, metadata) if one.version in kept_versions]
    runs = _runs(root, metadata)
    newest = runs[len(runs) - min(keep_runs, len(runs)) :]
    kept_runs = {*newest, *_runs_behind(metadata, pushed)}
    reached = {artifact.id for artifact in metadata.ancestors([*_used_by(metadata, kept_runs), *_ids(pushed)])}
    kept_pushed = set(_ids(pushed))
    gone = [
        artifact
        for artifact in metadata.artifacts("a.state <> 'DELETED' AND a.type <> 'SourceFile'")
        if artifact.id not in (kept_pushed if artifact.type == "PushedModel" else reached)
        and not _may_be_taken_up(metadata, artifact, newest)
    ]
    return Retention(
        versions=[version for version in versions if version not in kept_versions],
        runs=[run for run in runs if run not in kept_runs],
        kept_runs=kept_runs,
        artifacts=gone,
        folders=_folders(root, metadata, {artifact.uri for artifact in gone}),
    )


def _runs(root: Root, metadata: Metadata) -> list[str]:
    """The runs that left a folder, as they began; before them those that were killed before they were entered."""
    began = {name: began for began, name in metadata.db.execute("SELECT id, name FROM contexts WHERE type = 'run'")}
    folders = [path.name for path in root.runs.iterdir() if path.is_dir()] if root.runs.is_dir() else []
    return sorted(folders, key=lambda name: (began.get(name, 0), name))


def _ids(artifacts: Iterable[StoredArtifact]) -> list[int]:
    return [artifact.id for artifact in artifacts]


def _runs_behind(metadata: Metadata, pushed: Iterable[StoredArtifact]) -> set[str]:
    """The runs that made these versions; of a rollback, the run that made the version it restored."""
    made = [artifact for artifact in metadata.ancestors(_ids(pushed)) if artifact.type == "PushedModel"]
    return {run for artifact in made if (run := metadata.run_that_made(artifact)) is not None}


def _used_by(metadata: Metadata, runs: Iterable[str]) -> list[int]:
    """Ids of all artifacts that went into or came out of a step of these runs."""
    names = list(runs)
    rows = metadata.db.execute(
        f"""SELECT DISTINCT v.artifact_id FROM contexts c JOIN associations s ON s.context_id = c.id
        JOIN events v ON v.execution_id = s.execution_id WHERE c.name IN ({", ".join("?" * len(names))})""",
        names,
    )
    return [artifact_id for (artifact_id,) in rows]


def _may_be_taken_up(metadata: Metadata, artifact: StoredArtifact, newest: list[str]) -> bool:
    """Whether a kept run was killed just as it finished this artifact; the next run then takes it as it is."""
    if artifact.state != "PENDING" or not newest:
        return False
    row = metadata.db.execute("SELECT create_time_since_epoch FROM contexts WHERE name = ?", [newest[0]]).fetchone()
    return row is not None and artifact.create_time_since_epoch >= row[0]


def _folders(root: Root, metadata: Metadata, gone: set[str]) -> list[str]:
    """The folders under ``artifacts/`` whose artifact goes or went; one that no record knows is left alone."""
    live = {artifact.uri for artifact in metadata.artifacts("a.state <> 'DELETED'")} - gone
    known = {uri for (uri,) in metadata.db.execute("SELECT DISTINCT uri FROM artifacts WHERE type <> 'SourceFile'")}
    there = [root.relative(path) for path in sorted(root.artifacts.glob("*/*")) if not path.name.startswith(".")]
    return [uri for uri in there if uri in known and uri not in live]
