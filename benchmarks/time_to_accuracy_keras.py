"""Seconds until the notebook's network with fine-tuned GloVe reaches the target on the validation split, in Keras.

The clock runs from the call of ``fit``: tracing and validation are inside, making the network is not.
"""

import argparse
import time
from pathlib import Path

import keras
import tensorflow as tf
from keras import layers, losses, metrics
from train_setup import (
    BATCH,
    DROPOUT,
    EPOCHS,
    EVALUATION_BATCH,
    HEAD_UNITS,
    LEARNING_RATE,
    MAX_LENGTH,
    SHUFFLE_BUFFER,
    TARGET,
    UNITS,
    VOCABULARY_SIZE,
    Data,
    notebook_weights,
    report_accuracy,
)


def notebook_network(dimension: int) -> keras.Model:
    """Two LSTM layers and the notebook's head, compiled as there."""
    network = keras.Sequential(
        [
            keras.Input((MAX_LENGTH,), dtype="int64"),
            layers.Embedding(VOCABULARY_SIZE, dimension),
            layers.LSTM(UNITS, dropout=DROPOUT, return_sequences=True),
            layers.LSTM(UNITS, dropout=DROPOUT),
            layers.Dense(HEAD_UNITS),
            layers.Dropout(DROPOUT),
            layers.ReLU(),
            layers.Dense(1),
        ]
    )
    network.compile(
        keras.optimizers.RMSprop(LEARNING_RATE),
        loss=losses.BinaryCrossentropy(from_logits=True),
        metrics=[metrics.BinaryAccuracy("accuracy", threshold=0.0)],
    )
    return network


class UntilTarget(keras.callbacks.Callback):
    """Notes time and validation accuracy of each epoch, and stops at the target."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[tuple[float, float]] = []
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """After the epoch's validation."""
        assert logs is not None
        self.epochs.append((time.perf_counter() - self.start, logs["val_accuracy"]))
        self.model.stop_training = logs["val_accuracy"] >= TARGET


def main() -> None:
    """Train once and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="data.npz")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    arguments = parser.parse_args()
    data = Data.load(arguments.data)
    keras.utils.set_random_seed(arguments.seed)
    network = notebook_network(data.embedding_matrix.shape[1])
    network.set_weights(notebook_weights(arguments.seed, data.embedding_matrix))
    train = tf.data.Dataset.from_tensor_slices((data.train_ids, data.train_labels))
    train = train.shuffle(SHUFFLE_BUFFER).batch(BATCH, drop_remainder=True).prefetch(2)
    held_out = tf.data.Dataset.from_tensor_slices((data.validation_ids, data.validation_labels))
    until_target = UntilTarget()
    network.fit(
        train,
        epochs=arguments.epochs,
        validation_data=held_out.batch(EVALUATION_BATCH),
        callbacks=[until_target],
        verbose=0,
    )
    report_accuracy(f"Keras {keras.__version__} on TensorFlow {tf.__version__}", until_target.epochs)


if __name__ == "__main__":
    main()
