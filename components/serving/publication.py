"""Publishing: a folder becomes the next version of ``serving/`` as a whole or not at all.

In: a SavedModel. Out: ``serving/<version>/``, in TensorFlow Serving's layout. Versions are 1, 2, 3, ...; none is ever
overwritten, and none is visible before it is complete and on disk.
"""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from schemas.disk import sync, sync_folder

_INCOMING = ".incoming-"  # of folders not yet published; TensorFlow Serving looks at integers only


def published_versions(serving: Path) -> list[int]:
    """The versions that are there, in ascending order; the last one serves."""
    folders = serving.iterdir() if serving.is_dir() else []
    return sorted(int(folder.name) for folder in folders if folder.name.isdecimal())


def next_version(serving: Path) -> int:
    """One more than the largest."""
    return max(published_versions(serving), default=0) + 1


def stage(saved_model: Path, serving: Path, extra: Mapping[str, bytes]) -> Path:
    """Copy a SavedModel, with further files, into ``serving`` where no server sees it; on disk when this returns.

    Args:
        saved_model: what to copy.
        serving: the folder of published versions; what a killed attempt left there is removed.
        extra: path relative to the SavedModel -> content.
    """
    serving.mkdir(parents=True, exist_ok=True)
    for leftover in serving.glob(f"{_INCOMING}*"):
        shutil.rmtree(leftover)
    incoming = serving / f"{_INCOMING}{uuid4().hex}"
    try:
        shutil.copytree(saved_model, incoming, copy_function=shutil.copyfile)
        for name, content in extra.items():
            (incoming / name).parent.mkdir(parents=True, exist_ok=True)
            (incoming / name).write_bytes(content)
        sync_folder(incoming)
    except BaseException:
        shutil.rmtree(incoming, ignore_errors=True)
        raise
    return incoming


def reveal(incoming: Path, serving: Path, version: int) -> None:
    """Make a staged folder the given version, in one rename."""
    incoming.rename(serving / str(version))
    sync(serving)


def folder_digest(folder: Path, extra: Mapping[str, bytes] | None = None) -> str:
    """SHA-256 over the relative paths and contents of all files, with further ones as in ``stage``."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in (extra or {}).items()}
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                digests[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    lines = "".join(f"{name}\0{sha256}\n" for name, sha256 in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
