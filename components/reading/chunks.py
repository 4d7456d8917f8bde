"""What ingest reads at a time: a unit of the source, and chunks of its rows.

Most rows of most sources can be taken just as they are. So a reader hands out chunks of rows twice: as columns, which
are checked all at once, and as a way to read the same rows one by one, which is gone only if that check finds anything
to say about any of them: what a broken row is called, and what becomes of it, is decided there alone.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from components.reading.rows import Reject, Row, accept
from components.sources import IngestParams, SourceFile

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

BATCH_ROWS = 1000
BLOCK_BYTES = 2 * 1024 * 1024  # of a file, at a time


class BrokenFileError(ValueError):
    """A file that cannot be read to its end."""


@dataclass(frozen=True)
class Unit:
    """What one worker reads at a time; determined by the source alone, never by the runner."""

    files: tuple[SourceFile, ...]  # several only where each file is one text
    start: int = 0  # JSON Lines: first byte; Parquet: row group
    stop: int | None = None  # JSON Lines: byte behind the last one
    first_row: int = 1

    @property
    def file(self) -> SourceFile:
        """The file, or the first one."""
        return self.files[0]


class Columns(NamedTuple):
    """Rows of one file, column by column; Unicode, or Arrow would not have called them strings."""

    file_name: str
    numbers: "NDArray[np.int64]"  # of the rows in the file, from 1
    text: "pa.StringArray"
    label: "pa.Array"  # strings or integers
    kept: "Sequence[pa.StringArray]"


class Chunk(NamedTuple):
    """Consecutive rows of a unit."""

    columns: Columns | None  # None where only reading row by row can tell
    rows: Callable[[], Iterable[Row | Reject]]


class Taken(NamedTuple):
    """Rows that become examples."""

    columns: "list[pa.StringArray]"  # example_id, text, label, then the kept ones
    labels: set[str]  # the different ones


def named_columns(params: IngestParams) -> list[tuple[str, str]]:
    """The parameter and the source column it names: text, label, then those to keep."""
    kept = [("keep_columns", column) for column in params.keep_columns]
    return [("text_column", params.text_column), ("label_column", params.label_column), *kept]


def column_names(params: IngestParams) -> list[str]:
    """The source columns to read: text, label, then those to keep."""
    return [column for _, column in named_columns(params)]


def take_columns(columns: Columns, encoding: str, known_labels: Sequence[str] | None) -> Taken | None:
    """All rows as examples; None if for any row there is anything to say, such as an empty text or a new label."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    text, label = columns.text, columns.label
    is_blank = pc.or_(pc.utf8_is_space(text), pc.equal(pc.binary_length(text), 0))
    if text.null_count or label.null_count or pc.any(is_blank).as_py():
        return None
    encoded = label.dictionary_encode()
    outcomes = [accept(Row("", "", "-", value, (), None), encoding) for value in encoded.dictionary.to_pylist()]
    labels = [outcome.label for outcome in outcomes if not isinstance(outcome, Reject)]
    if len(labels) < len(outcomes) or (known_labels is not None and not set(labels) <= set(known_labels)):
        return None
    numbers = pa.array(np.asarray(columns.numbers, np.int64)).cast(pa.string())
    ids = pc.binary_join_element_wise(f"{columns.file_name}:", numbers, "")
    return Taken([ids, text, pa.array(labels, pa.string()).take(encoded.indices), *columns.kept], set(labels))
