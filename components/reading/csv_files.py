"""CSV and TSV files to chunks of rows.

In: a file with a header. Out: ``Chunk``. A file is cut into blocks of whole records, which Arrow reads at once. Which
newlines end a record is certain as long as each quote stands where a sound file has it; from the first block on in
which one does not, the file is read record by record.
"""

import io
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from components.reading.chunks import BLOCK_BYTES, BrokenFileError, Chunk, Columns, Unit, column_names
from components.reading.decoding import is_unicode, is_utf8, lines_of, open_bytes, open_text, undecodable
from components.reading.delimited import Record, read_records
from components.reading.record_ends import find_records
from components.reading.rows import Reject, Row
from components.sources import IngestParams, SourceFile

if TYPE_CHECKING:
    import pyarrow as pa

_DELIMITERS = {"sample": ",", "csv": ",", "tsv": "\t"}
_SAMPLE_ROWS = {"source": "imdb"}  # the file's other rows are sentences of another data set
_LONGEST_RECORD = 16 * 1024 * 1024  # that a block is made for
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Position(NamedTuple):
    """What of a file lies behind us."""

    bytes: int
    rows: int
    lines: int


def read_csv_file(unit: Unit, params: IngestParams) -> Iterator[Chunk]:
    """The file's rows; raises one of ``BROKEN_FILE_ERRORS`` where it is compressed and cut."""
    file, delimiter, quote = unit.file, _delimiter(unit.file, params), params.quote
    header, position = _read_header(file, params)
    rest = partial(_read_rest, file, params, header)
    if not (is_utf8(params.encoding) and delimiter.isascii() and quote and quote.isascii()):
        yield Chunk(None, partial(rest, position))
        return
    with open_bytes(file.path) as content:
        content.seek(position.bytes)
        text = content.read(BLOCK_BYTES)
        while text:
            more = content.read(BLOCK_BYTES)
            records = find_records(text, ord(delimiter), ord(quote), is_last=not more)
            if records is None or (not records.end and len(text) > _LONGEST_RECORD):
                yield Chunk(None, partial(rest, position))
                return
            if block := text[: records.end]:
                columns = _read_columns(file, params, header, block, position.rows, records.rows)
                yield Chunk(columns, partial(_read_block, file, params, header, block, position))
            lines = block.count(b"\n")
            position = Position(position.bytes + len(block), position.rows + records.rows, position.lines + lines)
            text = text[records.end :] + more


def read_delimited_header(file: SourceFile, params: IngestParams) -> list[str]:
    """The column names of a CSV or TSV file; empty if the file is."""
    return _read_header(file, params)[0]


def _read_header(file: SourceFile, params: IngestParams) -> tuple[list[str], Position]:
    """The column names, and where the first row may start; its byte is known in UTF-8 alone."""
    taken: list[str] = []
    with open_text(file.path, params.encoding, newline="") as lines:
        records = read_records(_noted(lines, taken), _delimiter(file, params), params.quote)
        record = next(records, Record(1, "", [], ""))
    if record.fault:
        raise BrokenFileError(f"{file.path}: the header, line {record.line}: {record.fault}")
    with open_bytes(file.path) as content:
        mark = _BYTE_ORDER_MARK if content.read(len(_BYTE_ORDER_MARK)) == _BYTE_ORDER_MARK else b""
    size = len(mark) + sum(len(line.encode("utf-8", "replace")) for line in taken) if is_utf8(params.encoding) else 0
    return record.fields, Position(size, 0, len(taken))


def _noted(lines: Iterator[str], taken: list[str]) -> Iterator[str]:
    for line in lines:
        taken.append(line)
        yield line


def _delimiter(file: SourceFile, params: IngestParams) -> str:
    return params.delimiter or _DELIMITERS[file.format]


def _wanted_rows(file: SourceFile) -> dict[str, str]:
    return _SAMPLE_ROWS if file.format == "sample" else {}


def _read_columns(
    file: SourceFile, params: IngestParams, header: list[str], block: bytes, rows_before: int, rows: int
) -> Columns | None:
    """The rows of a sound block, if Arrow finds as many and nothing wrong with them."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if b"\0" in block:
        return None
    try:
        pa.array([block], pa.large_binary()).cast(pa.large_string())  # columns that are not read may be undecodable
        table = _parse(block, header, _delimiter(file, params), params.quote)
    except pa.ArrowInvalid:
        return None
    if table.num_rows != rows:
        return None
    numbers = np.arange(rows_before + 1, rows_before + rows + 1)
    for name, value in _wanted_rows(file).items():
        is_wanted = pc.equal(table.column(header.index(name)), value)
        table, numbers = table.filter(is_wanted), numbers[is_wanted.to_numpy()]
    text, label, *kept = (table.column(header.index(name)).combine_chunks() for name in column_names(params))
    return Columns(file.name, numbers, text, label, kept)


def _parse(block: bytes, header: list[str], delimiter: str, quote: str) -> "pa.Table":
    """All columns as strings, by their place: names may repeat."""
    import pyarrow as pa
    import pyarrow.csv

    names = [str(place) for place in range(len(header))]
    return pyarrow.csv.read_csv(
        pa.BufferReader(block),
        pyarrow.csv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=names),
        pyarrow.csv.ParseOptions(delimiter=delimiter, quote_char=quote, newlines_in_values=True),
        pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
    )


def _read_block(
    file: SourceFile, params: IngestParams, header: list[str], block: bytes, before: Position
) -> Iterator[Row | Reject]:
    with lines_of(io.BytesIO(block), params.encoding, newline="", is_beginning=False) as lines:
        yield from _read_rows(file, params, header, lines, before)


def _read_rest(file: SourceFile, params: IngestParams, header: list[str], before: Position) -> Iterator[Row | Reject]:
    with open_text(file.path, params.encoding, newline="", start=before.bytes) as lines:
        if not before.bytes:
            list(islice(lines, before.lines))  # the header
        yield from _read_rows(file, params, header, lines, before)


def _read_rows(
    file: SourceFile, params: IngestParams, header: list[str], lines: Iterator[str], before: Position
) -> Iterator[Row | Reject]:
    text, label, *kept = (header.index(name) for name in column_names(params))
    wanted_fields = [(header.index(name), value) for name, value in _wanted_rows(file).items()]
    records = read_records(lines, _delimiter(file, params), params.quote, before.lines)
    for row, record in enumerate(records, start=before.rows + 1):
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
