"""Embedding for training on a CPU: vectors whose gradient is one tensor, and the distinct tokens of a batch."""

from collections.abc import Callable

import tensorflow as tf
from keras import layers
from keras.saving import register_keras_serializable


@register_keras_serializable("glovebeam")
class DenseGradientEmbedding(layers.Embedding):
    """``keras.layers.Embedding`` whose gradient is one tensor; int64 [b, t] => float32 [b, t, d].

    That of Keras' layer is a list of the tokens' occurrences, which Keras' Adam sums up twice, once for each moment.
    The second moment it makes of them is that of single occurrences, not that of their sum, which is the gradient.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """As Keras' layer."""
        ids = tf.reshape(inputs, [-1])  # [b, t] => [b * t]

        def gather(table: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            def gradient(d_vectors: tf.Tensor) -> tf.Tensor:
                rows = tf.reshape(d_vectors, [-1, self.output_dim])  # [b, t, d] => [b * t, d]
                return tf.math.unsorted_segment_sum(rows, ids, self.input_dim)

            return tf.gather(table, inputs), gradient

        return tf.custom_gradient(gather)(tf.convert_to_tensor(self.embeddings))


@register_keras_serializable("glovebeam")
class DistinctTokens(layers.Layer):
    """Each token of a batch once; int64 [b, t] => int64 [k] in the order of appearance, and int32 [b, t] into them."""

    def call(self, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Tokens and positions."""
        distinct, positions = tf.unique(tf.reshape(inputs, [-1]))  # [b, t] => [b * t]
        return distinct, tf.reshape(positions, tf.shape(inputs))
