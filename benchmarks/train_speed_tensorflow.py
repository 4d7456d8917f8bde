"""Examples a second of one training in TensorFlow: glovebeam's, Keras layers, or the hand loop over cells.

All three are fitted by ``keras.Model.fit`` on the same tf.data batches from the same initial weights. One process, one
measurement; the last line of its output is JSON (see ``train_setup.report_speed``).
"""

import argparse
import time
from pathlib import Path

import keras
import tensorflow as tf
from keras import layers, losses, metrics
from train_setup import (
    BATCH,
    EMBEDDING,
    LEARNING_RATE,
    MAX_LENGTH,
    VOCABULARY_SIZE,
    WARM_UP,
    Cell,
    Data,
    report_speed,
    speed_weights,
)

from components.model import build_model
from components.train import TrainParams
from components.training import devices
from components.training.fitting import compiled_trainer
from schemas.artifacts import Encoding

FRAMEWORK = f"Keras {keras.__version__} on TensorFlow {tf.__version__}"
LAYERS = {"lstm": layers.LSTM, "gru": layers.GRU}
CELLS = {"lstm": layers.LSTMCell, "gru": layers.GRUCell}


def ours(cell: Cell, units: int, rows: int) -> keras.Model:
    """What ``train`` fits, for a model without a wide part: network, losses, metrics, optimizer and determinism."""
    params = TrainParams(
        cell=cell, layers=2, units=units, bidirectional=False, pooling="last", ngrams=0, dropout=0,
        embedding="random", embedding_dimension=EMBEDDING, batch_size=BATCH, learning_rate=LEARNING_RATE,
        learning_rate_decay="none",
    )  # fmt: skip
    encoding = Encoding(MAX_LENGTH, "pre", "pre", VOCABULARY_SIZE, None, ("negative", "positive"), {"train": rows})
    tf.config.experimental.enable_op_determinism()
    classifier = build_model(params, encoding, implementation=devices.implementation(params.implementation))
    return compiled_trainer(classifier, params, encoding)


def keras_layers(cell: Cell, units: int, unroll: bool) -> keras.Model:
    """What Keras's own examples do."""
    return keras.Sequential(
        [
            keras.Input((MAX_LENGTH,), dtype="int64"),
            layers.Embedding(VOCABULARY_SIZE, EMBEDDING),
            LAYERS[cell](units, return_sequences=True, unroll=unroll),
            LAYERS[cell](units, unroll=unroll),
            layers.Dense(1),
        ]
    )


class HandLoop(keras.Model):
    """The notebook's network: two cells, called by hand for one token after the other."""

    def __init__(self, cell: Cell, units: int) -> None:
        super().__init__()
        self.embedding = layers.Embedding(VOCABULARY_SIZE, EMBEDDING)
        self.cells = [CELLS[cell](units), CELLS[cell](units)]
        self.logits = layers.Dense(1)
        self.embedding.build()  # weights are made here: Keras 3 cannot make those of cells inside fit's graph
        for its, inputs in zip(self.cells, (EMBEDDING, units), strict=True):
            its.build((None, inputs))
        self.logits.build((None, units))

    def call(self, token_ids: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Int64 [b, t] => float32 [b, 1]."""
        embedded = self.embedding(token_ids)  # [b, t, d]
        states = [its.get_initial_state(tf.shape(token_ids)[0]) for its in self.cells]
        hidden = embedded[:, 0]
        for vector in tf.unstack(embedded, axis=1):  # [b, d]
            hidden = vector
            for i, its in enumerate(self.cells):
                hidden, states[i] = its(hidden, states[i], training=training)  # => [b, u]
        return self.logits(hidden)


def compiled(model: keras.Model, jit_compile: bool) -> keras.Model:
    """A peer as the notebook compiles it, with a loss and an accuracy on logits."""
    model.compile(
        keras.optimizers.Adam(LEARNING_RATE),
        loss=losses.BinaryCrossentropy(from_logits=True),
        metrics=[metrics.BinaryAccuracy(threshold=0.0)],
        jit_compile=jit_compile,
    )
    return model


class StepTimes(keras.callbacks.Callback):
    """When each step ended, and the losses."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []
        self.losses: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Note the time; reading the loss waits for the step."""
        assert logs is not None
        self.losses.append(float(logs["loss"]))  # the mean over the epoch so far
        self.ends.append(time.perf_counter())


def parsed_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("competitor", choices=("ours", "keras_layers", "hand_loop"))
    parser.add_argument("data", type=Path, help="data.npz")
    parser.add_argument("--cell", choices=("lstm", "gru"), default="lstm")
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--steps", type=int, default=100, help="measured, after the warm-up")
    parser.add_argument("--threads", type=int, default=0, help="inside an operation; 0 is TensorFlow's default")
    parser.add_argument("--jit-compile", action="store_true", help="a peer through XLA")
    parser.add_argument("--unroll", action="store_true", help="of keras_layers")
    return parser.parse_args()


def main() -> None:
    """Train for some steps and report."""
    arguments = parsed_arguments()
    cell, units = arguments.cell, arguments.units
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    data = Data.load(arguments.data)
    steps = WARM_UP + arguments.steps
    rows = slice(steps * BATCH)
    batches = tf.data.Dataset.from_tensor_slices(
        (data.train_ids[rows], data.train_labels[rows, None])
    )  # [b, t], [b, 1]
    batches = batches.batch(BATCH, drop_remainder=True).prefetch(2)
    started = time.perf_counter()
    if arguments.competitor == "ours":
        model = ours(cell, units, len(data.train_ids))
        batches = batches.map(lambda ids, label: (ids, dict.fromkeys(model.output, label)))
    elif arguments.competitor == "keras_layers":
        model = compiled(keras_layers(cell, units, arguments.unroll), arguments.jit_compile)
    else:
        model = compiled(HandLoop(cell, units), arguments.jit_compile)
    built = time.perf_counter() - started
    model.set_weights(speed_weights(cell, units))
    times = StepTimes()
    start = time.perf_counter()
    model.fit(batches, shuffle=False, verbose=0, callbacks=[times])
    report_speed(FRAMEWORK, [times.losses[0], times.losses[-1]], times.ends, start, built)


if __name__ == "__main__":
    main()
