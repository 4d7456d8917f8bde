"""Files that cannot be read at all: not what their names say, cut, damaged, or without the named column."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.errors import DataError, UsageError
from tests.components.ingest_helpers import run_unsplit

HEADER = "text,label\n"


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def parquet_bytes(tmp_path):
    pq.write_table(
        pa.table({"text": ["Good" * 99, "Bad"], "label": [1, 0]}), tmp_path / "sound.parquet", compression="none"
    )
    return (tmp_path / "sound.parquet").read_bytes()


def damaged_parquet(tmp_path):
    """Sound at both ends, and one bit of a page header is not."""
    content = bytearray(parquet_bytes(tmp_path))
    content[4:20] = b"\xff" * 16
    return bytes(content)


CSV = (HEADER + "Good,1\nBad,0\n" * 500).encode()
BROKEN_FILES = {
    "CSV named Parquet": ("r.parquet", lambda _: CSV, "not a Parquet file, or cut"),
    "cut Parquet": ("r.parquet", lambda tmp_path: parquet_bytes(tmp_path)[:-9], "not a Parquet file, or cut"),
    "damaged Parquet": ("r.parquet", damaged_parquet, "row group 1"),
    "CSV named gzip": ("r.csv.gz", lambda _: CSV, "not a gzip file, or cut"),
    "cut gzip": (
        "r.csv.gz",
        lambda _: gzip.compress(CSV, mtime=0)[:-12],
        "Compressed file ended before.*Replace the file",
    ),
    "damaged gzip": (
        "r.csv.gz",
        lambda _: gzip.compress(CSV, mtime=0)[:-8] + b"\0" * 8,
        "CRC check failed.*Replace the file",
    ),
    "cut gzip of JSON": (
        "r.jsonl.gz",
        lambda _: gzip.compress(b'{"text": "x", "label": 1}\n' * 99, mtime=0)[:30],
        "gzip",
    ),
    "gzip named CSV": ("r.csv", lambda _: gzip.compress(CSV, mtime=0), r"not csv but a gzip file; add \.gz"),
    "Parquet named CSV": ("r.csv", parquet_bytes, r"not csv but a Parquet file; rename it to \.parquet"),
    "Parquet named JSON": ("r.jsonl", parquet_bytes, "not jsonl but a Parquet file"),
    "spreadsheet named CSV": ("r.csv", lambda _: b"PK\x03\x04" + bytes(99), "a zip archive or a spreadsheet"),
    "binary named CSV": ("r.csv", lambda _: bytes(range(256)), "first line is no csv header in utf-8"),
    "UTF-16 unsaid": ("r.csv", lambda _: CSV.decode().encode("utf-16"), r"Set ingest\.encoding = 'utf-16'"),
    "empty CSV": ("r.csv", lambda _: b"", "is empty; expected a first line with the column names"),
    "open header": ("r.csv", lambda _: b'"text,label\nGood,1\n', "the header, line 1: unclosed quote"),
    "CSV named JSON": ("r.jsonl", lambda _: CSV, r"not JSON Lines: line 1 starts with 'text,label'"),
    "JSON array": ("r.jsonl", lambda _: b'\n[{"text": "x", "label": 1}]', r"not JSON Lines: line 2 starts with '\["),
    "column twice": ("r.csv", lambda _: b"text,label,text\nGood,1,Bad\n", "the column 'text' is there 2 times"),
}


@pytest.mark.parametrize("fault", BROKEN_FILES)
def test_a_file_that_is_not_what_its_name_says_stops_the_ingest_whatever_may_be_rejected(tmp_path, fault):
    name, content, message = BROKEN_FILES[fault]
    source = write(tmp_path / name, content(tmp_path))
    with pytest.raises(DataError, match=rf"{source}.*{message}"):
        run_unsplit(tmp_path, source, max_rejected=10**9)


def test_a_file_in_utf16_without_byte_order_mark_says_so(tmp_path):
    source = write(tmp_path / "r.csv", CSV)
    with pytest.raises(DataError, match=rf"{source}: not a text in utf-16.*BOM"):
        run_unsplit(tmp_path, source, encoding="utf-16")


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl", "r.parquet"])
@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"text_column": "txt"},
            r"no column 'txt'; it has 'text', 'label'.*Did you mean 'text'.*Set ingest\.text_column",
        ),
        ({"label_column": "stars"}, r"no column 'stars'; it has 'text', 'label'.*Set ingest\.label_column"),
        ({"keep_columns": ["user"]}, r"no column 'user'.*Set ingest\.keep_columns"),
    ],
)
def test_a_missing_column_names_file_columns_and_key(tmp_path, name, params, message):
    if name == "r.parquet":
        write(tmp_path / name, parquet_bytes(tmp_path))
    else:
        write(tmp_path / name, CSV if name == "r.csv" else json.dumps({"text": "x", "label": 1}))
    with pytest.raises(UsageError, match=rf"{tmp_path / name}: {message}"):
        run_unsplit(tmp_path, tmp_path / name, **params)


def test_another_delimiter_than_the_files_own_is_hinted_at(tmp_path):
    source = write(tmp_path / "r.csv", "text;label\nGood;1\n")
    with pytest.raises(UsageError, match=r"no column 'text'; it has 'text;label'.*set ingest\.delimiter"):
        run_unsplit(tmp_path, source)
