"""TFRecords of encoded examples as ``tf.data``; letters: b examples of a batch, t tokens (``max_length``).

Training sees whole batches in a new order each epoch, of the train split and of the windows of its texts; evaluation
sees every example of a split once, in the order of the shards.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from schemas.artifacts import EncodedExamples, Encoding
from schemas.errors import DataError
from schemas.examples import EXAMPLE_ID, LABEL, TRAIN_WINDOWS, feature_spec

TOKEN_IDS = "token_ids"

# Constants, not the number of cores: they are part of the order of the examples.
_SHARDS_AT_ONCE = 8
SHUFFLE_BUFFER = 250_000  # serialized examples, some 300 bytes each


def training_rows(encoding: Encoding) -> int:
    """How many rows an epoch draws its batches from: the train split and the windows of its texts."""
    return encoding.rows.get("train", 0) + encoding.train_windows


def check_training_rows(encoded: EncodedExamples, batch_size: int) -> None:
    """Raise a DataError when there are fewer rows than one batch."""
    rows = training_rows(encoded.encoding)
    if rows < batch_size:
        raise DataError(
            f"{encoded.path / 'train'}: {rows} training rows are fewer than one batch of {batch_size}, and training "
            f"drops the incomplete batch, so nothing would be learned. Add examples, or set train.batch_size to at "
            f"most {max(rows, 1)}."
        )


def training_dataset(
    encoded: EncodedExamples, batch_size: int, seed: int, epoch: int, shuffle_buffer: int = SHUFFLE_BUFFER
) -> tf.data.Dataset:
    """The train split and the windows of its texts as one, in an order of their own for each ``seed`` and ``epoch``.

    The order depends on the arguments alone (and on TensorFlow's global seed). Up to ``shuffle_buffer`` rows are
    shuffled as a whole; of more, the shards are, and then the rows within a sliding buffer.

    Returns:
        Batches of (token_ids int64 [b, t], label int64 [b]), all of exactly ``batch_size`` rows: the remainder is
        dropped, and which rows those are changes with the epoch.

    Raises:
        DataError: when there are fewer rows than one batch, or files are missing.
    """
    check_training_rows(encoded, batch_size)
    encoding = encoded.encoding
    rows = training_rows(encoding)
    shard_seed, row_seed = (int(number) for number in np.random.SeedSequence((seed, epoch)).generate_state(2))
    shards = _shards(encoded, "train", encoding.rows.get("train", 0))
    shards += _shards(encoded, TRAIN_WINDOWS, encoding.train_windows)
    order = np.random.default_rng(shard_seed).permutation(len(shards))
    records = _records([shards[i] for i in order], rows)
    shuffled = records.shuffle(min(rows, shuffle_buffer), seed=row_seed, reshuffle_each_iteration=False)
    return _parsed(shuffled.batch(batch_size, drop_remainder=True), encoding, (TOKEN_IDS, LABEL.name))


def evaluation_dataset(encoded: EncodedExamples, split: str, batch_size: int) -> tf.data.Dataset:
    """Every example of a split, shard after shard; the last batch may be smaller.

    Returns:
        Batches of (token_ids int64 [b, t], label int64 [b], example_id string [b]); none where the split has no rows.

    Raises:
        DataError: when the split's files are missing.
    """
    encoding = encoded.encoding
    rows = encoding.train_windows if split == TRAIN_WINDOWS else encoding.rows.get(split, 0)
    records = _records(_shards(encoded, split, rows), rows, shards_at_once=1)
    return _parsed(records.batch(batch_size), encoding, (TOKEN_IDS, LABEL.name, EXAMPLE_ID.name))


def _shards(encoded: EncodedExamples, split: str, rows: int) -> list[Path]:
    shards = encoded.shards(split)
    if rows and not shards:
        raise DataError(
            f"{encoded.path / split}: no examples-*.tfrecord files, but encoding.json counts {rows} rows. "
            "Was the folder copied as a whole? Run encode again."
        )
    return shards


def _records(shards: Sequence[Path], rows: int, shards_at_once: int = _SHARDS_AT_ONCE) -> tf.data.Dataset:
    """Serialized examples, string []; shards are woven together in a fixed order.

    One thread reads them all: it is quicker than shuffling and parsing, and to hand over row by row between threads
    costs more than it saves.
    """
    files = tf.data.Dataset.from_tensor_slices(tf.constant([str(shard) for shard in shards], tf.string, [len(shards)]))
    records = files.interleave(
        lambda file: tf.data.TFRecordDataset(
            file, compression_type=tf.where(tf.strings.regex_full_match(file, r".*\.gz"), "GZIP", "")
        ),
        cycle_length=shards_at_once,
    )
    return records.apply(tf.data.experimental.assert_cardinality(rows))


def _parsed(batches: tf.data.Dataset, encoding: Encoding, names: Sequence[str]) -> tf.data.Dataset:
    """Batches of serialized examples, string [b] => a tuple of the named features; only these are parsed."""
    spec = feature_spec([feature for feature in encoding.features if feature.name in names])

    def parse(serialized: tf.Tensor) -> tuple[tf.Tensor, ...]:
        example = tf.io.parse_example(serialized, spec)
        return tuple(example[name] for name in names)

    return batches.map(parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)
