"""One unit of a source to rows: the readers of each format.

In: a ``Unit``, a file, a part of one, or a group of small ones. Out: a stream of ``Row`` and ``Reject`` in the order of
the source; each carries the place that a person finds it by.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.reading.decoding import BROKEN_FILE_ERRORS, is_unicode, open_text, undecodable
from components.reading.delimited import read_records
from components.reading.rows import Reject, Row
from components.sources import IngestParams, SourceFile

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 1000
_DELIMITERS = {"sample": ",", "csv": ",", "tsv": "\t"}
_SAMPLE_ROWS = {"source": "imdb"}  # the file's other rows are sentences of another data set


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


def read_unit(unit: Unit, params: IngestParams) -> Iterator[Row | Reject]:
    """The unit's rows in order.

    Raises:
        BrokenFileError: the file is cut, or not what its name says.
    """
    readers = {"jsonl": _read_jsonl, "parquet": _read_parquet, "aclimdb": _read_texts}
    reader = readers.get(unit.file.format, _read_delimited)
    try:
        yield from reader(unit, params)
    except BROKEN_FILE_ERRORS as error:
        raise BrokenFileError(f"{unit.file.path}: cannot be read to its end: {error}") from error


def read_delimited_header(file: SourceFile, params: IngestParams) -> list[str]:
    """The column names of a CSV or TSV file; empty if the file is."""
    with open_text(file.path, params.encoding, newline="") as lines:
        for record in read_records(lines, _delimiter(file, params), params.quote):
            if record.fault:
                raise BrokenFileError(f"{file.path}: the header, line {record.line}: {record.fault}")
            return record.fields
    return []


def _delimiter(file: SourceFile, params: IngestParams) -> str:
    return params.delimiter or _DELIMITERS[file.format]


def _read_delimited(unit: Unit, params: IngestParams) -> Iterator[Row | Reject]:
    file = unit.file
    wanted = _SAMPLE_ROWS if file.format == "sample" else {}
    with open_text(file.path, params.encoding, newline="") as lines:
        records = read_records(lines, _delimiter(file, params), params.quote)
        header = next(records).fields
        text, label, *kept = (header.index(name) for name in columns(params))
        wanted_fields = [(header.index(name), value) for name, value in wanted.items()]
        for row, record in enumerate(records, start=1):
            place = f"{file.name} row {row} (line {record.line})"
            fields = record.fields
            if fault := record.fault or _field_count_fault(fields, header):
                yield Reject(place, fault, record.raw)
            elif not is_unicode(record.raw):
                yield Reject(place, undecodable(record.raw, params.encoding), record.raw)
            elif all(fields[column] == value for column, value in wanted_fields):
                values = [fields[column] for column in kept]
                yield Row(f"{file.name}:{row}", place, fields[text], fields[label], values, record.raw)


def _field_count_fault(fields: list[str], header: list[str]) -> str:
    if len(fields) == len(header):
        return ""
    return (
        f"wrong number of fields: {len(fields)}, expected {len(header)} as in the header ({', '.join(header)}); look "
        "for a delimiter in a text without quotes, or a quote left open"
    )


def named_columns(params: IngestParams) -> list[tuple[str, str]]:
    """The parameter and the source column it names: text, label, then those to keep."""
    kept = [("keep_columns", column) for column in params.keep_columns]
    return [("text_column", params.text_column), ("label_column", params.label_column), *kept]


def columns(params: IngestParams) -> list[str]:
    """The source columns to read: text, label, then those to keep."""
    return [column for _, column in named_columns(params)]


def _read_jsonl(unit: Unit, params: IngestParams) -> Iterator[Row | Reject]:
    file = unit.file
    with open_text(file.path, params.encoding, "\n", unit.start, unit.stop) as lines:
        for row, line in enumerate(lines, start=unit.first_row):
            if not line.strip():
                continue
            place = f"{file.name} row {row} (line {row})"
            record = parse_json_line(line, params.encoding)
            if isinstance(record, str):
                yield Reject(place, record, line)
            else:
                text, label, *kept = (record.get(name) for name in columns(params))
                yield Row(f"{file.name}:{row}", place, text, label, kept, line)


def parse_json_line(line: str, encoding: str) -> Mapping[str, Any] | str:
    """The object of a line, or what is wrong with it."""
    if not is_unicode(line):
        return undecodable(line, encoding)
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        return f"invalid JSON: {error.msg} at character {error.pos + 1}"
    except (ValueError, RecursionError) as error:
        return f"invalid JSON: {error}"
    if not isinstance(record, dict):
        return f"invalid JSON: expected an object with the columns as keys, got a {type(record).__name__}"
    return record


def _read_parquet(unit: Unit, params: IngestParams) -> Iterator[Row | Reject]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file, names = unit.file, columns(params)
    row = unit.first_row
    try:
        with pq.ParquetFile(file.path) as parquet:
            for batch in parquet.iter_batches(BATCH_ROWS, row_groups=[unit.start], columns=names):
                for values in zip(*(_python_values(batch.column(name)) for name in names), strict=True):
                    text, label, *kept = values
                    raw = dict(zip(names, values, strict=True))
                    yield Row(f"{file.name}:{row}", f"{file.name} row {row}", text, label, kept, raw)
                    row += 1
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise BrokenFileError(f"{file.path}: row group {unit.start + 1}: {error}") from error


def _python_values(column: "pa.Array") -> list[Any]:
    """The values of a column; strings as bytes, since Parquet files may hold strings that are not UTF-8."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.large_binary())
    return column.to_pylist()


def _read_texts(unit: Unit, params: IngestParams) -> Iterator[Row | Reject]:
    for file in unit.files:
        with open_text(file.path, params.encoding, newline="") as lines:
            text = "".join(lines)
        yield Row(file.name, file.name, text, file.label, (), text)
