"""One unit of a source to chunks of rows: the reader of each format.

In: a ``Unit``, a file, a part of one, or a group of small ones. Out: a stream of ``Chunk`` in the order of the source;
each row carries the place that a person finds it by.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from components.reading.chunks import BATCH_ROWS, BrokenFileError, Chunk, Columns, Unit, column_names
from components.reading.csv_files import read_csv_file
from components.reading.decoding import BROKEN_FILE_ERRORS, open_text
from components.reading.json_lines import read_json_lines
from components.reading.rows import Reject, Row
from components.sources import IngestParams

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")


def read_unit(unit: Unit, params: IngestParams) -> Iterator[Chunk]:
    """The unit's rows in order.

    Raises:
        BrokenFileError: the file is cut, or not what its name says; also while the rows of a chunk are read.
    """
    readers = {"jsonl": read_json_lines, "parquet": _read_parquet, "aclimdb": _read_texts}
    reader = readers.get(unit.file.format, read_csv_file)
    for chunk in _told(unit, reader(unit, params)):
        yield Chunk(chunk.columns, partial(_told_rows, unit, chunk))


def _told_rows(unit: Unit, chunk: Chunk) -> Iterator[Row | Reject]:
    return _told(unit, chunk.rows())


def _told(unit: Unit, items: Iterable[T]) -> Iterator[T]:
    """The same items, with what breaks the file on the way told in words."""
    try:
        yield from items
    except BROKEN_FILE_ERRORS as error:
        raise BrokenFileError(f"{unit.file.path}: cannot be read to its end: {error}") from error


def _read_parquet(unit: Unit, params: IngestParams) -> Iterator[Chunk]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file, row = unit.file, unit.first_row
    try:
        with pq.ParquetFile(file.path) as parquet:
            for batch in parquet.iter_batches(BATCH_ROWS, row_groups=[unit.start], columns=column_names(params)):
                yield Chunk(_parquet_columns(unit, params, batch, row), partial(_batch_rows, unit, params, batch, row))
                row += len(batch)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise BrokenFileError(f"{file.path}: row group {unit.start + 1}: {error}") from error


def _parquet_columns(unit: Unit, params: IngestParams, batch: "pa.RecordBatch", first_row: int) -> Columns | None:
    """The batch if its texts and kept columns are strings, and its labels strings or integers."""
    import numpy as np
    import pyarrow as pa

    text, label, *kept = (_plain(batch.column(name)) for name in column_names(params))
    if not all(pa.types.is_binary(column.type) for column in (text, *kept)):
        return None
    if not (pa.types.is_binary(label.type) or pa.types.is_integer(label.type)):
        return None
    try:
        text, *kept = (column.cast(pa.string()) for column in (text, *kept))  # a Parquet file may hold other bytes
    except pa.ArrowInvalid:
        return None
    return Columns(unit.file.name, np.arange(first_row, first_row + len(batch)), text, label, kept)


def _batch_rows(unit: Unit, params: IngestParams, batch: "pa.RecordBatch", first_row: int) -> Iterator[Row]:
    names = column_names(params)
    columns = (_plain(batch.column(name)).to_pylist() for name in names)
    for row, values in enumerate(zip(*columns, strict=True), start=first_row):
        text, label, *kept = values
        raw: dict[str, Any] = dict(zip(names, values, strict=True))
        yield Row(f"{unit.file.name}:{row}", f"{unit.file.name} row {row}", text, label, kept, raw)


def _plain(column: "pa.Array") -> "pa.Array":
    """The values of a column; strings as bytes, since Parquet files may hold strings that are not UTF-8."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.binary())
    return column


def _read_texts(unit: Unit, params: IngestParams) -> Iterator[Chunk]:
    yield Chunk(None, partial(_text_rows, unit, params))


def _text_rows(unit: Unit, params: IngestParams) -> Iterator[Row]:
    for file in unit.files:
        with open_text(file.path, params.encoding, newline="") as lines:
            text = "".join(lines)
        yield Row(file.name, file.name, text, file.label, (), text)
