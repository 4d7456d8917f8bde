"""Run a command and say what it took: wall time, CPU time and memory of the process and all below it."""

import contextlib
import os
import resource
import select
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Usage:
    """What a tree of processes took."""

    wall_seconds: float  # from start to exit
    cpu_seconds: float  # user and system
    peak_bytes: int  # proportional set size of the whole tree: a page that two processes share counts once


class FailedProcessError(RuntimeError):
    """A process that ended with another exit code than 0, or not in time."""


def run_measured(command: Sequence[str], environment: Mapping[str, str], timeout: float) -> tuple[Usage, str]:
    """Run to the end; returns what it took and what it printed. One at a time, since CPU is counted by children.

    Raises:
        FailedProcessError: with the end of what it said on standard error.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        cpu_before, started = _cpu_of_children(), time.perf_counter()
        process = subprocess.Popen(
            command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=errors
        )
        watch = _Watch(process.pid)
        _wait(process, watch, timeout)
        wall = time.perf_counter() - started
        if process.wait():
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()
            raise FailedProcessError(f"exit code {process.returncode}: {said[-3000:]}")
        cpu = max(_cpu_of_children() - cpu_before, watch.cpu_seconds)
        output.seek(0)
        return Usage(wall, cpu, watch.peak_bytes), output.read().decode(errors="replace")


def _wait(process: subprocess.Popen[bytes], watch: "_Watch", timeout: float) -> None:
    """Until the process has ended; it is killed with all below it after ``timeout`` seconds, or when we are stopped."""
    end = time.monotonic() + timeout
    descriptor = os.pidfd_open(process.pid)
    try:
        while not select.select([descriptor], [], [], _LOOK_SECONDS)[0]:
            watch.look()
            if time.monotonic() > end:
                raise FailedProcessError(f"not done after {timeout:,.0f} s")
    except BaseException:
        watch.kill()
        process.wait()
        raise
    finally:
        os.close(descriptor)


def _cpu_of_children() -> float:
    """User and system seconds of all children that have ended, and of those that they have waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class _Watch:
    """What a tree of processes takes, looked at now and then."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._cpu_of: dict[int, float] = {}  # process id -> seconds
        self.peak_bytes = 0

    @property
    def cpu_seconds(self) -> float:
        """Of all that were seen, also of those whose parent did not wait for them."""
        return sum(self._cpu_of.values())

    def look(self) -> None:
        """Take down memory and CPU of all that are there."""
        total = 0
        for process in self._tree():
            with contextlib.suppress(psutil.Error):
                total += process.memory_full_info().pss
                times = process.cpu_times()
                self._cpu_of[process.pid] = times.user + times.system
        self.peak_bytes = max(self.peak_bytes, total)

    def kill(self) -> None:
        """End all of them."""
        for process in self._tree():
            with contextlib.suppress(psutil.Error):
                process.kill()

    def _tree(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            return [self._root, *self._root.children(recursive=True)]
        return []
