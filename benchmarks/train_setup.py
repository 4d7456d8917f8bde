"""What all competitors of bench-train share: data, sizes, initial weights, and how they report.

Nothing but NumPy, since torch has an environment without TensorFlow. Letters: n rows, t tokens, v vocabulary,
d embedding dimension, i inputs of a layer, u units, g gates (4 in an LSTM, 3 in a GRU).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Cell = Literal["lstm", "gru"]
Weights = list[NDArray[np.float32]]

MAX_LENGTH, VOCABULARY_SIZE = 80, 10_000
BATCH = 128
LEARNING_RATE = 1e-3

# The speed part.
EMBEDDING = 100
WARM_UP = 10  # steps left out, the first one included

# Time to accuracy: the notebook's network.
TARGET = 0.85  # validation accuracy
UNITS = 64
HEAD_UNITS = 64
DROPOUT = 0.5
SHUFFLE_BUFFER = 1000
EPOCHS = 30
EVALUATION_BATCH = 512


@dataclass(frozen=True)
class Data:
    """The sample as token ids, rows in an order drawn once: as ``keras.datasets.imdb`` hands them out, unsorted."""

    train_ids: NDArray[np.int64]  # [n, t]
    train_labels: NDArray[np.int64]  # [n]
    validation_ids: NDArray[np.int64]  # [n, t]
    validation_labels: NDArray[np.int64]  # [n]
    embedding_matrix: NDArray[np.float32]  # [v, d], GloVe's vectors

    @classmethod
    def load(cls, path: Path) -> "Data":
        """Read what ``save`` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(**arrays)

    def save(self, path: Path) -> None:
        """Write as .npz."""
        np.savez(path, **vars(self))


def recurrent_weights(rng: np.random.Generator, cell: Cell, units: int, embedding: NDArray[np.float32]) -> Weights:
    """An embedding and two recurrent layers, drawn as Keras draws them by default, in the order Keras keeps them.

    Args:
        rng: where the numbers come from; equal generators give equal weights.
        cell: of both layers.
        units: of both layers.
        embedding: the vectors, float32 [v, d].

    Returns:
        embedding [v, d], then kernel [i, g * u], recurrent kernel [u, g * u] and bias of each layer: [4 * u] for
        an LSTM, [2, 3 * u] for a GRU.
    """
    weights = [embedding]
    for inputs in (embedding.shape[1], units):
        gates = 4 if cell == "lstm" else 3
        bias = np.zeros(4 * units if cell == "lstm" else (2, 3 * units), np.float32)
        if cell == "lstm":
            bias[units : 2 * units] = 1  # the forget gate's
        weights += [_glorot_uniform(rng, inputs, gates * units), _orthogonal(rng, units, gates * units), bias]
    return weights


def dense_weights(rng: np.random.Generator, inputs: int, units: int) -> Weights:
    """Kernel [inputs, units] and bias [units] as Keras draws them by default."""
    return [_glorot_uniform(rng, inputs, units), np.zeros(units, np.float32)]


def speed_weights(cell: Cell, units: int) -> Weights:
    """Where every competitor of the speed part starts: embedding of 100, two recurrent layers, one dense output."""
    rng = np.random.default_rng(0)
    embedding = rng.uniform(-0.05, 0.05, (VOCABULARY_SIZE, EMBEDDING)).astype(np.float32)
    return [*recurrent_weights(rng, cell, units, embedding), *dense_weights(rng, units, 1)]


def notebook_weights(seed: int, embedding_matrix: NDArray[np.float32]) -> Weights:
    """Where the notebook's network starts: GloVe, two LSTM(64), the head's two dense layers."""
    rng = np.random.default_rng(seed)
    head = [*dense_weights(rng, UNITS, HEAD_UNITS), *dense_weights(rng, HEAD_UNITS, 1)]
    return [*recurrent_weights(rng, "lstm", UNITS, embedding_matrix), *head]


def report_speed(framework: str, losses: list[float], ends: list[float], start: float, built: float) -> None:
    """Print the last line of a competitor's output: a training measured step by step, as JSON.

    Args:
        framework: name and version.
        losses: of the first step, and the mean over all steps.
        ends: when each step was over.
        start: when training began.
        built: seconds that making the model took before.
    """
    seconds = np.diff(ends)[WARM_UP - 1 :]
    figures = {
        "framework": framework,
        "examples_per_second": BATCH * len(seconds) / float(seconds.sum()),
        "step_seconds": dict(zip(("min", "median", "max"), np.percentile(seconds, [0, 50, 100]).tolist(), strict=True)),
        "tracing_seconds": ends[0] - start - float(np.median(seconds)),
        "build_seconds": built,
        "first_loss": losses[0],
        "mean_loss": losses[1],
    }
    print(json.dumps(figures), flush=True)


def report_accuracy(framework: str, epochs: list[tuple[float, float]]) -> None:
    """Print the last line of a competitor's output: when it reached the target, as JSON.

    Args:
        framework: name and version.
        epochs: seconds since the start and validation accuracy, at the end of each epoch.
    """
    reached = [seconds for seconds, accuracy in epochs if accuracy >= TARGET]
    figures = {
        "framework": framework,
        "reached": bool(reached),
        "seconds": reached[0] if reached else epochs[-1][0],
        "epochs": [{"seconds": seconds, "val_accuracy": accuracy} for seconds, accuracy in epochs],
    }
    print(json.dumps(figures), flush=True)


def _glorot_uniform(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    """A kernel as Keras draws it by default, float32 [rows, columns]."""
    limit = np.sqrt(6 / (rows + columns))
    return rng.uniform(-limit, limit, (rows, columns)).astype(np.float32)


def _orthogonal(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    """Orthonormal rows, float32 [rows, columns]."""
    q, r = np.linalg.qr(rng.standard_normal((columns, rows)))
    return (q * np.sign(np.diagonal(r))).T.astype(np.float32)
