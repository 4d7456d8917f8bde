"""JSON Lines to chunks of rows.

In: lines of one object each. Out: ``Chunk``. Arrow reads a block of lines at once, but it is not as strict as Python:
it takes two objects on one line, and one object on two. A line that starts with a brace and ends with one rules out the
latter, and the number of rows the former; any other block is read line by line.
"""

import io
import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from components.reading.chunks import BLOCK_BYTES, Chunk, Columns, Unit, column_names
from components.reading.decoding import is_unicode, is_utf8, lines_of, open_bytes, open_text, undecodable
from components.reading.rows import Reject, Row
from components.sources import IngestParams

if TYPE_CHECKING:
    import pyarrow as pa


def read_json_lines(unit: Unit, params: IngestParams) -> Iterator[Chunk]:
    """The unit's rows; raises one of ``BROKEN_FILE_ERRORS`` where a compressed file is cut."""
    if not is_utf8(params.encoding):
        yield Chunk(None, partial(_read_unit, unit, params))
        return
    row = unit.first_row
    with open_bytes(unit.file.path) as file:
        for block in _blocks(file, unit):
            yield Chunk(_read_columns(unit, params, block, row), partial(_read_block, unit, params, block, row))
            row += block.count(b"\n")


def _blocks(file: BinaryIO, unit: Unit) -> Iterator[bytes]:
    """Whole lines."""
    if unit.start:
        file.seek(unit.start)
    left = None if unit.stop is None else unit.stop - unit.start
    while block := file.read(BLOCK_BYTES if left is None else min(BLOCK_BYTES, left)):
        if not block.endswith(b"\n"):
            block += file.readline()
        left = None if left is None else left - len(block)
        yield block


def _read_columns(unit: Unit, params: IngestParams, block: bytes, first_row: int) -> Columns | None:
    import numpy as np
    import pyarrow as pa

    octets = np.frombuffer(block.removesuffix(b"\n"), np.uint8)
    breaks = np.flatnonzero(octets == ord("\n"))
    is_whole = (octets[np.append(0, breaks + 1)] == ord("{")).all() if len(octets) else False
    is_whole = is_whole and (octets[np.append(breaks - 1, -1)] == ord("}")).all()
    if not is_whole or b"\0" in block:
        return None
    try:
        pa.array([block], pa.large_binary()).cast(pa.large_string())  # Arrow's reader lets any byte pass
        table = _parse(block, params)
    except pa.ArrowInvalid:
        return None
    if table is None or table.num_rows != len(breaks) + 1:
        return None
    text, label, *kept = (table.column(name).combine_chunks() for name in column_names(params))
    numbers = first_row + np.arange(table.num_rows)
    return Columns(unit.file.name, numbers, text, label, [column.cast(pa.string()) for column in kept])


def _parse(block: bytes, params: IngestParams) -> "pa.Table | None":
    """The columns of a block; None where labels are neither all strings nor all integers."""
    import pyarrow as pa
    import pyarrow.json

    text, label, *kept = ((name, pa.string()) for name in column_names(params))
    for label_type in (pa.string(), pa.int64()):
        parsing = pyarrow.json.ParseOptions(
            explicit_schema=pa.schema([text, (label[0], label_type), *kept]), unexpected_field_behavior="ignore"
        )
        reading = pyarrow.json.ReadOptions(use_threads=False, block_size=len(block) + 1)
        try:
            return pyarrow.json.read_json(pa.BufferReader(block), read_options=reading, parse_options=parsing)
        except pa.ArrowInvalid:
            continue
    return None


def _read_block(unit: Unit, params: IngestParams, block: bytes, first_row: int) -> Iterator[Row | Reject]:
    with lines_of(io.BytesIO(block), params.encoding, "\n", is_beginning=first_row == 1) as lines:
        yield from _read_lines(unit, params, lines, first_row)


def _read_unit(unit: Unit, params: IngestParams) -> Iterator[Row | Reject]:
    with open_text(unit.file.path, params.encoding, "\n", unit.start, unit.stop) as lines:
        yield from _read_lines(unit, params, lines, unit.first_row)


def _read_lines(unit: Unit, params: IngestParams, lines: Iterator[str], first_row: int) -> Iterator[Row | Reject]:
    for row, line in enumerate(lines, start=first_row):
        if not line.strip():
            continue
        place = f"{unit.file.name} row {row} (line {row})"
        record = parse_json_line(line, params.encoding)
        if isinstance(record, str):
            yield Reject(place, record, line)
        else:
            text, label, *kept = (record.get(name) for name in column_names(params))
            yield Row(f"{unit.file.name}:{row}", place, text, label, kept, line)


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
