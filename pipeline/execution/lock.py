"""One run at a time in a root: an operating system lock that dies with its process."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TextIO

from schemas.errors import LockedError


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file for the length of the block.

    Raises:
        LockedError: naming the process that holds it.
    """
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(
                f"Another run is at work in {path.parent}: {_holder(file)}. Wait until it ends, or give this run a "
                "--root of its own. If that process is gone, so is its lock; nothing has to be deleted."
            ) from None
        _sign(file)
        yield  # closing the file lets the lock go; the file itself stays, since removing it would race


def _sign(file: TextIO) -> None:
    holder = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    file.seek(0)
    file.truncate()
    file.write(json.dumps(holder) + "\n")
    file.flush()


def _holder(file: TextIO) -> str:
    file.seek(0)
    try:
        holder = json.loads(file.read())
        return f"process {holder['pid']} on {holder['host']}, started {holder['started']}"
    except (ValueError, KeyError, TypeError):  # it has the lock and has not signed yet
        return "a process that has just started"
