"""LSTM and GRU layers that train on a CPU as quickly as we know how.

In training, a batch is cut into ``_TOWERS`` parts that run side by side, each on one core from the first step to the
last: cutting single operations into pieces costs more in handing over than a step takes. All products that do not wait
for the previous step are one matrix product for all steps; what is left is a loop compiled by XLA (``fused_loops``)
with a gradient of its own. Where the layer is told which tokens its inputs are the vectors of, each distinct one is
multiplied once, wherever it stands. Measured in ``make bench-train``.

All else takes Keras' way: inference, eager calls, masks, batches of unknown or odd size, other number types, and layers
whose arguments ask for more than the plain equations (``_has_plain_equations``).

Letters: b examples, n those of one tower, t time steps, d inputs, u units, k distinct tokens of a batch.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import tensorflow as tf
from keras import activations, layers
from keras.saving import register_keras_serializable

from components.recurrent.fused_loops import gru_backward, gru_forward, lstm_backward, lstm_forward

_TOWERS = 2  # a constant, not the number of cores: sums of gradients depend on it in their last bits

Tokens = tuple[tf.Tensor, tf.Tensor]  # vectors of the distinct tokens, [k, d], and which one stands where, [b, t]
_Gradients = Callable[[tf.Tensor], list[tf.Tensor]]  # of the output => of each argument

# Registered, since ``keras.layers.Bidirectional`` copies a layer by its name.


@register_keras_serializable("glovebeam")
class FusedLSTM(layers.LSTM):
    """``keras.layers.LSTM`` with a quicker training step; float32 [b, t, d] => [b, t, u] or [b, u]."""

    def call(
        self,
        sequences: tf.Tensor,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
        tokens: Tokens | None = None,
    ) -> Any:
        """As Keras' layer; ``tokens`` say the same as ``sequences`` and take the gradient in their place."""
        if _is_plain_training(self, sequences, initial_state, mask, training):
            return _output(self, sequences, tokens)
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)


@register_keras_serializable("glovebeam")
class FusedGRU(layers.GRU):
    """``keras.layers.GRU`` with a quicker training step; float32 [b, t, d] => [b, t, u] or [b, u]."""

    def call(
        self,
        sequences: tf.Tensor,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
        tokens: Tokens | None = None,
    ) -> Any:
        """As Keras' layer; ``tokens`` say the same as ``sequences`` and take the gradient in their place."""
        if self.reset_after and _is_plain_training(self, sequences, initial_state, mask, training):
            return _output(self, sequences, tokens)
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


def _output(layer: Any, sequences: tf.Tensor, tokens: Tokens | None) -> tf.Tensor:
    """States of all time steps, [b, t, u], or the last ones, [b, u]."""
    kernel, recurrent_kernel, bias = (
        tf.convert_to_tensor(weight) for weight in (layer.cell.kernel, layer.cell.recurrent_kernel, layer.cell.bias)
    )
    recurrent = [recurrent_kernel]
    if isinstance(layer, layers.GRU):
        bias, recurrent_bias = tf.unstack(bias)
        recurrent.append(recurrent_bias)
    tower = partial(_lstm if isinstance(layer, layers.LSTM) else _gru, only_last=not layer.return_sequences)
    projected = _projected(sequences, tokens, kernel, bias, layer.go_backwards)
    states = [tower(part, *recurrent) for part in projected]
    if not layer.return_sequences:
        return tf.concat(states, axis=0)  # => [b, u]
    output = tf.transpose(tf.concat(states, axis=1), [1, 0, 2])  # => [t, b, u] => [b, t, u]
    output._towers = states  # a fused layer that follows at once takes them as they are
    return output


def _projected(
    sequences: tf.Tensor, tokens: Tokens | None, kernel: tf.Tensor, bias: tf.Tensor, go_backwards: bool
) -> list[tf.Tensor]:
    """X W + b of all steps, float32 [t, n, gates * u] for each tower."""
    examples, steps, _ = sequences.shape
    shape = [steps, examples // _TOWERS, kernel.shape[1]]

    def time_major_parts(values: tf.Tensor, axes: list[int]) -> list[tf.Tensor]:
        values = tf.transpose(values, axes)  # [b, t, ...] => [t, b, ...]
        return tf.split(tf.reverse(values, axis=[0]) if go_backwards else values, _TOWERS, axis=1)

    if tokens is None:
        ready = None if go_backwards else getattr(sequences, "_towers", None)
        parts = ready or time_major_parts(sequences, [1, 0, 2])
        return [tf.reshape(_affine(_rows(part), kernel, bias), shape) for part in parts]
    vectors, positions = tokens
    by_token = _affine(vectors, kernel, bias)  # [k, d] => [k, gates * u]
    parts = time_major_parts(tf.reshape(positions, [examples, steps]), [1, 0])
    return [tf.reshape(_gather(by_token, tf.reshape(part, [-1])), shape) for part in parts]


def _affine(rows: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """[m, d] => [m, gates * u]."""

    def affine(rows: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, _Gradients]:
        def gradients(d_output: tf.Tensor) -> list[tf.Tensor]:
            d_rows = tf.matmul(d_output, kernel, transpose_b=True)
            return [d_rows, tf.matmul(rows, d_output, transpose_a=True), _column_sums(d_output)]

        return tf.nn.bias_add(tf.matmul(rows, kernel), bias), gradients

    return tf.custom_gradient(affine)(rows, kernel, bias)


def _gather(rows: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
    """[k, m] at positions [n * t] => [n * t, m]."""

    def gather(rows: tf.Tensor) -> tuple[tf.Tensor, _Gradients]:
        def gradients(d_gathered: tf.Tensor) -> list[tf.Tensor]:
            # Equal positions beside each other: their sums are quicker than those of TensorFlow's unsorted segments.
            order = tf.argsort(positions, stable=True)
            sums = tf.raw_ops.SparseSegmentSumWithNumSegments(
                data=d_gathered, indices=order, segment_ids=tf.gather(positions, order), num_segments=tf.shape(rows)[0]
            )
            return [sums]

        return tf.gather(rows, positions), gradients

    return tf.custom_gradient(gather)(rows)


def _lstm(projected: tf.Tensor, recurrent_kernel: tf.Tensor, only_last: bool) -> tf.Tensor:
    """X W + b [t, n, 4 u] of one tower => states [t, n, u], or the last one [n, u]."""

    def tower(projected: tf.Tensor, recurrent_kernel: tf.Tensor) -> tuple[tf.Tensor, _Gradients]:
        states, by_gates, by_state, by_cell = lstm_forward(projected, recurrent_kernel)

        def gradients(d_output: tf.Tensor) -> list[tf.Tensor]:
            d_states, d_last = _of_states(d_output, only_last)
            d_projected = lstm_backward(d_states, d_last, by_gates, by_state, by_cell, recurrent_kernel)
            return [d_projected, _recurrent_gradient(states, d_projected)]

        return states[-1] if only_last else states, gradients

    return tf.custom_gradient(tower)(projected, recurrent_kernel)


def _gru(projected: tf.Tensor, recurrent_kernel: tf.Tensor, recurrent_bias: tf.Tensor, only_last: bool) -> tf.Tensor:
    """X W + b [t, n, 3 u] of one tower => states [t, n, u], or the last one [n, u]."""

    def tower(
        projected: tf.Tensor, recurrent_kernel: tf.Tensor, recurrent_bias: tf.Tensor
    ) -> tuple[tf.Tensor, _Gradients]:
        states, by_gates, by_candidate, by_state = gru_forward(projected, recurrent_kernel, recurrent_bias)

        def gradients(d_output: tf.Tensor) -> list[tf.Tensor]:
            d_states, d_last = _of_states(d_output, only_last)
            d_recurrent, d_projected = gru_backward(
                d_states, d_last, by_gates, by_candidate, by_state, recurrent_kernel
            )
            return [d_projected, _recurrent_gradient(states, d_recurrent), _column_sums(_rows(d_recurrent))]

        return states[-1] if only_last else states, gradients

    return tf.custom_gradient(tower)(projected, recurrent_kernel, recurrent_bias)


def _of_states(d_output: tf.Tensor, only_last: bool) -> tuple[tf.Tensor | None, tf.Tensor]:
    """Gradients of the states of all steps, [t, n, u], and of the last one, [n, u], as the loops take them."""
    return (None, d_output) if only_last else (d_output, tf.zeros_like(d_output[-1]))


def _recurrent_gradient(states: tf.Tensor, d_recurrent: tf.Tensor) -> tf.Tensor:
    """Of the recurrent kernel [u, gates * u]: each step's gradient meets the state before it, 0 before the first."""
    return tf.matmul(_rows(states[:-1]), _rows(d_recurrent[1:]), transpose_a=True)


def _rows(values: tf.Tensor) -> tf.Tensor:
    """[t, n, k] => [t * n, k]."""
    return tf.reshape(values, [-1, values.shape[-1]])


def _column_sums(rows: tf.Tensor) -> tf.Tensor:
    """[m, k] => [k], as a product with ones: twice as quick as a reduction over the first axis."""
    return tf.matmul(tf.ones_like(rows[:, :1]), rows, transpose_a=True)[0]
