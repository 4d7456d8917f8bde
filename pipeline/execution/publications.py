"""What was published when, by a push or by a rollback; this is how everything here knows which model serves."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.serving.publication import published_versions
from pipeline.execution.root import Root
from pipeline.metadata import Metadata, StoredArtifact


@dataclass(frozen=True)
class Publication:
    """One version of ``serving/``."""

    version: int
    pushed: StoredArtifact
    model: StoredArtifact
    restores: int | None  # of a rollback: the earlier version that it published again
    is_present: bool  # whether the folder is there


def publications(root: Root, metadata: Metadata) -> list[Publication]:
    """The record of each version, the newest version first; also of versions that were removed since.

    A rollback enters its version just before it appears, so what lies above the largest folder never came to be.
    """
    present = published_versions(root.serving)
    found: dict[int, Publication] = {}
    for pushed in metadata.artifacts("a.type = 'PushedModel' AND a.state <> 'PENDING'"):  # the latest record first
        version = int(pushed.properties["version"])
        if version not in found and version <= max(present, default=0):
            model = metadata.inputs(pushed)["model"]
            found[version] = Publication(
                version, pushed, model, pushed.properties.get("restores"), is_present=version in present
            )
    return [found[version] for version in sorted(found, reverse=True)]


def settled_by_rollback(published: Sequence[Publication], digest: str) -> str | None:
    """Why a model is not to be published by a run, in words; None where no rollback has to do with it.

    Either a rollback made it the one that serves, or a rollback went back behind it, and it was not brought back since.
    """
    latest = next((publication for publication in published if publication.model.digest == digest), None)
    if latest is None:
        return None
    if latest is published[0] and latest.restores is not None:
        return f"version {latest.version} serves this model since the rollback to version {latest.restores}"
    for rollback in published:
        if rollback.restores is not None and rollback.restores < latest.version < rollback.version:
            return (
                f"this is the model of version {latest.version}, which the rollback to version {rollback.restores} "
                f"took out of service; `glovebeam rollback {latest.version}` publishes it again"
            )
    return None
