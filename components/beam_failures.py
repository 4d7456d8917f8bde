r"""What stopped a Beam job, in one line: from the report that its runner hands over.

In: the exception of a runner, whose text may be the traceback of a worker in the wrapping of that runner. Out: the
operating system's error, an error made for users as the worker raised it, or a GlovebeamError that names the cause.

>>> cause(RuntimeError("OSError: [Errno 28] No space left on device: '/data/a' [while running 'WriteShards']"))
OSError(28, 'No space left on device')
>>> cause(RuntimeError("Pipeline job-1 failed: Traceback (most recent call last):\n  File 'a.py'\nKeyError: 'text'\n"))
GlovebeamError("The Beam job failed: KeyError: 'text'")
"""

import os
import re

from schemas.errors import DataError, GlovebeamError, UsageError

_OS_ERROR = re.compile(r"\[Errno (\d+)\] [^:\n]*(?:: '([^'\n]*)')?")
_TRACEBACK = "Traceback (most recent call last):"
LOST_PROCESS = "Worker subprocess exited"  # how the in-process runner with several processes says it
_LOST_WORKER = re.compile(
    rf"{LOST_PROCESS}"
    r"|SDK worker disconnected"  # Prism
    r"|StatusRuntimeException: (?:CANCELLED|UNAVAILABLE)"  # Flink and Spark: the other end of the worker's line is gone
)
_JAVA_FRAMES = re.compile(r"\n\s+at [\w.$/]+\(.*", re.DOTALL)
_PLACE = re.compile(r"\s*\[while running .*", re.DOTALL)
_TYPED = re.compile(r"(?:[A-Za-z_]\w*\.)*([A-Z]\w*): ")
_FOR_USERS: dict[str, type[GlovebeamError]] = {"DataError": DataError, "UsageError": UsageError}


def cause(error: Exception) -> Exception:
    """The reason why a job failed, without what the runner says around it."""
    if isinstance(error, OSError):
        return error
    report = str(error)
    if isinstance(error, GlovebeamError):
        return type(error)(_PLACE.sub("", report))
    if found := list(_OS_ERROR.finditer(report)):
        number, path = int(found[-1][1]), found[-1][2]
        return OSError(number, os.strerror(number), path) if path else OSError(number, os.strerror(number))
    if _LOST_WORKER.search(report):
        return GlovebeamError(
            "The Beam job failed: a worker process ended in the middle of its work; it was killed, or ran out of "
            "memory. Nothing half-made is kept. Run the same command again, with fewer workers if memory was short."
        )
    message = _last_message(report)
    typed = _TYPED.match(message)
    if typed and typed[1] in _FOR_USERS:
        return _FOR_USERS[typed[1]](message[typed.end() :])
    if not typed and type(error) is not RuntimeError:  # the in-process runner keeps the type, not its name in the text
        message = f"{type(error).__name__}: {message}"
    return GlovebeamError(f"The Beam job failed: {message}")


def _last_message(report: str) -> str:
    """The message of the last exception in a report as one line; where there is no traceback, the whole report."""
    _, traceback, tail = report.rpartition(_TRACEBACK)
    lines = _PLACE.sub("", _JAVA_FRAMES.sub("", tail)).strip("\n").splitlines()
    # The frames of a traceback are indented, the message that follows them is not.
    first = next((place for place, line in enumerate(lines) if line[:1].strip()), 0) if traceback else 0
    return " ".join(" ".join(lines[first:]).split())
