"""Figures and steps in words."""

import time
from collections.abc import Mapping
from typing import Any

from pipeline.metadata import StoredArtifact


def count(number: int, noun: str) -> str:
    """A number with its noun.

    >>> count(25000, "row"), count(1, "row")
    ('25,000 rows', '1 row')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration(seconds: float) -> str:
    """A time span for people.

    >>> duration(0.04), duration(3.21), duration(75), duration(7260)
    ('0.0 s', '3.2 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def age(artifact: StoredArtifact) -> str:
    """How long ago an artifact was made."""
    seconds = max(0, time.time() - artifact.create_time_since_epoch / 1000)
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def step_line(step: Mapping[str, Any], root: str) -> str:
    """One step of a run in one line.

    >>> step_line({"name": "encode", "state": "executed", "reason": "first run", "rows_in": 9, "rows_out": 8,
    ...     "remark": "1 rejected", "seconds": 3.2, "artifact": "artifacts/encode/a3f9"}, "models")
    'encode: run (first run), 9 -> 8 rows, 1 rejected, 3.2 s, models/artifacts/encode/a3f9'
    """
    word = {"executed": "run", "running": "running", "cached": "cached", "failed": "failed"}[step["state"]]
    rows_in, rows_out = step["rows_in"], step["rows_out"]
    parts = [f"{step['name']}: {word} ({step['reason']})"]
    if rows_in is not None and rows_out is not None and rows_in != rows_out:
        parts.append(f"{rows_in:,} -> {count(rows_out, 'row')}")
    elif rows_in is not None or rows_out is not None:
        parts.append(count(rows_in if rows_out is None else rows_out, "row"))
    if step["remark"] is not None:
        parts.append(step["remark"])
    if step["seconds"] is not None:
        parts.append(duration(step["seconds"]))
    if step["artifact"] is not None:
        parts.append(f"{root}/{step['artifact']}")
    return ", ".join(parts)
