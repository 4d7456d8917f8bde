"""Waiting for a Beam job whose workers are processes of this machine, without trusting them to live.

The in-process runner waits for ever for a worker process that was killed, as by a machine that is out of memory. All
that is heard of it is the exception in which the thread ends that had started the process.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from components.beam_failures import LOST_PROCESS

_MARK = b"CONTROL_API_SERVICE_DESCRIPTOR="  # Beam tells its workers by their environment where the runner listens


def run_watched(job: Callable[[], object]) -> None:
    """Run a job until it has finished; raise what it raises, or what is heard of a lost worker process."""
    outcome: SimpleQueue[BaseException | None] = SimpleQueue()

    def run() -> None:
        try:
            job()
            outcome.put(None)
        except BaseException as error:
            outcome.put(error)

    def notice(ended: threading.ExceptHookArgs) -> None:
        if LOST_PROCESS in str(ended.exc_value):
            outcome.put(ended.exc_value)
        else:
            usual_hook(ended)

    usual_hook, threading.excepthook = threading.excepthook, notice
    try:
        threading.Thread(target=run, name="beam_job", daemon=True).start()
        error = outcome.get()
        if error is not None:
            _end_workers()  # those that are left would keep this process from ending
            raise error
    finally:
        threading.excepthook = usual_hook


def _end_workers() -> None:
    """Kill the worker processes that this process started; does nothing without ``/proc``."""
    for pid in _descendants("self"):
        with contextlib.suppress(OSError):  # gone meanwhile
            if any(value.startswith(_MARK) for value in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")):
                os.kill(int(pid), signal.SIGKILL)


def _descendants(pid: str) -> list[str]:
    """The processes below a process; Beam starts its workers through a shell."""
    found: list[str] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += file.read_text().split()
    return found + [below for child in found for below in _descendants(child)]
