"""Texts to padded token ids, as TFRecords.

In: Examples and their VocabularyArtifact (and an EmbeddingMatrix, to write the vectors themselves as well).
Out: EncodedExamples, one TFRecord file a Parquet shard, rows in the same order.
Letters: n rows of a batch, t tokens of a row, l max_length, d vector dimension.
"""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from pydantic import Field

from components.beam_options import BeamOptions, beam_job, count_rows
from components.text import tokenize
from schemas.artifacts import EmbeddingMatrix, EncodedExamples, Encoding, Examples, VocabularyArtifact
from schemas.examples import SPLITS
from schemas.params import Params
from schemas.vocabulary import FIRST_TOKEN_ID, PAD_ID, UNK_ID, Vocabulary

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from schemas.tf_example import Column

ROWS_PER_BATCH = 1000


class EncodeParams(Params):
    """How many ids a row has and which are cut or filled up."""

    max_length: int = Field(default=80, ge=1)
    padding: Literal["pre", "post"] = "pre"
    truncating: Literal["pre", "post"] = "pre"  # "pre" keeps the last tokens, which decide a review
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
    encoding = Encoding(
        max_length=params.max_length,
        padding=params.padding,
        truncating=params.truncating,
        vocabulary_size=len(vocabulary.load()),
        vector_dimension=_dimension(embedding_matrix),
        class_names=summary.class_names,
        rows=summary.rows,
    )
    _encode_shards(examples, vocabulary, embedding_matrix, params, out, beam)
    encoded = EncodedExamples(out)
    encoding.save(out / "encoding.json")
    if params.compression == "none":
        _write_tfds_metadata(examples, encoded)
    return encoded


def encode_batch(
    texts: "pa.StringArray", vocabulary: Vocabulary, params: EncodeParams
) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
    """String [n] => token ids int64 [n, l], and how many of them are not padding, int64 [n].

    A text without any token is one UNK, so that no row is all padding.

    >>> import pyarrow as pa
    >>> from schemas.vocabulary import Tokenizer
    >>> vocabulary = Vocabulary.from_tokens(["good", "film"], Tokenizer())
    >>> encode_batch(pa.array(["A good film", ""]), vocabulary, EncodeParams(max_length=4))[0].tolist()
    [[0, 2, 4, 5], [0, 0, 0, 2]]
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    tokens = tokenize(texts, vocabulary.tokenizer)  # [n] => list<string> [n, (t)]
    found = pc.index_in(tokens.values, value_set=pa.array(vocabulary.known_tokens, pa.string()))
    flat_ids = pc.fill_null(pc.add(found, FIRST_TOKEN_ID), UNK_ID).to_numpy().astype(np.int64)
    flat_ids = np.append(flat_ids, UNK_ID)  # the row of an empty text points here
    offsets = tokens.offsets.to_numpy().astype(np.int64)
    starts, ends = offsets[:-1], offsets[1:]
    is_empty = starts == ends
    starts, ends = np.where(is_empty, len(flat_ids) - 1, starts), np.where(is_empty, len(flat_ids), ends)
    lengths = np.minimum(ends - starts, params.max_length)
    first = ends - lengths if params.truncating == "pre" else starts
    columns = np.arange(params.max_length) - (
        (params.max_length - lengths)[:, None] if params.padding == "pre" else 0
    )  # [n, l], negative or past the length where padded
    is_token = (columns >= 0) & (columns < lengths[:, None])
    token_ids = flat_ids[np.where(is_token, first[:, None] + columns, 0)]  # [n, (t)] => [n, l]
    return np.where(is_token, token_ids, PAD_ID), lengths


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

    for split in SPLITS:
        (out / split).mkdir()
    shards = [(str(shard), split) for split in SPLITS for shard in examples.shards(split)]
    matrix_file = None if embedding_matrix is None else embedding_matrix.matrix_file
    encode_one = partial(encode_shard, vocabulary.load(), matrix_file, params, out, options.progress_file)
    with beam_job(options) as pipeline:
        (
            pipeline
            | "Shards" >> beam.Create(shards)  # -> (path, split)
            | beam.Reshuffle()
            | "EncodeShard" >> beam.MapTuple(encode_one)  # (path, split) -> None, one TFRecord file written
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
    """Encode one Parquet shard into the TFRecord file of the same number."""
    import numpy as np
    import pyarrow.parquet as pq

    from schemas.tf_example import serialize_examples, write_records

    matrix = None if matrix_file is None else np.load(matrix_file, mmap_mode="r")  # [v, d]
    suffix = ".tfrecord" if params.compression == "none" else ".tfrecord.gz"
    with _record_file(out / split / f"{Path(shard).stem}{suffix}", params.compression) as file:
        for batch in pq.ParquetFile(shard).iter_batches(ROWS_PER_BATCH, columns=["example_id", "text", "label"]):
            token_ids, lengths = encode_batch(batch["text"], vocabulary, params)
            columns: dict[str, Column] = {
                "example_id": [example_id.encode() for example_id in batch["example_id"].to_pylist()],
                "label": batch["label"].to_numpy()[:, None],
                "length": lengths[:, None],
                "token_ids": token_ids,
            }
            if matrix is not None:
                columns["vectors"] = matrix[token_ids].reshape(len(token_ids), -1)  # [n, l] => [n, l * d]
            write_records(file, serialize_examples(columns))
            count_rows(progress_file, len(batch))


@contextmanager
def _record_file(path: Path, compression: str) -> Iterator[BinaryIO]:
    """A file for records; gzip without a name or a time in its header, so that equal rows are equal bytes."""
    with path.open("wb") as file:
        if compression == "none":
            yield file
        else:
            with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as compressed:
                yield cast(BinaryIO, compressed)


def _write_tfds_metadata(examples: Examples, encoded: EncodedExamples) -> None:
    """Write what ``tfds.builder_from_directory`` needs to load the folder: its features, splits and file names."""
    import numpy as np
    import pyarrow.parquet as pq
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.dataset_info import DatasetIdentity

    encoding, out = encoded.encoding, encoded.path
    features = {
        "example_id": tfds.features.Text(),
        "label": tfds.features.ClassLabel(names=list(encoding.class_names)),
        "length": tfds.features.Scalar(np.int64),
        "token_ids": tfds.features.Tensor(shape=(encoding.max_length,), dtype=np.int64),
    }
    if encoding.vector_dimension is not None:
        shape = (encoding.max_length, encoding.vector_dimension)
        features["vectors"] = tfds.features.Tensor(shape=shape, dtype=np.float32)
    identity = DatasetIdentity(name="glovebeam", version=tfds.core.Version("1.0.0"), data_dir=str(out), module_name="")
    info = tfds.core.DatasetInfo(builder=identity, features=tfds.features.FeaturesDict(features))
    info.set_file_format(tfds.core.FileFormat.TFRECORD)
    template = tfds.core.ShardedFileTemplate(
        data_dir=out,
        template="{SPLIT}/examples-{SHARD_X_OF_Y}.{FILEFORMAT}",
        dataset_name="glovebeam",
        filetype_suffix="tfrecord",
    )
    info.set_splits(
        tfds.core.splits.SplitDict(
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=[pq.read_metadata(shard).num_rows for shard in examples.shards(split)],
                num_bytes=sum(shard.stat().st_size for shard in encoded.shards(split)),
                filename_template=template.replace(split=split),
            )
            for split in SPLITS
            if encoding.rows.get(split)
        )
    )
    info.write_to_directory(str(out))
