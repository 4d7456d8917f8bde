"""LSTM and GRU layers that call their cell once for each time step, unrolled in the graph."""

from typing import Any

import tensorflow as tf
from keras import layers
from keras.saving import register_keras_serializable

# What surrounds the loop (initial state, the cell's dropout masks, what is returned) stays Keras': ``inner_loop`` is
# where its own layers put theirs. They are registered, since ``keras.layers.Bidirectional`` copies a layer by its name.


@register_keras_serializable("glovebeam")
class CellLoopLSTM(layers.LSTM):
    """``keras.layers.LSTM``, its cell called by hand; float32 [b, t, d] => [b, t, u] or [b, u]."""

    def inner_loop(self, sequences: tf.Tensor, initial_state: Any, mask: Any, training: bool = False) -> Any:
        """Last output, outputs and last states."""
        return _unrolled(self, sequences, initial_state, mask, training)


@register_keras_serializable("glovebeam")
class CellLoopGRU(layers.GRU):
    """``keras.layers.GRU``, its cell called by hand; float32 [b, t, d] => [b, t, u] or [b, u]."""

    def inner_loop(self, sequences: tf.Tensor, initial_state: Any, mask: Any, training: bool = False) -> Any:
        """Last output, outputs and last states."""
        return _unrolled(self, sequences, initial_state, mask, training)


def _unrolled(
    layer: Any, sequences: tf.Tensor, states: list[tf.Tensor], mask: tf.Tensor | None, training: bool
) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
    """The cell over all time steps; where the mask [b, t] is false, it is as if the step were not there.

    Its output there is that of the step before, or 0 where Keras wants it so (in bidirectional layers).
    """
    zeros = tf.zeros_like(states[0])
    output, outputs = zeros, []
    steps = range(sequences.shape[1])
    for step in reversed(steps) if layer.go_backwards else steps:
        new_output, new_states = layer.cell(sequences[:, step], states, training=training)
        if mask is None:
            output, states = new_output, new_states
        else:
            is_token = mask[:, step, None]  # [b, 1]
            output = tf.where(is_token, new_output, zeros if layer.zero_output_for_mask else output)
            states = [tf.where(is_token, new, old) for new, old in zip(new_states, states, strict=True)]
        outputs.append(output)
    # t x [b, u] => [b, t, u]
    return output, tf.stack(outputs, axis=1) if layer.return_sequences else output, states
