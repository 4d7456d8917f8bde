"""Where an artifact comes from, down to the source files, and what became of it."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from pipeline.execution.root import Root
from pipeline.metadata import Metadata, StoredArtifact
from pipeline.terminal.lines import age
from schemas.errors import UsageError


def lineage(root: Root, name: str) -> dict[str, Any]:
    """The artifact that a name means, what it was made from (nested), and the artifacts made from it.

    Args:
        root: where to look.
        name: an id or the beginning of one, a folder (``artifacts/train/3f...``, ``serving/1``), or a step, which
            means its newest artifact.

    Raises:
        UsageError: where the name means nothing, or several artifacts.
    """
    root.check()
    with closing(Metadata.read(root.metadata_file)) as metadata:
        artifact = _find(root, metadata, name)
        return {**_made_from(metadata, artifact), "used_by": sorted({user.uri for user in metadata.users(artifact)})}


def _find(root: Root, metadata: Metadata, name: str) -> StoredArtifact:
    live = metadata.artifacts("a.state = 'LIVE' AND a.type <> 'SourceFile'")
    wanted = name.rstrip("/").removeprefix(f"{root.path}/")
    newest = [artifact for artifact in live if artifact.uri.split("/")[1] == wanted][:1]
    found = newest or [artifact for artifact in live if _is_called(artifact, wanted)]
    if len(found) == 1:
        return found[0]
    problem = f"{len(found)} artifacts are called" if found else "there is no artifact called"
    raise UsageError(
        f"{root.path}: {problem} {name}. Give an id (or its beginning), a folder such as artifacts/train/<id> or "
        "serving/1, or a step for its newest artifact; `glovebeam show` lists those of a run."
    )


def _is_called(artifact: StoredArtifact, name: str) -> bool:
    _, step, artifact_id = artifact.uri.split("/")
    folder, _, beginning = name.removeprefix("artifacts/").rpartition("/")
    if name in artifact.properties.get("published", []):
        return True
    return folder in ("", step) and artifact_id.startswith(beginning) and len(beginning) >= 4


def _made_from(metadata: Metadata, artifact: StoredArtifact, is_followed: bool = True) -> dict[str, Any]:
    """The tree; a model that a training went on from is named and not followed, as there may be one behind it, ..."""
    if artifact.type == "SourceFile":
        return {"artifact": artifact.uri, "type": artifact.type, "digest": artifact.digest}
    inputs = metadata.inputs(artifact) if is_followed else {}
    return {
        "artifact": artifact.uri,
        "type": artifact.type,
        "digest": artifact.digest,
        "age": age(artifact),
        "run": metadata.run_that_made(artifact),
        "made_from": {name: _made_from(metadata, source, name != "initial") for name, source in inputs.items()},
    }


def lineage_lines(tree: dict[str, Any]) -> list[str]:
    """The tree, indented; what was shown before is not shown again."""
    lines = list(_tree_lines(tree, "", 0, set()))
    return [*lines, "used by:", *(f"  {uri}" for uri in tree["used_by"])] if tree["used_by"] else lines


def _tree_lines(node: dict[str, Any], name: str, depth: int, seen: set[str]) -> Iterator[str]:
    told = f"{name}: " if name else ""
    indent = "  " * depth
    if node["type"] == "SourceFile":
        yield f"{indent}{told.removeprefix('source ')}sha256 {node['digest']}"
        return
    is_repeated = node["artifact"] in seen and node["made_from"]
    seen.add(node["artifact"])
    above = ", see above" if is_repeated else ""
    run = f", run {node['run']}" if node["run"] else ""  # a rollback is part of none
    yield f"{indent}{told}{node['artifact']} ({node['type']}, {node['age']}{run}{above})"
    if not is_repeated:
        for input_name, child in node["made_from"].items():
            yield from _tree_lines(child, input_name, depth + 1, seen)
