"""Any error as one paragraph and an exit code."""

import errno
import os
import sqlite3
import traceback
from pathlib import Path

from schemas.errors import GlovebeamError

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_NO_ACCESS = (errno.EROFS, errno.EACCES, errno.EPERM)


class UnexpectedError(GlovebeamError):
    """A mistake of the program, or something it does not know how to put better."""


def explain(error: BaseException, root: Path | None = None) -> GlovebeamError:
    """What to tell the user about an error, met by a run of ``root`` or by another command.

    An error that is made for users stays as it is.
    """
    if isinstance(error, GlovebeamError):
        return error
    place = f" {error.filename}" if isinstance(error, OSError) and error.filename else ""
    if _is_about(error, _NO_SPACE, "No space left on device", "database or disk is full", "Disk quota exceeded"):
        kept = f" Finished steps are kept in {root}." if root else ""
        elsewhere = ", or give a --root on a larger disk" if root else ""
        return GlovebeamError(
            f"The disk is full: could not write{place}.{kept} Free some space{elsewhere}, then run the same command "
            "again."
        )
    if _is_about(error, _NO_ACCESS, "readonly database", "unable to open database file"):
        elsewhere = f" or give another --root than {root}" if root else " or name another place"
        return GlovebeamError(
            f"No permission for{place or ' a file'}, or its file system is read-only. Mend the permissions{elsewhere}, "
            "then run the same command again."
        )
    if isinstance(error, OSError) and error.errno is not None:
        return GlovebeamError(f"The operating system refused{place}: {os.strerror(error.errno)}.")
    return UnexpectedError(_where(error))


def _is_about(error: BaseException, numbers: tuple[int, ...], *texts: str) -> bool:
    """Told by its number, or by its text where TensorFlow, HDF5 or SQLite have made another error of it."""
    number = error.errno if isinstance(error, OSError) else None
    return number in numbers or (
        (number is None or isinstance(error, sqlite3.Error)) and any(text in str(error) for text in texts)
    )


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    last_line = str(error).strip().rpartition("\n")[2].strip()
    return f"Unexpected {type(error).__name__}{place}: {last_line or 'no message'}."
