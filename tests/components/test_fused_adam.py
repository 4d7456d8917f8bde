import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import optimizers

from components.training.fused_adam import FusedAdam

DECAY = optimizers.schedules.CosineDecay(0.01, 5)


def table_after_steps(optimizer: optimizers.Optimizer, is_sparse: bool) -> np.ndarray:
    """Five steps, the last of them at a learning rate near 0, with rows that get no gradient at all."""
    table = keras.Variable(np.arange(12, dtype=np.float32).reshape(4, 3) / 10)
    draw = np.random.default_rng(0)

    @tf.function(autograph=False)
    def step(rows: tf.Tensor) -> None:
        ids = tf.constant([0, 2])
        sparse = tf.IndexedSlices(rows, ids, tf.constant([4, 3]))
        optimizer.apply([sparse if is_sparse else tf.scatter_nd(ids[:, None], rows, [4, 3])], [table])

    optimizer.build([table])
    for _ in range(5):
        step(tf.constant(draw.normal(size=(2, 3)), tf.float32))
    return np.asarray(table)


@pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("learning_rate", [0.01, DECAY], ids=["constant", "decaying"])
def test_weights_after_some_steps_are_those_of_keras(learning_rate: object, is_sparse: bool) -> None:
    of_keras = table_after_steps(optimizers.Adam(learning_rate), is_sparse)
    ours = table_after_steps(FusedAdam(learning_rate), is_sparse)
    assert np.abs(of_keras - np.arange(12).reshape(4, 3) / 10).max() > 0.01
    np.testing.assert_allclose(ours, of_keras, rtol=0, atol=1e-6)


def test_the_state_is_kept_and_restored_as_that_of_keras() -> None:
    one, other = FusedAdam(0.01), optimizers.Adam(0.01)
    table = keras.Variable(np.zeros((4, 3), np.float32))
    for optimizer in (one, other):
        optimizer.build([table])
    one.apply([tf.ones([4, 3])], [table])
    state: dict[str, object] = {}
    one.save_own_variables(state)
    other.load_own_variables(state)
    for actual, expected in zip(other.variables, one.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(actual), np.asarray(expected))
