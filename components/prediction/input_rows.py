"""The rows of a file to predict: every row in its order, with its text or the reason why it has none.

In: .csv, .tsv, .jsonl, .txt (one text a line), each also .gz, or .parquet. Out: Arrow tables of up to 2,000 rows: the
columns of the file, then ``TEXT`` (null where there is no usable text) and ``ERROR`` (empty where there is one).
Columns of CSV and text files are strings; those of JSON Lines hold JSON, null where a row lacks the key.
"""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from components.reading.decoding import BROKEN_FILE_ERRORS, MARK_BYTES, escape_bytes, is_unicode, open_text, undecodable
from components.reading.delimited import read_records
from components.reading.json_lines import parse_json_line
from schemas.errors import DataError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

TEXT, ERROR = "\0text", "\0error"  # no file has columns of these names
TEXT_FILE_COLUMN = "text"
_ROWS_PER_TABLE = 2000
_QUOTE = '"'
_DELIMITERS = {".csv": ",", ".tsv": "\t"}


class InputRow(NamedTuple):
    """One row; ``values`` is empty where the row cannot be read at all."""

    values: Mapping[str, str]
    text: str | None
    error: str


def input_format(path: Path) -> str:
    """The ending that tells the format, without .gz.

    Raises:
        UsageError: when it tells none, or there is no such file.
    """
    endings = [ending.lower() for ending in path.suffixes]
    if endings[-1:] == [".gz"]:
        endings.pop()
    found = endings[-1] if endings else ""
    known = (".csv", ".tsv", ".jsonl", ".txt", ".parquet")
    if found not in known or (found == ".parquet" and path.suffix == ".gz"):
        raise UsageError(f"{path}: the ending does not tell the format; expected {', '.join(known)}. Rename the file.")
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file.")
    return found


def read_tables(path: Path, text_column: str, delimiter: str | None, encoding: str) -> "Iterator[pa.Table]":
    """Every row of the file, up to 2,000 at a time.

    Raises:
        UsageError: when the file has no such text column, or it holds no strings.
        DataError: when the file cannot be read to its end.
    """
    import pyarrow as pa

    ending = input_format(path)
    try:
        if ending == ".parquet":
            yield from _read_parquet(path, text_column)
        elif ending == ".jsonl":
            yield from _as_tables([], _read_jsonl(path, text_column, encoding))
        elif ending == ".txt":
            yield from _as_tables([TEXT_FILE_COLUMN], _read_lines(path, encoding))
        else:
            delimiter = delimiter or _DELIMITERS[ending]
            names = _read_header(path, text_column, delimiter, encoding)
            yield from _as_tables(names, _read_delimited(path, names, text_column, delimiter, encoding))
    except (*BROKEN_FILE_ERRORS, pa.ArrowException) as error:
        raise DataError(f"{path}: cannot be read to its end: {error}. Replace the file.") from error


def _as_tables(names: Sequence[str], rows: Iterator[InputRow]) -> "Iterator[pa.Table]":
    """The rows in tables of string columns, after an empty table that shows the columns known beforehand."""
    import pyarrow as pa

    taken: list[InputRow] = []
    while True:
        found = dict.fromkeys([*names, *(name for row in taken for name in row.values)])  # in order of appearance
        columns = {name: [row.values.get(name) for row in taken] for name in found}
        columns |= {TEXT: [row.text for row in taken], ERROR: [row.error for row in taken]}
        yield pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
        if not (taken := list(islice(rows, _ROWS_PER_TABLE))):
            return


def _usable(values: Mapping[str, str], value: Any, encoding: str) -> InputRow:
    """The row with its text, or with what is wrong with it."""
    error = text_error(value, encoding)
    return InputRow(values, None if error else value, error)


def text_error(value: Any, encoding: str) -> str:
    """Why a value is no text to predict; empty where it is one.

    >>> text_error(" ", "utf-8"), text_error(None, "utf-8"), text_error("good", "utf-8")
    ('the text is empty', 'the text is missing', '')
    """
    if value is None:
        return "the text is missing"
    if not isinstance(value, str):
        return f"the text is no string but {type(value).__name__}"
    if not is_unicode(value):
        return undecodable(value, encoding)
    return "" if value.strip() else "the text is empty"


def _read_header(path: Path, text_column: str, delimiter: str, encoding: str) -> list[str]:
    with open_text(path, encoding, newline="") as lines:
        header = next(read_records(lines, delimiter, _QUOTE), None)
    names = header.fields if header else []
    _check_column(path, names, text_column, encoding)
    return names


def _read_delimited(
    path: Path, names: list[str], text_column: str, delimiter: str, encoding: str
) -> Iterator[InputRow]:
    with open_text(path, encoding, newline="") as lines:
        for record in islice(read_records(lines, delimiter, _QUOTE), 1, None):
            fault = record.fault or ("" if len(record.fields) == len(names) else _field_count(record.fields, names))
            if fault:
                yield InputRow({}, None, f"line {record.line}: {fault}")
            else:
                fields = dict(zip(names, record.fields, strict=True))
                yield _usable(_printable(fields), fields[text_column], encoding)


def _field_count(fields: list[str], names: list[str]) -> str:
    return f"{len(fields)} fields, expected {len(names)} as in the header"


def _read_lines(path: Path, encoding: str) -> Iterator[InputRow]:
    with open_text(path, encoding, newline="\n") as lines:
        for line in lines:
            text = line.rstrip("\r\n")
            yield _usable(_printable({TEXT_FILE_COLUMN: text}), text, encoding)


def _read_jsonl(path: Path, text_column: str, encoding: str) -> Iterator[InputRow]:
    is_checked = False
    with open_text(path, encoding, newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            record = parse_json_line(line, encoding)
            if isinstance(record, str):
                yield InputRow({}, None, f"line {number}: {record}")
                continue
            if not is_checked:  # a later row may lack the key, but a file whose first row does has another name for it
                _check_column(path, record, text_column, encoding)
                is_checked = True
            values = {key: json.dumps(value) for key, value in record.items()}
            yield _usable(_printable(values), record.get(text_column), encoding)


def _printable(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value if is_unicode(value) else escape_bytes(value) for name, value in values.items()}


def _check_column(path: Path, names: Iterable[str], text_column: str, encoding: str) -> None:
    found = list(names)
    if not all(is_unicode(name) and "\0" not in name for name in found):
        raise DataError(f"{path}: the first line is no text in {encoding}. Is the file what its name says?")
    if text_column not in found:
        nearest = difflib.get_close_matches(text_column, found, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        columns = ", ".join(map(repr, found[:20])) or "no columns"
        raise UsageError(f"{path}: no column {text_column!r}; it has {columns}.{hint} Name the text column.")
    if twice := sorted({name for name in found if found.count(name) > 1}):
        raise DataError(f"{path}: the column {twice[0]!r} is there {found.count(twice[0])} times. Rename one.")


def _read_parquet(path: Path, text_column: str) -> "Iterator[pa.Table]":
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        _check_column(path, file.schema_arrow.names, text_column, "utf-8")
        text_type = file.schema_arrow.field(text_column).type
        if not any(is_text(text_type) for is_text in (pa.types.is_string, pa.types.is_large_string)):
            raise UsageError(f"{path}: the column {text_column!r} has the type {text_type}, expected string.")
        yield _with_texts(file.schema_arrow.empty_table(), text_column)
        for batch in file.iter_batches(_ROWS_PER_TABLE):
            yield _with_texts(pa.table(batch), text_column)


def _with_texts(table: "pa.Table", text_column: str) -> "pa.Table":
    """A table of a Parquet file with TEXT and ERROR; such a file may hold strings that are not UTF-8."""
    import pyarrow as pa

    octets = table[text_column].cast(pa.large_binary()).to_pylist()
    texts = [None if value is None else value.decode("utf-8", MARK_BYTES) for value in octets]
    rows = [_usable({}, text, "utf-8") for text in texts]
    if not all(text is None or is_unicode(text) for text in texts):
        index = table.schema.get_field_index(text_column)
        printable = [text and (text if is_unicode(text) else escape_bytes(text)) for text in texts]
        table = table.set_column(
            index, table.schema.field(index), [pa.array(printable, table.schema.field(index).type)]
        )
    table = table.append_column(TEXT, pa.array([row.text for row in rows], pa.string()))
    return table.append_column(ERROR, pa.array([row.error for row in rows], pa.string()))
