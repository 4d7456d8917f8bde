"""``runs/<run_id>/run.json``: what one run did, kept up to date while it works."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from schemas.artifacts import Artifact, Examples
from schemas.model_artifacts import Evaluation, PushedModel

RunState = Literal["running", "done", "rejected", "not blessed", "failed", "stopped", "killed"]
STATE_OF_EXIT_CODE: dict[int, RunState] = {0: "done", 3: "rejected", 4: "not blessed", 130: "stopped", 143: "stopped"}


@dataclass
class StepRecord:
    """One step of a run."""

    name: str
    state: Literal["running", "executed", "cached", "failed"]
    reason: str
    seconds: float | None = None
    rows_in: int | None = None
    rows_out: int | None = None
    remark: str | None = None
    artifact: str | None = None  # relative to the root


@dataclass
class RunRecord:
    """One run; ``save`` replaces the file as a whole, so that a reader always finds a complete one."""

    run_id: str
    started: str
    pid: int
    host: str
    glovebeam: str
    config_source: str
    config: dict[str, Any]
    state: RunState = "running"
    finished: str | None = None
    seconds: float | None = None
    steps: list[StepRecord] = field(default_factory=list)
    rows: dict[str, int] | None = None  # of the labelled texts, by split
    metrics: dict[str, Any] | None = None
    blessing: dict[str, Any] | None = None
    alarms: list[str] = field(default_factory=list)  # what the model that serves fails on the examples of this run
    pushed_version: int | None = None
    notes: list[str] = field(default_factory=list)  # what a person should know, such as a span that is missing
    error: str | None = None
    exit_code: int | None = None

    def save(self, folder: Path) -> None:
        """Write ``run.json``."""
        written = folder / ".run.json"
        written.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")
        written.replace(folder / "run.json")

    def note_results(self, artifact: Artifact) -> None:
        """Keep what people look for first."""
        match artifact:
            case Examples():
                self.rows = dict(artifact.summary.rows)
            case Evaluation():
                self.metrics, self.blessing = artifact.metrics, artifact.blessing
                self.alarms = list(self.blessing["alarms"])
            case PushedModel():
                self.pushed_version, self.alarms = artifact.version, []  # another model serves now

    def end(self, exit_code: int, error: str | None = None) -> None:
        """The run is over."""
        self.state = STATE_OF_EXIT_CODE.get(exit_code, "failed")
        self.exit_code, self.error = exit_code, error
        self.finished = now()
        self.seconds = round(
            (datetime.fromisoformat(self.finished) - datetime.fromisoformat(self.started)).total_seconds(), 3
        )
        if self.steps and self.steps[-1].state == "running":
            self.steps[-1].state = "failed"


def now() -> str:
    """The time in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def new_run_id() -> str:
    """Sorts by time: ``20261123-130501-9f3a``, in UTC."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def mark_killed(runs: Path) -> None:
    """Runs that still say ``running`` while nobody holds the lock were killed; call under the lock."""
    for path in runs.glob("*/run.json"):
        record = json.loads(path.read_text())
        if record["state"] == "running":
            record["state"] = "killed"
            written = path.with_name(".run.json")
            written.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
            written.replace(path)


def is_alive(record: dict[str, Any], host: str) -> bool:
    """Whether the process of a run that says ``running`` is there; unknown, and so yes, on another machine."""
    if record["host"] != host:
        return True
    try:
        os.kill(int(record["pid"]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
