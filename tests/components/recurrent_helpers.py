"""Recurrent layers of all three ways from the same weights, and what they compute.

Letters: b examples, t time steps, d inputs, u units.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from components.recurrent.cell_loop import CellLoopGRU, CellLoopLSTM
from components.recurrent.fused import FusedGRU, FusedLSTM

Array = NDArray[np.float32]
Mask = NDArray[np.bool_] | None  # [b, t]

CELLS = ("lstm", "gru")
WAYS = ("layer", "cell", "fused")
LAYERS = {
    ("layer", "lstm"): layers.LSTM,
    ("layer", "gru"): layers.GRU,
    ("cell", "lstm"): CellLoopLSTM,
    ("cell", "gru"): CellLoopGRU,
    ("fused", "lstm"): FusedLSTM,
    ("fused", "gru"): FusedGRU,
}
EXAMPLES, STEPS, INPUTS, UNITS = 6, 4, 5, 7  # all different: confused axes are errors

Stack = Sequence[layers.Layer]


class Computed(NamedTuple):
    """Output of a stack of layers, and gradients of a weighted sum of it."""

    output: Array
    input_gradient: Array
    weight_gradients: list[Array]


def built(layer: layers.Layer, inputs: int = INPUTS, seed: int = 0) -> layers.Layer:
    """The layer with random weights, biases among them; equal seeds give equal weights."""
    layer.build((None, STEPS, inputs))
    draw = np.random.default_rng(seed)
    layer.set_weights([drawn(draw, weight.shape) / np.sqrt(weight.shape[0]) for weight in layer.get_weights()])
    return layer


def drawn(draw: np.random.Generator, shape: Sequence[int]) -> Array:
    return draw.normal(size=shape).astype(np.float32)


def drawn_input(examples: int = EXAMPLES, steps: int = STEPS, inputs: int = INPUTS) -> Array:
    return drawn(np.random.default_rng(1), (examples, steps, inputs))


def compute(stack: Stack, x: Array, mask: Mask = None) -> Computed:
    """A training step, layer after layer, called eagerly."""
    return Computed(*tf.nest.map_structure(np.asarray, _output_and_gradients(stack, x, mask)))


def compute_in_graph(stack: Stack, x: Array, mask: Mask = None) -> Computed:
    """A training step, layer after layer, inside a tf.function, as ``fit`` calls them."""
    traced = tf.function(lambda x: _output_and_gradients(stack, x, mask), autograph=False)
    return Computed(*tf.nest.map_structure(np.asarray, traced(tf.constant(x))))


def infer(stack: Stack, x: Array, mask: Mask = None) -> Array:
    return np.asarray(called(stack, tf.constant(x), mask, training=False))


def called(stack: Stack, sequences: tf.Tensor, mask: Mask, training: bool) -> tf.Tensor:
    """Layer after layer."""
    mask_tensor = None if mask is None else tf.constant(mask)
    for layer in stack:
        sequences = layer(sequences, mask=mask_tensor, training=training)
    return sequences


def _output_and_gradients(stack: Stack, x: Array, mask: Mask) -> Computed:
    sequences = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(sequences)
        output = called(stack, sequences, mask, training=True)
        loss = tf.reduce_sum(output * weights_of_sum(output.shape))
    weights = [weight.value for layer in stack for weight in layer.trainable_variables]
    input_gradient, *weight_gradients = tape.gradient(loss, [sequences, *weights])
    return Computed(output, input_gradient, weight_gradients)


def weights_of_sum(shape: Sequence[int]) -> Array:
    """One for each component of an output, so that each has a gradient of its own."""
    return drawn(np.random.default_rng(2), shape)


def assert_outputs_agree(actual: Array, expected: Array) -> None:
    """To 1e-5."""
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


def assert_gradients_agree(actual: Sequence[Array], expected: Sequence[Array]) -> None:
    """To 1e-4: of the largest component of an array where that is above 1, else absolute."""
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4 * max(1.0, float(np.abs(other).max())))
