"""Examples a second that come out of the TFRecords in one way of reading them, or that the default model trains on.

One process, one measurement; the last line of its output is JSON. ``default`` is what ``train`` reads by, the others
differ from it in one thing each. Letters: b rows of a batch, t tokens.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from components.dataset import SHUFFLE_BUFFER, training_dataset, training_rows
from components.training.fitting import build_trainer
from pipeline.config import load_config
from schemas.artifacts import EmbeddingMatrix, EncodedExamples
from schemas.examples import TRAIN_WINDOWS, feature_spec

PARAMS = load_config("default").train
FRAMEWORK = f"TensorFlow {tf.__version__}, Keras {keras.__version__}"
SHARDS_AT_ONCE = 8  # as components.dataset has it
WARM_UP_STEPS = 10
AUTOTUNE = tf.data.AUTOTUNE


class Reading:
    """The parts of a pipeline; each way puts them together differently."""

    def __init__(self, encoded: EncodedExamples) -> None:
        self.encoded = encoded
        self.rows = training_rows(encoded.encoding)
        self.files = [str(file) for split in ("train", TRAIN_WINDOWS) for file in encoded.shards(split)]
        features = [feature for feature in encoded.encoding.features if feature.name in ("token_ids", "label")]
        self.spec = feature_spec(features)
        # Both keep what they hold from one epoch to the next, as long as these two objects live.
        self.cached_records = self.records().cache()
        self.cached_rows = self.records().batch(1024).map(self.parse, AUTOTUNE).unbatch().cache()

    def records(self, block: int = 1, calls: int | None = None) -> tf.data.Dataset:
        """Serialized examples, string [], of several files in turn."""
        files = tf.data.Dataset.from_tensor_slices(self.files)
        return files.interleave(tf.data.TFRecordDataset, SHARDS_AT_ONCE, block, calls, deterministic=True)

    def one_by_one(self) -> tf.data.Dataset:
        """Serialized examples, file after file."""
        return tf.data.TFRecordDataset(self.files)

    def shuffled(self, rows: tf.data.Dataset, epoch: int) -> tf.data.Dataset:
        """As ``training_dataset`` does."""
        return rows.shuffle(min(self.rows, SHUFFLE_BUFFER), seed=epoch)

    def batched(self, rows: tf.data.Dataset) -> tf.data.Dataset:
        """Whole batches."""
        return rows.batch(PARAMS.batch_size, drop_remainder=True)

    def parse(self, serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """String [b] => token ids int64 [b, t], labels int64 [b]."""
        example = tf.io.parse_example(serialized, self.spec)
        return example["token_ids"], example["label"]

    def parse_row(self, serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """String [] => token ids int64 [t], label int64 []."""
        example = tf.io.parse_single_example(serialized, self.spec)
        return example["token_ids"], example["label"]

    def parsed(self, records: tf.data.Dataset, epoch: int, calls: int | None = AUTOTUNE) -> tf.data.Dataset:
        """Shuffled, batched and parsed."""
        return self.batched(self.shuffled(records, epoch)).map(self.parse, calls)


# no_interleave, no_shuffle and the caches are there to show what a thing costs, and are no choice for the default:
# each epoch is to have its own order, rows of all shards are to meet, and a corpus may be larger than memory.
WAYS: dict[str, Callable[[Reading, int], tf.data.Dataset]] = {
    "default": lambda its, epoch: training_dataset(its.encoded, PARAMS.batch_size, 0, epoch),
    "no_interleave": lambda its, epoch: its.parsed(its.one_by_one(), epoch).prefetch(AUTOTUNE),
    "interleave_blocks": lambda its, epoch: its.parsed(its.records(block=16), epoch).prefetch(AUTOTUNE),
    "interleave_in_threads": lambda its, epoch: its.parsed(its.records(calls=AUTOTUNE), epoch).prefetch(AUTOTUNE),
    "interleave_blocks_in_threads": lambda its, epoch: its.parsed(its.records(16, AUTOTUNE), epoch).prefetch(AUTOTUNE),
    "parse_rows": lambda its, epoch: its.batched(
        its.shuffled(its.records(), epoch).map(its.parse_row, AUTOTUNE)
    ).prefetch(AUTOTUNE),
    "parse_in_one_thread": lambda its, epoch: its.parsed(its.records(), epoch, calls=None).prefetch(AUTOTUNE),
    "no_prefetch": lambda its, epoch: its.parsed(its.records(), epoch),
    "no_shuffle": lambda its, epoch: its.batched(its.records()).map(its.parse, AUTOTUNE).prefetch(AUTOTUNE),
    "cached_records": lambda its, epoch: its.parsed(its.cached_records, epoch).prefetch(AUTOTUNE),
    "cached_rows": lambda its, epoch: its.batched(its.shuffled(its.cached_rows, epoch)).prefetch(AUTOTUNE),
}


def input_figures(encoded: EncodedExamples, way: str, epochs: int) -> dict[str, float]:
    """Whole epochs after a first one, each from its making to its last batch; consumed in TensorFlow, as ``fit`` does.

    Returns:
        Wall and CPU microseconds an example, medians of the epochs.
    """
    reading = Reading(encoded)
    walls, cpus = [], []
    for epoch in range(epochs + 1):
        wall, cpu = time.perf_counter(), time.process_time()
        batches = WAYS[way](reading, epoch)
        rows = batches.reduce(np.int64(0), lambda count, batch: count + tf.size(batch[1], tf.int64)).numpy()
        walls.append((time.perf_counter() - wall) / rows)
        cpus.append((time.process_time() - cpu) / rows)
    return _figures(float(np.median(walls[1:])), float(np.median(cpus[1:])))


def trainer_figures(encoded: EncodedExamples, matrix: EmbeddingMatrix, steps: int) -> dict[str, float]:
    """Steps of ``fit`` on the default model, after some that are not counted, on batches from memory."""
    trainer = build_trainer(PARAMS, encoded.encoding, np.load(matrix.matrix_file))
    batches = list(training_dataset(encoded, PARAMS.batch_size, 0, 1).take(WARM_UP_STEPS + steps))
    ids, labels = (tf.stack([batch[i] for batch in batches]) for i in range(2))  # [steps, b, t], [steps, b]
    dataset = tf.data.Dataset.from_tensor_slices((ids, labels))
    dataset = dataset.map(lambda ids, label: (ids, dict.fromkeys(trainer.output, label[:, None])))
    ends: list[tuple[float, float]] = []

    def note_end(batch: int, logs: dict[str, float]) -> None:
        ends.append((time.perf_counter(), time.process_time()))

    on_batch = keras.callbacks.LambdaCallback(on_train_batch_end=note_end)
    trainer.fit(dataset, shuffle=False, verbose=0, callbacks=[on_batch])
    counted = ends[WARM_UP_STEPS - 1 :]
    rows = (len(counted) - 1) * PARAMS.batch_size
    wall, cpu = ((last - first) / rows for first, last in zip(counted[0], counted[-1], strict=True))
    return _figures(wall, cpu)


def _figures(wall: float, cpu: float) -> dict[str, float]:
    return {"examples_per_second": 1 / wall, "wall_microseconds": wall * 1e6, "cpu_microseconds": cpu * 1e6}


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=[*WAYS, "trainer"])
    parser.add_argument("encoded", type=Path, help="an artifact of encode")
    parser.add_argument("--matrix", type=Path, help="an artifact of embed, for the trainer")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(0)
    tf.config.experimental.enable_op_determinism()  # as train does
    encoded = EncodedExamples(arguments.encoded)
    if arguments.way == "trainer":
        figures = trainer_figures(encoded, EmbeddingMatrix(arguments.matrix), arguments.steps)
    else:
        figures = input_figures(encoded, arguments.way, arguments.epochs)
    print(json.dumps({"framework": FRAMEWORK, **figures}), flush=True)


if __name__ == "__main__":
    main()
