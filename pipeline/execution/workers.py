"""The worker processes of a run, which Beam leaves behind when the run is killed.

An orphan would go on writing into the folder in which the next run makes the same artifact. So the processes that a run
starts carry the root in their environment, and are ended when the run is stopped, or else when the next one begins.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MARK = "GLOVEBEAM_RUN_ROOT"


@contextmanager
def marked_workers(root: Path) -> Iterator[None]:
    """Processes started in the block carry the root's mark; those that an earlier run left are ended first."""
    end_workers(root)
    os.environ[_MARK] = str(root.resolve())
    try:
        yield
    finally:
        del os.environ[_MARK]


def end_workers(root: Path) -> None:
    """Kill every other process with the root's mark; call under the root's lock. Does nothing without ``/proc``."""
    mark = f"{_MARK}={root.resolve()}".encode()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        pid = int(environment.parent.name)
        with contextlib.suppress(OSError):  # gone meanwhile, or of another user
            if pid != os.getpid() and mark in environment.read_bytes().split(b"\0"):
                os.kill(pid, signal.SIGKILL)
