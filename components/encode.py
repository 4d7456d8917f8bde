"""Texts to padded token ids, as TFRecords.

In: Examples and their VocabularyArtifact (and an EmbeddingMatrix, to write the vectors themselves as well).
Out: EncodedExamples, one TFRecord file a Parquet shard, rows in the same order. What ``max_length`` cuts off the texts
of the train split makes further rows, the windows, in files of their own: a model learns from whole texts, and is
measured on what it will see.
Letters: n rows of a batch, l max_length, v tokens of the vocabulary, d vector dimension.
"""

import gzip
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from pydantic import Field

from components.beam_options import BeamOptions, beam_job, count_rows
from schemas.artifacts import EmbeddingMatrix, EncodedExamples, Encoding, Examples, VocabularyArtifact, write_json
from schemas.disk import replacing
from schemas.errors import naming
from schemas.examples import SPLITS, TRAIN_WINDOWS
from schemas.params import Params
from schemas.vocabulary import Vocabulary

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from components.encoding.token_rows import Stretches
    from schemas.tf_example import Column

ROWS_PER_BATCH = 1000


class EncodeParams(Params):
    """How many ids a row has, which are cut or filled up, and what becomes of those cut off the train texts."""

    max_length: int = Field(default=80, ge=1)
    padding: Literal["pre", "post"] = "pre"
    truncating: Literal["pre", "post"] = "pre"  # "pre" keeps the last tokens, which decide a review
    windows: Literal["kept", "all"] = "all"  # of train texts: what max_length keeps, or the rest as well
    compression: Literal["none", "gzip"] = "none"  # tfds reads uncompressed records only
    emit_vectors: bool = False


def encode(
    examples: Examples,
    vocabulary: VocabularyArtifact,
    embedding_matrix: EmbeddingMatrix | None,
    params: EncodeParams,
    out: Path,
    beam: BeamOptions,
) -> EncodedExamples:
    """Write ``<split>/examples-*.tfrecord[.gz]``, ``encoding.json`` and the tfds metadata into ``out``.

    With ``params.windows`` "all" also ``train_windows/``, one file a train shard: what ``max_length`` cuts off each
    text in windows of ``max_length`` ids with the text's id and label, the one beside the kept ids first, each window
    like any other row (also in its vectors). A last window of less than half of ``max_length`` is left out.

    Args:
        examples: the texts of all splits.
        vocabulary: tokens, ids and tokenizer.
        embedding_matrix: float32 [v, d]; given exactly when ``params.emit_vectors``.
        params: shape of the rows.
        out: an empty folder.
        beam: where the job runs.

    Raises:
        ValueError: when ``embedding_matrix`` and ``params.emit_vectors`` do not agree.
    """
    if params.emit_vectors != (embedding_matrix is not None):
        raise ValueError("encode takes an embedding matrix exactly when emit_vectors is true")
    summary = examples.summary
    _encode_shards(examples, vocabulary, embedding_matrix, params, out, beam)
    window_rows = _take_window_rows(examples, out) if params.windows == "all" else []
    encoding = Encoding(
        max_length=params.max_length,
        padding=params.padding,
        truncating=params.truncating,
        vocabulary_size=len(vocabulary.load()),
        vector_dimension=_dimension(embedding_matrix),
        class_names=summary.class_names,
        rows=summary.rows,
        train_windows=sum(window_rows),
    )
    encoding.save(out / "encoding.json")
    encoded = EncodedExamples(out)
    if params.compression == "none":
        from components.encoding.tfds_metadata import write_tfds_metadata

        write_tfds_metadata(encoded, _shard_rows(examples, window_rows))
    return encoded


def _dimension(embedding_matrix: EmbeddingMatrix | None) -> int | None:
    import numpy as np

    if embedding_matrix is None:
        return None
    return int(np.load(embedding_matrix.matrix_file, mmap_mode="r").shape[1])


def _encode_shards(
    examples: Examples,
    vocabulary: VocabularyArtifact,
    embedding_matrix: EmbeddingMatrix | None,
    params: EncodeParams,
    out: Path,
    options: BeamOptions,
) -> None:
    import apache_beam as beam

    for folder in (*SPLITS, TRAIN_WINDOWS) if params.windows == "all" else SPLITS:
        (out / folder).mkdir()
    shards = [(str(shard), split) for split in SPLITS for shard in examples.shards(split)]
    matrix_file = None if embedding_matrix is None else embedding_matrix.matrix_file
    encode_one = partial(encode_shard, vocabulary.load(), matrix_file, params, out, options.progress_file)
    with beam_job(options) as pipeline:
        (
            pipeline
            | "Shards" >> beam.Create(shards)  # -> (path, split)
            | "EncodeShard" >> beam.MapTuple(encode_one)  # (path, split) -> None, one or two TFRecord files written
        )


def encode_shard(
    vocabulary: Vocabulary,
    matrix_file: Path | None,
    params: EncodeParams,
    out: Path,
    progress_file: Path | None,
    shard: str,
    split: str,
) -> None:
    """Encode one Parquet shard into the TFRecord file of the same number; of a train shard also its windows."""
    import numpy as np
    import pyarrow.parquet as pq

    from components.encoding.token_rows import kept, look_up, windows

    matrix = None if matrix_file is None else np.load(matrix_file, mmap_mode="r")  # [v, d]
    name = f"{Path(shard).stem}.tfrecord{'' if params.compression == 'none' else '.gz'}"
    has_windows = split == "train" and params.windows == "all"
    window_rows = 0
    with ExitStack() as files:
        file = files.enter_context(_record_file(out / split / name))
        window_file = files.enter_context(_record_file(out / TRAIN_WINDOWS / name)) if has_windows else None
        for batch in pq.ParquetFile(shard).iter_batches(ROWS_PER_BATCH, columns=["example_id", "text", "label"]):
            with naming(shard):
                texts = look_up(batch["text"], vocabulary)
            _write_rows(file, batch, kept(texts, params.max_length, params.truncating), matrix, params)
            if window_file is not None:
                cut_off = windows(texts, params.max_length, params.truncating)
                _write_rows(window_file, batch, cut_off, matrix, params)
                window_rows += len(cut_off.text)
            count_rows(progress_file, len(batch))
    if has_windows:
        write_json(_window_count_file(out, Path(shard)), window_rows)


def _write_rows(
    file: BinaryIO,
    batch: "pa.RecordBatch",
    stretches: "Stretches",
    matrix: "NDArray[np.float32] | None",
    params: EncodeParams,
) -> None:
    """Append a record for each stretch of a batch's texts."""
    import pyarrow as pa

    from components.encoding.token_rows import padded
    from schemas.tf_example import serialize_examples, write_records

    for piece in stretches.pieces(ROWS_PER_BATCH):
        token_ids = padded(piece, params.max_length, params.padding)
        columns: dict[str, Column] = {
            "example_id": batch["example_id"].take(pa.array(piece.text)),
            "label": batch["label"].to_numpy()[piece.text][:, None],
            "length": piece.lengths[:, None],
            "token_ids": token_ids,
        }
        if matrix is not None:
            columns["vectors"] = matrix[token_ids].reshape(len(token_ids), -1)  # [n, l] => [n, l * d]
        write_records(file, serialize_examples(columns))


@contextmanager
def _record_file(path: Path) -> Iterator[BinaryIO]:
    """A file for records, in place once it is whole.

    Gzip comes without a name or a time in its header, so that equal rows are equal bytes.
    """
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        if path.suffix != ".gz":
            yield file
        else:
            with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as compressed:
                yield cast(BinaryIO, compressed)


def _window_count_file(out: Path, shard: Path) -> Path:
    """Where a worker leaves how many windows a train shard has."""
    return out / TRAIN_WINDOWS / f"{shard.stem}.count"


def _take_window_rows(examples: Examples, out: Path) -> list[int]:
    """How many windows each train shard has; the files that tell it are removed."""
    files = [_window_count_file(out, shard) for shard in examples.shards("train")]
    rows = [int(file.read_text()) for file in files]
    for file in files:
        file.unlink()
    return rows


def _shard_rows(examples: Examples, window_rows: Sequence[int]) -> dict[str, list[int]]:
    """Split -> rows of each of its files, the windows of the train texts as a split of their own."""
    import pyarrow.parquet as pq

    rows = {split: [pq.read_metadata(shard).num_rows for shard in examples.shards(split)] for split in SPLITS}
    return {**rows, TRAIN_WINDOWS: list(window_rows)}
