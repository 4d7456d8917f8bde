"""Predict: raw text to a label and the probability of each class, by a published model.

In: a few texts, or a file of any size. Out: a ``Prediction`` each, or a file with the same rows in the same order and
the answers beside them; see ``components.prediction.output_rows`` for the columns.
"""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from pydantic import field_validator

from components.beam_options import BeamOptions, beam_job
from schemas.errors import UsageError
from schemas.params import Params


class PredictParams(Params):
    """How to read a file of texts."""

    text_column: str = "text"  # a .txt file has no columns
    delimiter: str | None = None  # of CSV (a comma) and TSV (a tab)
    encoding: str = "utf-8"

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError as error:
            raise ValueError(f"{error}; try 'utf-8', 'utf-16', 'latin-1' or 'cp1252'") from error
        return value

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        if value is not None and (len(value) != 1 or value in '\r\n"\\'):
            raise ValueError(f"must be one character, and neither a quote nor a backslash nor a line break: {value!r}")
        return value


@dataclass(frozen=True)
class Prediction:
    """The answer to one text."""

    label: str
    probabilities: dict[str, float]  # class name -> probability


@dataclass(frozen=True)
class PredictionCounts:
    """What became of the rows of a file; every row is in the output."""

    rows: int
    predicted: int
    errors: int  # rows without a usable text; the column prediction_error says why


def predict_texts(model_dir: Path, texts: Sequence[str]) -> list[Prediction]:
    """Answer each text.

    Args:
        model_dir: a SavedModel, such as ``serving/3``.
        texts: n raw texts.

    Raises:
        UsageError: when there is no model in that folder.
        GlovebeamError: when it cannot be loaded.
    """
    from components.serving.servable import Servable

    _check_model(model_dir)
    servable = Servable.load(model_dir)
    labels, probabilities = servable.classify([text.encode("utf-8", "replace") for text in texts])
    return [
        Prediction(label, dict(zip(servable.class_names, row, strict=True)))
        for label, row in zip(labels, probabilities.tolist(), strict=True)
    ]


def predict_file(
    model_dir: Path, input_file: Path, output_file: Path, params: PredictParams, beam: BeamOptions
) -> PredictionCounts:
    """Answer every row of a file; ``output_file`` appears when it is complete, in place of an older one.

    Raises:
        UsageError: a file, folder or column is not there, or an ending tells no format.
        DataError: the input cannot be read to its end.
        GlovebeamError: the model cannot be loaded.
    """
    from components.serving.servable import Servable

    _check_model(model_dir)
    _check_output(input_file, output_file)
    work = output_file.parent / f".{output_file.name}-{uuid4().hex}"
    work.mkdir()
    try:
        chunks = _write_chunks(input_file, params, work)
        class_names = Servable.load(model_dir).class_names
        _answer_chunks(chunks, model_dir, class_names, input_file, output_file, beam)
        complete = work / "complete"
        _join_parts(chunks, class_names, complete, output_file.suffix.lower())
        with complete.open("rb") as file:
            os.fsync(file.fileno())
        complete.replace(output_file)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return PredictionCounts(chunks.rows, chunks.rows - chunks.errors, chunks.errors)


def _check_model(model_dir: Path) -> None:
    if not (model_dir / "saved_model.pb").is_file():
        raise UsageError(f"{model_dir}: there is no SavedModel here. Name a folder such as serving/1.")


def _check_output(input_file: Path, output_file: Path) -> None:
    from components.prediction.input_rows import input_format
    from components.prediction.output_rows import OUTPUT_ENDINGS

    input_format(input_file)
    if output_file.suffix.lower() not in OUTPUT_ENDINGS:
        raise UsageError(f"{output_file}: the output is one of {', '.join(OUTPUT_ENDINGS)}. Change its ending.")
    if not output_file.parent.is_dir():
        raise UsageError(f"{output_file}: the folder {output_file.parent} does not exist. Make it first.")
    if output_file.is_dir():
        raise UsageError(f"{output_file}: is a folder. Name a file.")
    if output_file.exists() and output_file.samefile(input_file):
        raise UsageError(f"{output_file}: input and output are the same file. Name another output.")


@dataclass(frozen=True)
class _Chunks:
    """The input as Arrow files of a few thousand rows each, the units of the Beam job."""

    paths: list[Path]
    columns: list[str]  # of all chunks, in order of appearance
    rows: int
    errors: int


def _write_chunks(input_file: Path, params: PredictParams, folder: Path) -> _Chunks:
    """Reading is sequential, since quoted fields may hold newlines, and far faster than answering."""
    import pyarrow as pa

    from components.prediction.input_rows import ERROR, TEXT, read_tables

    paths: list[Path] = []
    columns: dict[str, None] = {}
    rows = errors = 0
    for number, table in enumerate(read_tables(input_file, params.text_column, params.delimiter, params.encoding)):
        paths.append(folder / f"{number:08}.rows")
        with pa.ipc.new_file(str(paths[-1]), table.schema) as file:
            file.write_table(table)
        columns |= dict.fromkeys(name for name in table.column_names if name not in (TEXT, ERROR))
        rows += len(table)
        errors += table[TEXT].null_count
    return _Chunks(paths, list(columns), rows, errors)


def _answer_chunks(
    chunks: _Chunks,
    model_dir: Path,
    class_names: Sequence[str],
    input_file: Path,
    output_file: Path,
    options: BeamOptions,
) -> None:
    import apache_beam as beam

    from components.prediction.input_rows import input_format
    from components.prediction.output_rows import check_columns
    from components.prediction.predict_chunks import PredictChunk

    check_columns(input_file, chunks.columns, class_names)
    json_columns = chunks.columns if input_format(input_file) == ".jsonl" else []
    predict_chunk = PredictChunk(
        model_dir, chunks.columns, json_columns, output_file.suffix.lower(), options.progress_file
    )
    with beam_job(options) as pipeline:
        (
            pipeline
            | "Chunks" >> beam.Create([str(path) for path in chunks.paths])  # -> path
            | "PredictChunk" >> beam.ParDo(predict_chunk)  # path -> nothing, one part written
        )


def _join_parts(chunks: _Chunks, class_names: Sequence[str], complete: Path, ending: str) -> None:
    """The parts, in the order of the input, as one file."""
    from components.prediction.output_rows import answer_columns, csv_header

    parts = [path.with_suffix(".part") for path in chunks.paths]
    if ending == ".parquet":
        _join_parquet(parts, complete)
        return
    with complete.open("wb") as file:
        if ending == ".csv":
            file.write(csv_header([*chunks.columns, *answer_columns(class_names)]))
        for part in parts:
            with part.open("rb") as content:
                shutil.copyfileobj(content, file)


def _join_parquet(parts: Sequence[Path], complete: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pa.memory_map(str(parts[0])) as file:
        schema = pa.ipc.open_file(file).schema
    with pq.ParquetWriter(complete, schema, compression="zstd") as writer:
        for part in parts:
            with pa.memory_map(str(part)) as file:
                writer.write_table(pa.ipc.open_file(file).read_all())
