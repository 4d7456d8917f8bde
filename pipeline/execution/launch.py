"""One run from the lock to the last line of its record; and the dry run, which writes nothing."""

import contextlib
import os
import platform
import sqlite3
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from signal import Signals
from typing import TYPE_CHECKING, TextIO

from rich.console import Console

from pipeline.execution.contents import FileDigests
from pipeline.execution.executor import Executor
from pipeline.execution.failures import UnexpectedError, explain
from pipeline.execution.lock import locked
from pipeline.execution.log_capture import captured_output, stops_on_signals
from pipeline.execution.planner import Planner, Selection
from pipeline.execution.recording import begin_run
from pipeline.execution.root import Root
from pipeline.execution.run_record import RunRecord, mark_killed, new_run_id, now
from pipeline.execution.workers import end_workers, marked_workers
from pipeline.metadata import Metadata
from pipeline.runner import LastStepReached, Runner
from pipeline.terminal.display import Display
from pipeline.terminal.json_log import JsonLog
from pipeline.terminal.metrics_file import write_metrics
from schemas.errors import GlovebeamError

if TYPE_CHECKING:
    from pipeline.config import Config

Dag = Callable[[Runner], None]


def dry_run(dag: Dag, steps: tuple[str, ...], root: Root, selection: Selection, log: JsonLog | None = None) -> None:
    """Print what a run would do."""
    root.check()
    with closing(Metadata.read(root.metadata_file)) as metadata:
        planner = Planner(root, metadata, FileDigests(metadata), selection, steps)
        with contextlib.suppress(LastStepReached):
            dag(Runner(planner, log or Display(_console(sys.stdout)), executor=None))


def launch(
    dag: Dag,
    steps: tuple[str, ...],
    root: Root,
    selection: Selection,
    config: "Config",
    config_source: str,
    verbose: bool,
    log: JsonLog | None = None,
) -> None:
    """Run the pipeline; with a log, tell it there instead of to a person.

    Raises:
        GlovebeamError: whatever went wrong, in words for the user; the run's record holds the same words.
    """
    root.check()
    try:
        root.runs.mkdir(parents=True, exist_ok=True)
        with (
            locked(root.lock_file),
            marked_workers(root.path),
            closing(Metadata.open(root.metadata_file)) as metadata,
        ):
            mark_killed(root.runs)
            record = _new_record(config, config_source)
            root.run_folder(record.run_id).mkdir()
            begin_run(metadata, record.run_id)
            planner = Planner(root, metadata, FileDigests(metadata), selection, steps)
            planner.recover()
            with _recorded(record, root, verbose, log) as display:
                executor = Executor(root, metadata, planner.digests, display, record, config.beam)
                with contextlib.suppress(LastStepReached):
                    dag(Runner(planner, display, executor))
    except Exception as error:
        raise explain(error, root.path) from error


def _new_record(config: "Config", config_source: str) -> RunRecord:
    return RunRecord(
        run_id=new_run_id(),
        started=now(),
        pid=os.getpid(),
        host=platform.node(),
        glovebeam=version("glovebeam"),
        config_source=config_source,
        config=config.tables(),
    )


@contextmanager
def _recorded(record: RunRecord, root: Root, verbose: bool, log: JsonLog | None) -> Iterator[Display | JsonLog]:
    """Keep the run's record and its log while the block works; its errors leave as words for the user."""
    folder = root.run_folder(record.run_id)
    log_file = folder / "log.txt"
    record.save(folder)
    with _output(log_file, verbose) as terminal:
        display = log.on(terminal) if log else Display(_console(terminal))
        display.run_began(record, root.path)
        with stops_on_signals(_last_words(record, root, display), terminal):
            try:
                yield display
                _end(record, root, 0)
            except Exception as error:
                failure = _explained(error, record, root, log_file)
                with contextlib.suppress(OSError, sqlite3.Error):
                    _end(record, root, failure.exit_code, str(failure))
                raise failure from error
            finally:
                display.run_ended(record, root.path)


def _explained(error: Exception, record: RunRecord, root: Root, log_file: Path) -> GlovebeamError:
    """The error in words for the user; its traceback goes into the log."""
    failure = explain(error, root.path)
    with contextlib.suppress(OSError):
        log_file.open("a").write("".join(traceback.format_exception(error)))
    if isinstance(failure, UnexpectedError):
        step = record.steps[-1].name if record.steps else "begin"
        return UnexpectedError(f"{step}: {failure} The traceback is in {log_file}.")
    return failure


def _end(record: RunRecord, root: Root, exit_code: int, error: str | None = None) -> None:
    """Close the run's record, and say so to those who watch many runs."""
    record.end(exit_code, error)
    record.save(root.run_folder(record.run_id))
    write_metrics(record, root)


@contextmanager
def _output(log_file: Path, verbose: bool) -> Iterator[TextIO]:
    if verbose:
        yield sys.stdout
    else:
        with captured_output(log_file) as terminal:
            yield terminal


def _last_words(record: RunRecord, root: Root, display: Display | JsonLog) -> Callable[[Signals], str]:
    def stop(signal: Signals) -> str:
        step = record.steps[-1].name if record.steps else "the beginning"
        words = f"Stopped by {signal.name} at {step}. Finished steps are kept; the same command goes on from there."
        with contextlib.suppress(OSError, sqlite3.Error):
            _end(record, root, 128 + signal, words)
        end_workers(root.path)
        return display.last_words(record)

    return stop


def _console(stream: TextIO) -> Console:
    return Console(file=stream, highlight=False, markup=False, emoji=False)
