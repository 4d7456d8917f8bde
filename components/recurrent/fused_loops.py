"""The time loops of LSTM and GRU, forward and backward, each compiled by XLA into a few kernels a step.

Letters: t time steps, n examples, u units. All arrays are time-major float32.

All that does not depend on the previous step is left to the caller, as matrix products over all steps at once. And
the backward pass is linear in the gradient of the state: its coefficients (``by_...``) are written down by the forward
loop, where gates and states are at hand, so that the backward loop has one small product and a few multiplications a
step. The logistic function is computed as (1 + tanh(x / 2)) / 2, so that one kernel does all gates. The equations, with
the same letters for the gates, are in ``components.recurrent``.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

_Body = Callable[..., Sequence[tf.Tensor]]
_Function = TypeVar("_Function", bound=Callable[..., Any])


def _compiled(function: _Function) -> _Function:
    """Compile by XLA, once for each combination of shapes."""
    return tf.function(function, jit_compile=True, autograph=False)


def _loop(
    order: range, body: _Body, states: Sequence[tf.Tensor], written: Sequence[tuple[int, ...]]
) -> list[tf.Tensor]:
    """Run ``body(step, *states) -> (*states, *values)`` for the steps in this order, from these states.

    Returns:
        float32 [t, *shape] for each shape of ``written``: the values of all steps, each at the index of its step.
    """
    steps = len(order)
    arrays = [tf.TensorArray(tf.float32, steps, element_shape=shape) for shape in written]

    def with_arrays(count: tf.Tensor, *carried: Any) -> tuple[Any, ...]:
        step = order.start + count * order.step
        results = body(step, *carried[: len(states)])
        values = zip(carried[len(states) :], results[len(states) :], strict=True)
        return count + 1, *results[: len(states)], *(array.write(step, value) for array, value in values)

    carried = tf.while_loop(
        lambda count, *_: count < steps, with_arrays, (0, *states, *arrays), maximum_iterations=steps
    )
    return [array.stack() for array in carried[1 + len(states) :]]


@_compiled
def lstm_forward(projected: tf.Tensor, recurrent_kernel: tf.Tensor) -> list[tf.Tensor]:
    """States of an LSTM, and what its backward loop needs.

    Args:
        projected: [t, n, 4 u], x W + b of all gates.
        recurrent_kernel: [u, 4 u].

    Returns:
        states [t, n, u]; by_gates [t, n, 4 u], by_state [t, n, u] and by_cell [t, n, u] for ``lstm_backward``.
    """
    steps, examples, units = projected.shape[0], projected.shape[1], recurrent_kernel.shape[0]
    scale, offset = _logistic_by_tanh([True, True, False, True], units)

    def step_forward(step: tf.Tensor, h: tf.Tensor, c: tf.Tensor) -> tuple[tf.Tensor, ...]:
        y = tf.tanh((projected[step] + tf.matmul(h, recurrent_kernel)) * scale)  # [n, 4 u]
        i, f, g, o = tf.split(y * scale + offset, 4, axis=-1)
        new_c = f * c + i * g
        tanh_c = tf.tanh(new_c)
        new_h = o * tanh_c
        slope = (1 - y * y) * (scale * scale)  # of each gate's function
        by_gates = tf.concat([g, c, i, tanh_c], axis=-1) * slope
        return new_h, new_c, new_h, by_gates, o * (1 - tanh_c * tanh_c), f

    state = tf.zeros([examples, units])
    shapes = [(examples, units), (examples, 4 * units), (examples, units), (examples, units)]
    return _loop(range(steps), step_forward, (state, state), shapes)


@_compiled
def lstm_backward(
    d_states: tf.Tensor | None,
    d_last: tf.Tensor,
    by_gates: tf.Tensor,
    by_state: tf.Tensor,
    by_cell: tf.Tensor,
    recurrent_kernel: tf.Tensor,
) -> tf.Tensor:
    """Gradient of ``projected``, [t, n, 4 u].

    It is that of the states, [t, n, u], None where nothing reads them, plus that of the last one, [n, u].
    """
    steps, examples, units = by_cell.shape
    transposed = tf.transpose(recurrent_kernel)  # [u, 4 u] => [4 u, u]

    def step_backward(step: tf.Tensor, d_h: tf.Tensor, d_c: tf.Tensor) -> tuple[tf.Tensor, ...]:
        d_h = d_h if d_states is None else d_h + d_states[step]
        d_c = d_c + d_h * by_state[step]
        d_gates = tf.concat([d_c, d_c, d_c, d_h], axis=-1) * by_gates[step]  # [n, 4 u]
        return tf.matmul(d_gates, transposed), d_c * by_cell[step], d_gates

    start = (d_last, tf.zeros([examples, units]))
    (d_projected,) = _loop(range(steps)[::-1], step_backward, start, [(examples, 4 * units)])
    return d_projected


@_compiled
def gru_forward(projected: tf.Tensor, recurrent_kernel: tf.Tensor, recurrent_bias: tf.Tensor) -> list[tf.Tensor]:
    """States of a GRU, and what its backward loop needs.

    Args:
        projected: [t, n, 3 u], x W + b of all gates.
        recurrent_kernel: [u, 3 u].
        recurrent_bias: [3 u].

    Returns:
        states [t, n, u]; by_gates [t, n, 3 u], by_candidate [t, n, u] and by_state [t, n, u] for ``gru_backward``.
    """
    steps, examples, units = projected.shape[0], projected.shape[1], recurrent_kernel.shape[0]

    def step_forward(step: tf.Tensor, h: tf.Tensor) -> tuple[tf.Tensor, ...]:
        recurrent = tf.matmul(h, recurrent_kernel) + recurrent_bias  # [n, 3 u]
        x = projected[step]
        y = tf.tanh((x[:, : 2 * units] + recurrent[:, : 2 * units]) * 0.5)  # [n, 2 u]
        z, r = tf.split(y * 0.5 + 0.5, 2, axis=-1)
        slope_z, slope_r = tf.split((1 - y * y) * 0.25, 2, axis=-1)
        g = tf.tanh(x[:, 2 * units :] + r * recurrent[:, 2 * units :])
        new_h = g + z * (h - g)
        by_candidate = (1 - z) * (1 - g * g)
        by_gates = tf.concat(
            [(h - g) * slope_z, by_candidate * recurrent[:, 2 * units :] * slope_r, by_candidate * r], axis=-1
        )
        return new_h, new_h, by_gates, by_candidate, z

    state = tf.zeros([examples, units])
    shapes = [(examples, units), (examples, 3 * units), (examples, units), (examples, units)]
    return _loop(range(steps), step_forward, (state,), shapes)


@_compiled
def gru_backward(
    d_states: tf.Tensor | None,
    d_last: tf.Tensor,
    by_gates: tf.Tensor,
    by_candidate: tf.Tensor,
    by_state: tf.Tensor,
    recurrent_kernel: tf.Tensor,
) -> list[tf.Tensor]:
    """Gradients from that of the states, [t, n, u], None where nothing reads them, plus that of the last one, [n, u].

    Returns:
        that of h U + v, [t, n, 3 u], and that of ``projected``, [t, n, 3 u]: they differ in the candidate, where r
        stands between the two.
    """
    steps, examples, units = by_state.shape
    transposed = tf.transpose(recurrent_kernel)  # [u, 3 u] => [3 u, u]

    def step_backward(step: tf.Tensor, d_h: tf.Tensor) -> tuple[tf.Tensor, ...]:
        d_h = d_h if d_states is None else d_h + d_states[step]
        d_recurrent = tf.tile(d_h, [1, 3]) * by_gates[step]  # [n, 3 u]
        return tf.matmul(d_recurrent, transposed) + d_h * by_state[step], d_recurrent, d_h * by_candidate[step]

    shapes = [(examples, 3 * units), (examples, units)]
    d_recurrent, d_candidate = _loop(range(steps)[::-1], step_backward, (d_last,), shapes)
    return [d_recurrent, tf.concat([d_recurrent[:, :, : 2 * units], d_candidate], axis=-1)]


def _logistic_by_tanh(is_logistic: Sequence[bool], units: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Scale and offset [gates * u] with which tanh(a * scale) * scale + offset is each gate's function of a."""
    scale = np.repeat(np.array([0.5 if logistic else 1.0 for logistic in is_logistic], np.float32), units)
    offset = np.repeat(np.array([0.5 if logistic else 0.0 for logistic in is_logistic], np.float32), units)
    return tf.constant(scale), tf.constant(offset)
