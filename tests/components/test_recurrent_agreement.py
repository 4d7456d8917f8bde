"""The same weights give the same output and gradients, whichever way the layers are computed."""

import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tests.components.recurrent_helpers import (
    CELLS,
    INPUTS,
    LAYERS,
    STEPS,
    UNITS,
    WAYS,
    Computed,
    Stack,
    assert_gradients_agree,
    assert_outputs_agree,
    built,
    called,
    compute,
    compute_in_graph,
    drawn_input,
    infer,
)

LENGTHS = np.array([4, 3, 2, 1, 0, 4])  # tokens at the end of each example; before them is padding
LEFT_PADDING = np.arange(STEPS) >= STEPS - LENGTHS[:, None]  # bool [b, t]


def stacked(way: str, cell: str, number: int, bidirectional: bool = False, return_sequences: bool = False) -> Stack:
    stack = []
    for i in range(1, number + 1):
        layer = LAYERS[way, cell](UNITS, return_sequences=return_sequences or i < number)
        layer = layers.Bidirectional(layer) if bidirectional else layer
        stack.append(built(layer, INPUTS if i == 1 else (1 + bidirectional) * UNITS, seed=i))
    return stack


def assert_agree(actual: Computed, expected: Computed) -> None:
    assert_outputs_agree(actual.output, expected.output)
    assert_gradients_agree([actual.input_gradient], [expected.input_gradient])
    assert_gradients_agree(actual.weight_gradients, expected.weight_gradients)


each_cell = pytest.mark.parametrize("cell", CELLS)
each_direction = pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "bidirectional"])
each_output = pytest.mark.parametrize("return_sequences", [False, True], ids=["last", "sequences"])


@each_output
@each_direction
@pytest.mark.parametrize("number", [1, 2])
@each_cell
def test_all_ways_agree_in_inference_and_in_training(
    cell: str, number: int, bidirectional: bool, return_sequences: bool
) -> None:
    layer, loop, fused = (stacked(way, cell, number, bidirectional, return_sequences) for way in WAYS)
    expected = compute(layer, drawn_input())
    assert_agree(compute(loop, drawn_input()), expected)
    assert_agree(compute_in_graph(fused, drawn_input()), expected)
    for stack in (loop, fused):
        assert_outputs_agree(infer(stack, drawn_input()), expected.output)


@each_output
@each_direction
@each_cell
def test_the_cell_loop_agrees_where_left_padding_is_masked(
    cell: str, bidirectional: bool, return_sequences: bool
) -> None:
    layer, loop = (stacked(way, cell, 2, bidirectional, return_sequences) for way in ("layer", "cell"))
    expected = compute(layer, drawn_input(), LEFT_PADDING)
    assert_agree(compute(loop, drawn_input(), LEFT_PADDING), expected)
    assert_outputs_agree(infer(loop, drawn_input(), LEFT_PADDING), expected.output)


@each_cell
def test_fused_layers_agree_where_left_padding_is_masked(cell: str) -> None:
    layer, fused = (stacked(way, cell, 1, bidirectional=True, return_sequences=True) for way in ("layer", "fused"))
    expected = compute(layer, drawn_input(), LEFT_PADDING)
    assert_agree(compute_in_graph(fused, drawn_input(), LEFT_PADDING), expected)


@each_cell
def test_all_ways_agree_on_a_batch_of_128_texts_of_80_tokens(cell: str) -> None:
    x = drawn_input(128, 80, 100)
    layer, loop, fused = ([built(LAYERS[way, cell](64, return_sequences=True), 100)] for way in WAYS)
    expected = compute(layer, x)
    assert_agree(compute(loop, x), expected)
    assert_agree(compute_in_graph(fused, x), expected)


@each_cell
def test_all_ways_agree_on_a_single_token(cell: str) -> None:
    x = drawn_input(steps=1)
    layer, loop, fused = (stacked(way, cell, 1) for way in WAYS)
    expected = compute(layer, x)
    assert_agree(compute(loop, x), expected)
    assert_agree(compute_in_graph(fused, x), expected)


# What Keras' layers do beyond the plain equations: a quicker way must not leave it out in silence.
BEYOND = {
    "dropout": {"dropout": 0.5, "seed": 7},
    "recurrent_dropout": {"recurrent_dropout": 0.5, "seed": 7},
    "activation": {"activation": "relu"},
    "recurrent_activation": {"recurrent_activation": "hard_sigmoid"},
    "no_bias": {"use_bias": False},
    "reset_before": {"reset_after": False},
}
OF_GRU_ALONE = {"reset_before"}


@pytest.mark.parametrize(
    ("cell", "arguments"),
    [(cell, name) for cell in CELLS for name in BEYOND if cell == "gru" or name not in OF_GRU_ALONE],
)
def test_arguments_of_the_layers_mean_the_same_in_all_ways(cell: str, arguments: str) -> None:
    layer, loop, fused = (built(LAYERS[way, cell](UNITS, **BEYOND[arguments])) for way in WAYS)
    x = tf.constant(drawn_input())
    expected = called([layer], x, mask=None, training=True)
    assert_outputs_agree(called([loop], x, mask=None, training=True), expected)
    in_graph = tf.function(lambda x: called([fused], x, mask=None, training=True), autograph=False)
    assert_outputs_agree(in_graph(x), expected)


@each_cell
def test_each_call_of_the_cell_loop_drops_anew(cell: str) -> None:
    loop = built(LAYERS["cell", cell](UNITS, dropout=0.5, seed=7), inputs=40)
    x = tf.constant(drawn_input(inputs=40))
    in_graph = tf.function(lambda x: called([loop], x, mask=None, training=True), autograph=False)
    outputs = [called([loop], x, mask=None, training=True), in_graph(x), in_graph(x), in_graph(x[:3])]
    assert len({np.asarray(output)[:3].tobytes() for output in outputs}) == 4


@pytest.mark.parametrize(("way", "with_start"), [("cell", True), ("fused", False)])
@each_cell
def test_states_are_taken_and_returned_as_by_keras(cell: str, way: str, with_start: bool) -> None:
    layer, other = (built(LAYERS[each, cell](UNITS, return_state=True)) for each in ("layer", way))
    x = tf.constant(drawn_input())
    start = [tf.fill([len(x), UNITS], 0.5)] * len(layer.state_size) if with_start else None
    in_graph = tf.function(lambda x: other(x, initial_state=start, training=True), autograph=False)
    for actual, expected in zip(in_graph(x), layer(x, initial_state=start), strict=True):
        assert_outputs_agree(actual, expected)
