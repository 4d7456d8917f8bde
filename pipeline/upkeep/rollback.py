"""Going back: an earlier version is published once more, as the next one, and that goes into the lineage.

TensorFlow Serving serves the largest number, so nothing else has to be told. The copy is complete and on disk, and its
record written, before one rename makes it visible: killed at any instant, either the old version serves or the new one.
"""

import json
from contextlib import closing
from typing import Any

from components.serving.publication import next_version, published_versions, reveal, stage
from pipeline.execution.cache_key import ID_LENGTH, CacheKey
from pipeline.execution.contents import FileDigests, combined_digest, content_files, damage
from pipeline.execution.folders import open_partial, partial_folder, put_in_place
from pipeline.execution.lock import locked
from pipeline.execution.publications import Publication, publications
from pipeline.execution.recording import add_pending, record_execution
from pipeline.execution.root import Root
from pipeline.metadata import Metadata, StoredArtifact, now_ms
from schemas.artifacts import write_json
from schemas.disk import sync_folder
from schemas.errors import GlovebeamError, UsageError

STEP = "rollback"


def roll_back(root: Root, version: int) -> dict[str, Any]:
    """Publish an earlier version as a new one.

    Returns:
        {"version": the one that serves now, "restores": version, "replaces": the one that served}; the first and the
        last are the same where the model that is asked for serves already.

    Raises:
        UsageError: there is no such version.
        GlovebeamError: its files are not as they were published.
        LockedError: a run is under way.
    """
    root.check()
    if not published_versions(root.serving) or not root.metadata_file.exists():
        raise UsageError(f"{root.path} has no published model yet, so there is nothing to go back to.")
    with locked(root.lock_file), closing(Metadata.open(root.metadata_file)) as metadata:
        began_ms = now_ms()
        present = [publication for publication in publications(root, metadata) if publication.is_present]
        wanted, serving = _find(root, present, version), present[0]
        digests = FileDigests(metadata)
        files = _intact_files(root, metadata, wanted, digests)
        if serving.model.digest == wanted.model.digest:
            return {"version": serving.version, "restores": version, "replaces": serving.version}
        new = next_version(root.serving)
        incoming = stage(root.serving / str(version), root.serving, {})
        _record(root, metadata, wanted, serving, new, files, began_ms)
        reveal(incoming, root.serving, new)
        digests.memorize()
        return {"version": new, "restores": version, "replaces": serving.version}


def _find(root: Root, present: list[Publication], version: int) -> Publication:
    for publication in present:
        if publication.version == version:
            return publication
    numbers = ", ".join(str(publication.version) for publication in reversed(present))
    raise UsageError(
        f"{root.path} has no version {version} to go back to. There are: {numbers}. "
        "`glovebeam versions` tells them apart."
    )


def _intact_files(root: Root, metadata: Metadata, wanted: Publication, digests: FileDigests) -> dict[str, str]:
    """Path relative to the version's folder -> SHA-256, of files that are as they were published."""
    folder = root.relative(root.serving / str(wanted.version))
    recorded = {path: sha256 for path, sha256 in metadata.files(wanted.pushed).items() if path.startswith(f"{folder}/")}
    if problem := damage(root.path, [folder], recorded, digests):
        raise GlovebeamError(
            f"Version {wanted.version} is not as it was published ({problem}), so what serves stays. Go back to "
            "another version; `glovebeam versions` lists them."
        )
    return {path.removeprefix(f"{folder}/"): sha256 for path, sha256 in recorded.items()}


def _record(
    root: Root,
    metadata: Metadata,
    wanted: Publication,
    serving: Publication,
    version: int,
    files: dict[str, str],
    began_ms: int,
) -> None:
    """Enter the new version as made by an execution from the earlier one and from what that was made from."""
    inputs: dict[str, StoredArtifact] = {**metadata.inputs(wanted.pushed), "restored": wanted.pushed}
    arguments = {"restores": wanted.version, "version": version}
    key = CacheKey(STEP, {}, arguments, {name: artifact.digest for name, artifact in inputs.items()}, {}, {})
    folder = root.artifacts / STEP / key.digest[:ID_LENGTH]
    partial = partial_folder(folder, key.digest)
    open_partial(partial, keep_checkpoint=False)
    pushed_file = root.path / wanted.pushed.uri / "pushed.json"
    write_json(partial / "pushed.json", {**json.loads(pushed_file.read_text()), **arguments})
    sync_folder(partial)

    uri, published = root.relative(folder), root.relative(root.serving / str(version))
    names = {path.name: FileDigests(metadata).sha256(path) for path in content_files(partial)}
    all_files = {f"{uri}/{name}": sha256 for name, sha256 in names.items()}
    all_files |= {f"{published}/{name}": sha256 for name, sha256 in files.items()}
    properties = {"version": version, "published": [published], "restores": wanted.version}
    stored = add_pending(metadata, "PushedModel", uri, combined_digest(names), key, properties, all_files)
    put_in_place(partial, folder)
    reason = f"from version {serving.version} back to version {wanted.version}"
    record_execution(metadata, None, key, "COMPLETE", reason, began_ms, inputs, stored)
