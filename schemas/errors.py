"""The errors a user can meet, each with the exit code a scheduler reads.

Every message is one paragraph: what is wrong, where, what was found, what was expected, and what to do next.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class GlovebeamError(Exception):
    """Something a user can mend; shown as one paragraph, never as a traceback."""

    exit_code = 1


class UsageError(GlovebeamError):
    """A wrong option, a wrong config value, or a file or column that the config names and that is not there."""

    exit_code = 2


class DataError(GlovebeamError):
    """Input data that cannot be taken as it is: a broken row, a broken file, an anomaly."""

    exit_code = 3


class NotBlessedError(GlovebeamError):
    """The candidate model did not pass its evaluation, so nothing was pushed."""

    exit_code = 4


class LockedError(GlovebeamError):
    """Another run holds the root folder."""

    exit_code = 5


@contextmanager
def naming(place: str) -> Iterator[None]:
    """Put the place that only the caller knows before the message of a ``DataError``."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{place}: {error}") from error
