"""Adam with one kernel a variable."""

import keras
import tensorflow as tf
from keras import optimizers
from keras.saving import register_keras_serializable


@register_keras_serializable("glovebeam")
class FusedAdam(optimizers.Adam):
    """``keras.optimizers.Adam``, whose update of a variable is one pass over it instead of a dozen.

    The formula is the same: both take alpha = learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t), and epsilon beside
    the square root of the second moment (Kingma and Ba, 2014, the last paragraph of section 2).
    """

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor) -> None:
        """As Keras' Adam."""
        if isinstance(gradient, tf.IndexedSlices):  # of an embedding layer of Keras
            super().update_step(gradient, variable, learning_rate)
            return
        number = self._get_variable_index(variable)
        step = tf.cast(self.iterations.value + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[number]),
            v=_handle(self._velocities[number]),
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


def _handle(variable: tf.Variable | keras.Variable) -> tf.Tensor:
    """What TensorFlow's kernels call a variable."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle
