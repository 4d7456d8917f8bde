"""What runs there are, from their ``run.json`` files, without a lock and without a write."""

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.execution.root import Root
from pipeline.execution.run_record import is_alive
from pipeline.terminal.lines import count, duration, step_line
from pipeline.terminal.results import blessing_lines, metrics_lines
from schemas.errors import UsageError


def all_runs(root: Root) -> list[dict[str, Any]]:
    """The records of all runs, the newest first."""
    root.check()
    records = [json.loads(path.read_text()) for path in root.runs.glob("*/run.json")]
    for record in records:
        if record["state"] == "running" and not is_alive(record, platform.node()):
            record["state"] = "killed"
    return sorted(records, key=lambda record: (record["started"], record["run_id"]), reverse=True)


def one_run(root: Root, run_id: str) -> dict[str, Any]:
    """The record of one run; raises ``UsageError`` where the name is of none or of several."""
    records = all_runs(root)
    if not records:
        raise UsageError(f"There is no run in {root.path} yet. `glovebeam run` makes one; --root names another folder.")
    found = records[:1] if run_id == "last" else [run for run in records if run["run_id"].startswith(run_id)]
    if len(found) != 1:
        problem = f"{len(found)} runs begin with {run_id}" if found else f"there is no run {run_id}"
        raise UsageError(f"{root.path}: {problem}. `glovebeam runs` lists them; `last` is the newest one.")
    return found[0]


def runs_lines(records: Sequence[dict[str, Any]]) -> list[str]:
    """One line a run."""
    if not records:
        return ["no runs yet; `glovebeam run` makes one"]
    rows = [("run", "state", "time", "executed", "accuracy", "version")]
    for record in records:
        executed = [step["name"] for step in record["steps"] if step["state"] == "executed"]
        rows.append(
            (
                record["run_id"],
                record["state"],
                "" if record["seconds"] is None else duration(record["seconds"]),
                ", ".join(executed) or "nothing",
                _figure((record["metrics"] or {}).get("accuracy")),
                str(record["pushed_version"] or ""),
            )
        )
    return table(rows)


def run_lines(record: dict[str, Any], root: Path) -> list[str]:
    """One run as it was told when it ran."""
    took = "" if record["seconds"] is None else f", {duration(record['seconds'])}"
    lines = [f"run {record['run_id']}: {record['state']}{took}, config {record['config_source']}"]
    lines += [step_line(step, str(root)) for step in record["steps"]]
    lines += [f"note: {note}" for note in record.get("notes", [])]
    if record["metrics"] is not None:
        lines += metrics_lines(record["metrics"])
    if record["blessing"] is not None:
        lines += blessing_lines(record["blessing"])
    if record["pushed_version"] is not None:
        lines.append(f"pushed: version {record['pushed_version']}, {root}/serving/{record['pushed_version']}")
    if record["error"] is not None:
        lines.append(f"error (exit code {record['exit_code']}): {record['error']}")
    return lines


def summary_line(record: dict[str, Any]) -> list[str]:
    """One run in one line: what it means for what serves, and why.

    >>> run = {"run_id": "20261123-01", "state": "done", "seconds": 75.0, "error": None, "exit_code": 0,
    ...     "metrics": {"accuracy": 0.8796}, "blessing": None, "pushed_version": 3, "rows": {"train": 9, "test": 1},
    ...     "steps": [{"state": "executed"}]}
    >>> summary_line(run)
    ['glovebeam: done, version 3 serves, accuracy 0.8796, 10 rows, 1 min 15 s, run 20261123-01']
    """
    told = [record["state"]]
    if record["state"] == "done" and all(step["state"] == "cached" for step in record["steps"]):
        told.append("nothing new")
    if record["pushed_version"] is not None:
        told.append(f"version {record['pushed_version']} serves")
    if record["metrics"] is not None:
        told.append(f"accuracy {_figure(record['metrics']['accuracy'])}")
    if record["rows"] is not None:
        told.append(count(sum(record["rows"].values()), "row"))
    if record["seconds"] is not None:
        told.append(duration(record["seconds"]))
    told.append(f"run {record['run_id']}")
    error = "" if record["error"] is None else f". {' '.join(record['error'].split())}"
    return [f"glovebeam: {', '.join(told)}{error}"]


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows in aligned columns, the first one being the heading.

    >>> table([("run", "state"), ("20261123", "done")])
    ['run       state', '20261123  done']
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
