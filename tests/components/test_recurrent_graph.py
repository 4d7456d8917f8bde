"""What the graphs of recurrent layers are made of, and whether training repeats."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf
from keras import layers

from tests.components.recurrent_helpers import CELLS, EXAMPLES, INPUTS, LAYERS, STEPS, UNITS, built

CALLS = {"PartitionedCall", "StatefulPartitionedCall"}
LOOPS = {"While", "StatelessWhile"}


def graph_of(function: Callable[..., Any], *arguments: tf.TensorSpec) -> Counter[str]:
    """Loops, and calls of functions that XLA must compile; what these call is not counted."""
    graph = tf.function(function, autograph=False).get_concrete_function(*arguments).graph.as_graph_def()
    is_compiled = {each.signature.name: each.attr["_XlaMustCompile"].b for each in graph.library.function}
    found: Counter[str] = Counter()
    for node in graph.node:
        if node.op in LOOPS:
            found["loop"] += 1
        if node.op in CALLS and is_compiled[node.attr["f"].func.name]:
            found[re.sub(r"__inference_(\w+)_\d+", r"\1", node.attr["f"].func.name)] += 1
    return found


def training_graph(layer: layers.Layer, examples: int | None = EXAMPLES) -> Counter[str]:
    """Of a forward and backward pass."""

    def gradients(x: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=True))
        return tape.gradient(loss, [weight.value for weight in layer.trainable_variables])

    return graph_of(gradients, tf.TensorSpec([examples, STEPS, INPUTS], layer.compute_dtype))


@pytest.mark.parametrize("cell", CELLS)
def test_a_training_step_is_two_towers_of_compiled_loops(cell: str) -> None:
    layer = built(LAYERS["fused", cell](UNITS))
    assert training_graph(layer) == {f"{cell}_forward": 2, f"{cell}_backward": 2}


@pytest.mark.parametrize("cell", CELLS)
def test_a_bidirectional_training_step_is_twice_that(cell: str) -> None:
    layer = built(layers.Bidirectional(LAYERS["fused", cell](UNITS)))
    assert training_graph(layer) == {f"{cell}_forward": 4, f"{cell}_backward": 4}


@pytest.mark.parametrize("examples", [None, 3], ids=["batch_of_unknown_size", "odd_batch"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_batch_that_cannot_be_split_is_trained_in_the_way_of_keras(cell: str, examples: int | None) -> None:
    assert training_graph(built(LAYERS["fused", cell](UNITS)), examples) == {"loop": 2}


@pytest.mark.parametrize(
    "arguments",
    [
        {"training": False},
        {"training": True, "mask": tf.ones([EXAMPLES, STEPS], tf.bool)},
        {"training": True, "initial_state": tf.ones([EXAMPLES, UNITS])},
    ],
    ids=["inference", "mask", "initial_state"],
)
def test_all_but_plain_training_is_done_in_the_way_of_keras(arguments: dict[str, Any]) -> None:
    layer = built(LAYERS["fused", "gru"](UNITS))
    found = graph_of(lambda x: layer(x, **arguments), tf.TensorSpec([EXAMPLES, STEPS, INPUTS]))
    assert found == {"loop": 1}


def test_half_precision_is_computed_in_the_way_of_keras() -> None:
    assert training_graph(built(LAYERS["fused", "gru"](UNITS, dtype="mixed_float16"))) == {"loop": 2}


@pytest.mark.parametrize("cell", CELLS)
def test_the_cell_loop_is_unrolled(cell: str) -> None:
    assert training_graph(built(LAYERS["cell", cell](UNITS)), None) == {}


THREE_TRAINING_STEPS = """
import hashlib
import keras
import tensorflow as tf
from components.recurrent.fused import FusedGRU, FusedLSTM

tf.config.experimental.enable_op_determinism()
keras.utils.set_random_seed(0)
stack = [FusedLSTM(32, return_sequences=True), FusedGRU(32)]
for layer, inputs in zip(stack, (50, 32)):
    layer.build((128, 80, inputs))
x = tf.random.normal([128, 80, 50])
weights = [weight.value for layer in stack for weight in layer.trainable_variables]

@tf.function
def train(x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(stack[1](stack[0](x, training=True), training=True) ** 2)
    for weight, gradient in zip(weights, tape.gradient(loss, weights)):
        weight.assign_sub(1e-5 * gradient)
    return loss

print(*(float(train(x)) for _ in range(3)))
print(hashlib.sha256(b"".join(weight.numpy().tobytes() for weight in weights)).hexdigest())
"""


def test_deterministic_training_gives_the_same_bits_in_every_process() -> None:
    command = [sys.executable, "-c", THREE_TRAINING_STEPS]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    runs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    first, _, last = map(float, runs[0].splitlines()[0].split())
    assert last < first
    assert runs[0] == runs[1]
