import numpy as np
import tensorflow as tf
from keras import layers

from components.recurrent.embedding import DenseGradientEmbedding

IDS = np.array([[1, 2, 2], [0, 2, 1]])


def vectors_and_gradient(layer: layers.Embedding) -> tuple[np.ndarray, np.ndarray]:
    layer.build()
    layer.set_weights([np.arange(8, dtype=np.float32).reshape(4, 2)])
    weights = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    with tf.GradientTape() as tape:
        vectors = layer(IDS)
        loss = tf.reduce_sum(vectors * weights)
    return vectors.numpy(), tf.convert_to_tensor(tape.gradient(loss, layer.trainable_variables)[0]).numpy()


def test_vectors_and_gradients_are_those_of_keras_also_where_a_token_occurs_several_times() -> None:
    of_keras, ours = (vectors_and_gradient(layer(4, 2)) for layer in (layers.Embedding, DenseGradientEmbedding))
    np.testing.assert_array_equal(ours[0], of_keras[0])
    np.testing.assert_array_equal(ours[1], of_keras[1])
    assert (ours[1][3] == 0).all()
