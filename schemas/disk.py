"""Files that are there as a whole or not at all, and outlive a power cut."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

_UNFINISHED = ".*.unfinished"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to, renamed into place when the block ends well.

    A cluster may run the same work twice, the second time while the first still writes: each has a file of its own,
    and what stands in place is always whole.
    """
    unfinished = path.with_name(f".{path.name}.{uuid4().hex}.unfinished")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove the files that killed workers left in a folder."""
    for path in folder.rglob(_UNFINISHED):
        path.unlink()


def sync(path: Path) -> None:
    """Return when the disk has the content of a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Return when the disk has every file and every name in a folder."""
    for path in (*folder.rglob("*"), folder):
        sync(path)
