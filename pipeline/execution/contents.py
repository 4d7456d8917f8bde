"""Digests of files and folders, with a memory: a file whose stat has not changed is not read again."""

import hashlib
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.metadata import Metadata

# TensorBoard's logs hold wall times.
NOT_CONTENT = frozenset({"tensorboard"})

# A file may change twice within one tick of the file system's clock; a digest is remembered only once the tick is over.
_CLOCK_TICK_NS = 100_000_000


class FileDigests:
    """SHA-256 of files; ``memorize`` stores what was read since the last time."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self._read: dict[str, tuple[str, str]] = {}

    def sha256(self, path: Path, known_as: Path | None = None) -> str:
        """The digest of a file's content, in hex, remembered for the place where the file is going to lie."""
        name = str((known_as or path).absolute())
        stat = _stat(path)
        known = self._read.get(name) or self._metadata.memorized_digest(name)
        if known is not None and known[0] == stat:
            return known[1]
        with path.open("rb") as file:
            began = time.time_ns()
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            if began - os.fstat(file.fileno()).st_mtime_ns > _CLOCK_TICK_NS and _stat(path) == stat:
                self._read[name] = (stat, digest)
        return digest

    def memorize(self) -> None:
        """Store the digests read so far."""
        if self._read:
            with self._metadata.transaction():
                self._metadata.db.executemany(
                    "INSERT OR REPLACE INTO file_digests (path, stat, sha256) VALUES (?, ?, ?)",
                    [(path, *known) for path, known in self._read.items()],
                )
            self._read.clear()


def _stat(path: Path) -> str:
    stat = path.stat()
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"


def content_files(folder: Path) -> list[Path]:
    """The files that make an artifact what it is, in order; logs and hidden files are left out."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in NOT_CONTENT and not name.startswith(".")]
        found += [Path(parent, name) for name in names if not name.startswith(".")]
    return sorted(found)


def combined_digest(digests: Mapping[str, str]) -> str:
    """One digest of many files: their names and contents."""
    lines = "".join(f"{sha256} {name}\n" for name, sha256 in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def named_by_parent(paths: Iterable[Path]) -> dict[str, Path]:
    """Each file by its path below the folder that they all share, so that moving the folder changes no name."""
    files = [path.absolute() for path in paths]
    if not files:
        return {}
    parent = os.path.commonpath([path.parent for path in files])
    return {path.relative_to(parent).as_posix(): path for path in files}


def damage(root: Path, folders: Iterable[str], recorded: Mapping[str, str], digests: FileDigests) -> str | None:
    """What is wrong with an artifact's files, as ``missing: ...`` or ``altered: ...``; None where all is well."""
    present: set[str] = set()
    for name in folders:
        if not (root / name).is_dir():
            return f"missing: {name}"
        present |= {path.relative_to(root).as_posix() for path in content_files(root / name)}
    for name in sorted(present | recorded.keys()):
        if name not in present:
            return f"missing: {name}"
        if name not in recorded:
            return f"altered: {name} was added"
        if digests.sha256(root / name) != recorded[name]:
            return f"altered: {name}"
    return None
