"""Which version serves, from which data, with which metrics, and why it was blessed; likewise the earlier ones."""

import json
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from pipeline.execution.publications import Publication, publications
from pipeline.execution.root import Root
from pipeline.metadata import Metadata
from pipeline.terminal.lines import count
from pipeline.terminal.reading import table
from pipeline.terminal.results import blessing_lines, metrics_lines

_SOURCES_SHOWN = 3


def versions(root: Root) -> list[dict[str, Any]]:
    """Published versions, the newest first: those recorded and not removed by `clean`."""
    root.check()
    with closing(Metadata.read(root.metadata_file)) as metadata:
        found = [one for one in publications(root, metadata) if one.pushed.state == "LIVE"]
        serving = next((one.version for one in found if one.is_present), None)
        return [{**_described(root, metadata, one), "serves": one.version == serving} for one in found]


def _described(root: Root, metadata: Metadata, publication: Publication) -> dict[str, Any]:
    pushed_file = root.path / publication.pushed.uri / "pushed.json"
    pushed = json.loads(pushed_file.read_text()) if pushed_file.exists() else {}
    examples = metadata.inputs(publication.pushed).get("examples")
    sources = metadata.ancestors([examples.id]) if examples else []
    published = datetime.fromtimestamp(publication.pushed.create_time_since_epoch / 1000, UTC)
    return {
        "version": publication.version,
        "path": f"serving/{publication.version}",
        "present": publication.is_present,
        "published": published.isoformat(timespec="seconds"),
        "restores": publication.restores,
        "run": metadata.run_that_made(publication.pushed),
        "model": publication.model.uri,
        "sources": sorted({source.uri for source in sources if source.type == "SourceFile"}),
        "rows": pushed.get("rows"),
        "accuracy": pushed.get("metrics", {}).get("accuracy"),
        "metrics": pushed.get("metrics"),
        "blessing": pushed.get("blessing"),
    }


def versions_lines(published: Sequence[dict[str, Any]]) -> list[str]:
    """One line a version, then all about the one that serves."""
    if not published:
        return ["nothing published yet; `glovebeam run` trains, evaluates and publishes"]
    rows = [("version", "published (UTC)", "accuracy", "data", "by", "")]
    for version in published:
        accuracy = "" if version["accuracy"] is None else f"{version['accuracy']:.4f}"
        by = f"run {version['run']}" if version["restores"] is None else f"rollback to version {version['restores']}"
        state = "serves" if version["serves"] else "" if version["present"] else "its folder is gone"
        when = version["published"][:16].replace("T", " ")
        rows.append((str(version["version"]), when, accuracy, _data(version), by, state))
    lines = table(rows)
    for version in published:
        if version["serves"]:
            lines += ["", *_serving_lines(version)]
    return lines


def _data(version: dict[str, Any]) -> str:
    """``25,000 rows of reviews.csv``."""
    names = version["sources"]
    told = ", ".join(names) if len(names) <= _SOURCES_SHOWN else f"{len(names):,} files"
    rows = "" if version["rows"] is None else count(sum(version["rows"].values()), "row")
    return " of ".join(part for part in (rows, told) if part)


def _serving_lines(version: dict[str, Any]) -> list[str]:
    restores = "" if version["restores"] is None else f", which is version {version['restores']} again"
    lines = [f"version {version['version']} serves{restores}: model {version['model']}"]
    if version["rows"] is not None:
        lines.append(f"data: {', '.join(f'{rows:,} {split}' for split, rows in version['rows'].items())}")
    if version["metrics"] is not None:
        lines += metrics_lines(version["metrics"])
    if version["blessing"] is not None:
        lines += blessing_lines(version["blessing"])
    return lines
