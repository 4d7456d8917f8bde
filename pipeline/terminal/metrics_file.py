"""``metrics.prom``: how the last run of a root went, in Prometheus' text format.

For node_exporter's textfile collector, or anything that reads the format. Written as a whole at the end of every run,
also of one that failed; what a run did not get to know is left out.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from components.serving.publication import published_versions
from pipeline.execution.publications import publications
from pipeline.execution.root import Root
from pipeline.execution.run_record import RunRecord
from pipeline.metadata import Metadata

_LAST_SUCCESS = "glovebeam_last_success_timestamp_seconds"


class Gauge(NamedTuple):
    """One metric: its value by the value of its label, or a single one under ""."""

    name: str
    help: str
    label: str
    values: Mapping[str, float | None]


def write_metrics(record: RunRecord, root: Root) -> None:
    """Replace ``metrics.prom`` by the figures of a run that is over."""
    path = root.metrics_file
    written = path.with_name(f".{path.name}")
    written.write_text("".join(_lines(_gauges(record, root), str(root.path.absolute()))))
    written.replace(path)


def _gauges(record: RunRecord, root: Root) -> Iterator[Gauge]:
    finished = _timestamp(record.finished)
    success = finished if record.exit_code == 0 else _earlier_success(root.metrics_file)
    seconds: dict[str, float | None] = defaultdict(float)
    for step in record.steps:
        seconds[step.name] = (seconds[step.name] or 0) + (step.seconds or 0)
    accuracy = {"candidate": (record.metrics or {}).get("accuracy"), "serving": _serving_accuracy(record, root)}
    serving = published_versions(root.serving)[-1:]
    yield Gauge("glovebeam_last_run_timestamp_seconds", "When the last run ended.", "", {"": finished})
    yield Gauge("glovebeam_last_run_exit_code", "Exit code of the last run.", "", {"": record.exit_code})
    yield Gauge("glovebeam_last_run_duration_seconds", "How long the last run took.", "", {"": record.seconds})
    yield Gauge(_LAST_SUCCESS, "When a run last ended with exit code 0.", "", {"": success})
    yield Gauge("glovebeam_step_duration_seconds", "Time in each step; 0 for a cached one.", "step", seconds)
    yield Gauge("glovebeam_rows", "Labelled texts of the last run, by split.", "split", record.rows or {})
    yield Gauge("glovebeam_accuracy", "On the test split, as last measured.", "model", accuracy)
    alarms = None if record.blessing is None else len(record.alarms)
    yield Gauge("glovebeam_serving_alarms", "Thresholds that the serving model fails now.", "", {"": alarms})
    yield Gauge("glovebeam_serving_version", "The version that serves.", "", {"": serving[0] if serving else None})


def _timestamp(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()


def _earlier_success(path: Path) -> float | None:
    """What the file said before; the records of that run may have been cleared away."""
    found = re.search(rf"^{_LAST_SUCCESS}\{{.*\}} (\S+)$", path.read_text() if path.exists() else "", re.MULTILINE)
    return float(found[1]) if found else None


def _serving_accuracy(record: RunRecord, root: Root) -> float | None:
    """Of the model that serves after the run: measured by it, or else when the model was published."""
    measured = (record.metrics or {}).get("accuracy")
    if record.pushed_version is not None and measured is not None:
        return float(measured)
    for check in (record.blessing or {}).get("checks", []):
        if "baseline_accuracy" in check:
            return float(check["baseline_accuracy"])
    with closing(Metadata.read(root.metadata_file)) as metadata:
        for publication in publications(root, metadata)[:1]:
            pushed_file = root.path / publication.pushed.uri / "pushed.json"
            pushed = json.loads(pushed_file.read_text()) if pushed_file.exists() else {}
            return pushed.get("metrics", {}).get("accuracy")
    return None


def _lines(gauges: Iterator[Gauge], root: str) -> Iterator[str]:
    for gauge in gauges:
        values = {label: value for label, value in gauge.values.items() if value is not None}
        if values:
            yield f"# HELP {gauge.name} {gauge.help}\n# TYPE {gauge.name} gauge\n"
        for label, value in values.items():
            more = f",{gauge.label}={_quoted(label)}" if gauge.label else ""
            yield f"{gauge.name}{{root={_quoted(root)}{more}}} {value}\n"


def _quoted(text: str) -> str:
    r"""A label's value; the format knows three escapes.

    >>> print(_quoted('a "b"'))
    "a \"b\""
    """
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
