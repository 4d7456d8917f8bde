"""Keeping the noise of TensorFlow and Beam out of the user's sight, down to what C++ writes."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn, TextIO


@contextmanager
def captured_output(log_file: Path) -> Iterator[TextIO]:
    """Send file descriptors 1 and 2 to a log for the length of the block; yields the user's own standard output."""
    _flush()
    kept = os.dup(1), os.dup(2)
    log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    terminal = os.fdopen(os.dup(1), "w", encoding=sys.stdout.encoding, errors="backslashreplace")
    try:
        _redirect(log, log)
        yield terminal
    finally:
        _redirect(*kept)
        terminal.close()
        for descriptor in (log, *kept):
            os.close(descriptor)


def _redirect(out: int, error: int) -> None:
    """Point descriptors 1 and 2 elsewhere; what is buffered goes where it was meant to, or nowhere if that is full."""
    try:
        _flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        _flush()
    os.dup2(out, 1)
    os.dup2(error, 2)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


@contextmanager
def stops_on_signals(last_words: Callable[[signal.Signals], str], terminal: TextIO) -> Iterator[None]:
    """On SIGINT and SIGTERM, print one line and leave with 130 or 143.

    The process leaves on the spot: a root survives a kill at any instant, so nothing has to be unwound, and no thread
    of Beam or TensorFlow can hold it back.
    """

    def leave(number: int, _: FrameType | None) -> NoReturn:
        words = last_words(signal.Signals(number))
        restored = "\r\x1b[2K\x1b[?25h" if terminal.isatty() else ""  # away with the live line, back with the cursor
        with contextlib.suppress(OSError):
            os.write(terminal.fileno(), f"{restored}{words}\n".encode())  # print() is not safe in a signal handler
        os._exit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
