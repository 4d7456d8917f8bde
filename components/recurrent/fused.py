"""LSTM and GRU layers that train on a CPU as quickly as we know how.

In training, a batch is cut into ``_TOWERS`` parts that run side by side, each on one core from the first step to the
last: cutting single operations into pieces costs more in handing over than a step takes. All products that do not wait
for the previous step are one matrix product for all steps; what is left is a loop compiled by XLA (``fused_loops``)
with a gradient of its own. Measured in ``make bench-train``.

All else takes Keras' way: inference, eager calls, masks, batches of unknown or odd size, other number types, and layers
whose arguments ask for more than the plain equations (``_has_plain_equations``).

Letters: b examples, n those of one tower, t time steps, d inputs, u units.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from keras import activations, layers
from keras.saving import register_keras_serializable

from components.recurrent.fused_loops import gru_backward, gru_forward, lstm_backward, lstm_forward

_TOWERS = 2  # a constant, not the number of cores: sums of gradients depend on it in their last bits

_Gradients = Callable[[tf.Tensor], list[tf.Tensor]]  # of the states => of each argument
_Tower = Callable[..., tuple[tf.Tensor, _Gradients]]

# Registered, since ``keras.layers.Bidirectional`` copies a layer by its name.


@register_keras_serializable("glovebeam")
class FusedLSTM(layers.LSTM):
    """``keras.layers.LSTM`` with a quicker training step; float32 [b, t, d] => [b, t, u] or [b, u]."""

    def call(self, sequences: tf.Tensor, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        """As Keras' layer."""
        if _is_plain_training(self, sequences, initial_state, mask, training):
            return _output(self, _lstm, sequences)
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)


@register_keras_serializable("glovebeam")
class FusedGRU(layers.GRU):
    """``keras.layers.GRU`` with a quicker training step; float32 [b, t, d] => [b, t, u] or [b, u]."""

    def call(self, sequences: tf.Tensor, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        """As Keras' layer."""
        if self.reset_after and _is_plain_training(self, sequences, initial_state, mask, training):
            return _output(self, _gru, sequences)
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)


def _is_plain_training(layer: Any, sequences: tf.Tensor, initial_state: Any, mask: Any, training: bool) -> bool:
    return bool(
        training
        and not tf.executing_eagerly()
        and mask is None
        and initial_state is None
        and sequences.shape.is_fully_defined()
        and sequences.shape[0] % _TOWERS == 0
        and sequences.dtype == tf.float32
        and _has_plain_equations(layer)
    )


def _has_plain_equations(layer: Any) -> bool:
    """Whether Keras would compute just what the loops do: usual activations, biases, no dropout, no state but h."""
    return (
        layer.activation is activations.tanh
        and layer.recurrent_activation is activations.sigmoid
        and layer.use_bias
        and not (layer.dropout or layer.recurrent_dropout or layer.return_state or layer.stateful)
    )


def _output(layer: Any, tower: _Tower, sequences: tf.Tensor) -> tf.Tensor:
    """States of all time steps, or the last ones; ``tower`` computes one part of the batch."""

    def towers(sequences: tf.Tensor, *weights: tf.Tensor) -> tuple[tf.Tensor, _Gradients]:
        parts = [tower(part, *weights) for part in tf.split(sequences, _TOWERS, axis=1)]

        def gradients(d_states: tf.Tensor) -> list[tf.Tensor]:
            d_parts = tf.split(d_states, _TOWERS, axis=1)
            by_part = [gradients_of(d_part) for (_, gradients_of), d_part in zip(parts, d_parts, strict=True)]
            d_sequences, *d_weights = zip(*by_part, strict=True)
            return [tf.concat(d_sequences, axis=1), *(tf.add_n(d_weight) for d_weight in d_weights)]

        return tf.concat([states for states, _ in parts], axis=1), gradients

    time_major = tf.transpose(sequences, [1, 0, 2])  # [b, t, d] => [t, b, d]
    if layer.go_backwards:
        time_major = tf.reverse(time_major, axis=[0])
    weights = (layer.cell.kernel, layer.cell.recurrent_kernel, layer.cell.bias)
    states = tf.custom_gradient(towers)(time_major, *(tf.convert_to_tensor(weight) for weight in weights))
    if not layer.return_sequences:
        return states[-1]  # [t, b, u] => [b, u]
    return tf.transpose(states, [1, 0, 2])  # [t, b, u] => [b, t, u]


def _lstm(
    x: tf.Tensor, kernel: tf.Tensor, recurrent_kernel: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, _Gradients]:
    """States [t, n, u] of one tower's x [t, n, d], and the gradients of the four arguments."""
    states, by_gates, by_state, by_cell = lstm_forward(_projected(x, kernel, bias), recurrent_kernel)

    def gradients(d_states: tf.Tensor) -> list[tf.Tensor]:
        d_gates = lstm_backward(d_states, by_gates, by_state, by_cell, recurrent_kernel)
        d_x, d_kernel, d_bias = _projection_gradients(x, kernel, d_gates)
        return [d_x, d_kernel, _recurrent_gradient(states, d_gates), d_bias]

    return states, gradients


def _gru(
    x: tf.Tensor, kernel: tf.Tensor, recurrent_kernel: tf.Tensor, biases: tf.Tensor
) -> tuple[tf.Tensor, _Gradients]:
    """States [t, n, u] of one tower's x [t, n, d], and the gradients of the four arguments."""
    bias, recurrent_bias = tf.unstack(biases)
    states, by_gates, by_candidate, by_state = gru_forward(
        _projected(x, kernel, bias), recurrent_kernel, recurrent_bias
    )

    def gradients(d_states: tf.Tensor) -> list[tf.Tensor]:
        d_recurrent, d_gates = gru_backward(d_states, by_gates, by_candidate, by_state, recurrent_kernel)
        d_x, d_kernel, d_bias = _projection_gradients(x, kernel, d_gates)
        d_biases = tf.stack([d_bias, _column_sums(_rows(d_recurrent))])
        return [d_x, d_kernel, _recurrent_gradient(states, d_recurrent), d_biases]

    return states, gradients


def _projected(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """X W + b for all steps in one product: [t, n, d] => [t, n, gates * u]."""
    steps, examples, _ = x.shape
    return tf.reshape(tf.nn.bias_add(tf.matmul(_rows(x), kernel), bias), [steps, examples, kernel.shape[1]])


def _projection_gradients(x: tf.Tensor, kernel: tf.Tensor, d_projected: tf.Tensor) -> list[tf.Tensor]:
    """Of x [t, n, d], kernel [d, gates * u] and bias [gates * u]."""
    d_rows = _rows(d_projected)
    d_x = tf.reshape(tf.matmul(d_rows, kernel, transpose_b=True), x.shape)
    return [d_x, tf.matmul(_rows(x), d_rows, transpose_a=True), _column_sums(d_rows)]


def _recurrent_gradient(states: tf.Tensor, d_recurrent: tf.Tensor) -> tf.Tensor:
    """Of the recurrent kernel [u, gates * u]: each step's gradient meets the state before it, 0 before the first."""
    return tf.matmul(_rows(states[:-1]), _rows(d_recurrent[1:]), transpose_a=True)


def _rows(values: tf.Tensor) -> tf.Tensor:
    """[t, n, k] => [t * n, k]."""
    return tf.reshape(values, [-1, values.shape[-1]])


def _column_sums(rows: tf.Tensor) -> tf.Tensor:
    """[m, k] => [k], as a product with ones: twice as quick as a reduction over the first axis."""
    return tf.matmul(tf.ones([1, rows.shape[0]]), rows)[0]
