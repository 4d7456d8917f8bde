"""A run as JSON lines on standard output, one an event, for whatever collects logs.

Each line has ``time`` (UTC), ``level`` (info, warning, error), ``event`` and, from run_started on, ``run``. The events:

    run_started    root, config
    step_started   step, reason
    epoch          step, epoch, epochs, and the metrics
    step_cached, step_finished    step, reason, rows_in, rows_out, remark, seconds, artifact
    verdict        blessed, accuracy, checks, alarms
    pushed         version
    note           message
    alarm          message, reasons: the model that serves fails absolute thresholds on the examples of this run
    error          message, exit_code
    run_finished   state, exit_code, seconds
    step_planned   step, action (run or cached), reason; of a dry run
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from pipeline.execution.failures import explain
from pipeline.execution.run_record import RunRecord, now
from schemas.errors import GlovebeamError


class JsonLog:
    """Tells what a ``Display`` tells, by events."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._always: dict[str, Any] = {}
        self._step = ""
        self._told: set[str] = set()  # events that come once

    def on(self, stream: TextIO) -> "JsonLog":
        """Go on writing somewhere else."""
        self._stream = stream
        return self

    def run_began(self, record: RunRecord, root: Path) -> None:
        """The run has its record."""
        self._always = {"run": record.run_id}
        self._tell("run_started", root=str(root), config=record.config_source)

    @contextmanager
    def step(self, name: str, why: str, progress_file: Path) -> Iterator[None]:
        """A step is at work for the length of the block."""
        self._step = name
        self._tell("step_started", step=name, reason=why)
        yield

    def on_epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        """Train has finished an epoch (counted from 1)."""
        figures: dict[str, Any] = {name: float(value) for name, value in metrics.items()}
        self._tell("epoch", step=self._step, epoch=epoch, epochs=epochs, **figures)

    def step_ended(self, record: RunRecord, root: Path) -> None:
        """The last step of the record was executed or taken from the cache, and what it may have decided."""
        step = dict(vars(record.steps[-1]))
        name, state = step.pop("name"), step.pop("state")
        self._tell("step_cached" if state == "cached" else "step_finished", step=name, **step)
        if record.blessing is not None:
            self._tell_once("verdict", **record.blessing, accuracy=(record.metrics or {}).get("accuracy"))
        if record.pushed_version is not None:
            self._tell_once("pushed", version=record.pushed_version)

    def note(self, text: str) -> None:
        """Something that a person should know."""
        self._tell("note", "warning", message=text)

    def planned(self, name: str, why: str, is_cached: bool) -> None:
        """What a dry run found."""
        self._tell("step_planned", step=name, action="cached" if is_cached else "run", reason=why)

    def error(self, failure: GlovebeamError) -> None:
        """Why the command failed; told once, however often it is raised on."""
        self._tell_once("error", "error", message=str(failure), exit_code=failure.exit_code)

    def run_ended(self, record: RunRecord, root: Path) -> None:
        """The run is over, well or not."""
        for line in self._end(record):
            self._write(line)

    def last_words(self, record: RunRecord) -> str:
        """What to write when the run is stopped on the spot."""
        return "\n".join(self._end(record))

    def _end(self, record: RunRecord) -> Iterator[str]:
        if record.alarms:
            message = f"what is served fails on the examples of this run: {'; '.join(record.alarms)}"
            yield self._line("alarm", "error", message=message, reasons=record.alarms)
        if record.error is not None:
            self._told.add("error")
            yield self._line("error", "error", message=record.error, exit_code=record.exit_code)
        level = "info" if record.exit_code == 0 else "error"
        yield self._line("run_finished", level, state=record.state, exit_code=record.exit_code, seconds=record.seconds)

    def _tell_once(self, event: str, level: str = "info", **fields: Any) -> None:
        if event not in self._told:
            self._told.add(event)
            self._tell(event, level, **fields)

    def _tell(self, event: str, level: str = "info", **fields: Any) -> None:
        self._write(self._line(event, level, **fields))

    def _line(self, event: str, level: str, **fields: Any) -> str:
        return json.dumps({"time": now(), "level": level, "event": event, **self._always, **fields}, ensure_ascii=False)

    def _write(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()


@contextmanager
def errors_in(log: JsonLog | None) -> Iterator[None]:
    """With a log, an error that leaves the block becomes its last event, and the command ends with its exit code."""
    try:
        yield
    except Exception as error:
        if log is None:
            raise
        failure = explain(error)
        log.on(sys.stdout).error(failure)
        sys.exit(failure.exit_code)
