"""Making what was written outlive a power cut."""

import os
from pathlib import Path


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
