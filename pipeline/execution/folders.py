"""Putting a finished folder into its place, so that it is there as a whole or not at all."""

import ctypes
import shutil
from pathlib import Path

from schemas.disk import sync

CHECKPOINT = "checkpoint"

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def partial_folder(folder: Path, key: str) -> Path:
    """Where an artifact is made: beside its place, named by its whole key."""
    return folder.parent / f".{key}.partial"


def open_partial(partial: Path, keep_checkpoint: bool) -> None:
    """An empty folder, but for the checkpoint that a step which was cut left behind."""
    partial.mkdir(parents=True, exist_ok=True)
    for path in partial.iterdir():
        if path.name == CHECKPOINT and keep_checkpoint:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def remove_partials(step_folder: Path, keep: Path | None = None) -> None:
    """Remove what earlier, interrupted runs left in a step's folder."""
    for path in step_folder.glob(".*.partial"):
        if path != keep:
            shutil.rmtree(path, ignore_errors=True)


def put_in_place(partial: Path, folder: Path) -> None:
    """Rename a finished folder; one that is there already is exchanged in one step and then removed."""
    if not folder.exists():
        partial.rename(folder)
    elif not _exchange(partial, folder):
        aside = partial.with_suffix(".old.partial")
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
        partial.rename(folder)
    sync(folder.parent)
    remove_partials(folder.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders with Linux's renameat2; False where the system or the file system cannot."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return False
    return bool(renameat2(_AT_FDCWD, bytes(one), _AT_FDCWD, bytes(other), _RENAME_EXCHANGE) == 0)
