"""What ``components.recurrent`` says about gates, against equations written as in a textbook."""

from collections.abc import Sequence

import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from tests.components.recurrent_helpers import (
    CELLS,
    EXAMPLES,
    LAYERS,
    STEPS,
    UNITS,
    WAYS,
    assert_gradients_agree,
    assert_outputs_agree,
    built,
    compute_in_graph,
    drawn_input,
    infer,
    weights_of_sum,
)
from tests.components.textbook_cells import STATES

OPEN, CLOSED = 30.0, -30.0  # biases that make a gate 1 or 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cell", CELLS)
def test_the_states_of_every_step_are_those_of_the_textbook(cell: str, way: str) -> None:
    layer = built(LAYERS[way, cell](UNITS, return_sequences=True))
    expected = STATES[cell](drawn_input(), *layer.get_weights())
    assert_outputs_agree(compute_in_graph([layer], drawn_input()).output, expected)
    assert_outputs_agree(infer([layer], drawn_input()), expected)


@pytest.mark.parametrize("cell", CELLS)
def test_the_fused_gradients_are_the_derivatives_of_the_textbook(cell: str) -> None:
    layer = built(LAYERS["fused", cell](UNITS, return_sequences=True))
    computed = compute_in_graph([layer], drawn_input())
    arguments = [np.float64(argument) for argument in (drawn_input(), *layer.get_weights())]
    weights = weights_of_sum((EXAMPLES, STEPS, UNITS))

    def loss() -> float:
        return float(np.sum(STATES[cell](*arguments) * weights))

    expected = [numerical_gradient(loss, argument) for argument in arguments]
    assert_gradients_agree([computed.input_gradient, *computed.weight_gradients], expected)


def numerical_gradient(loss, argument: NDArray[np.float64], width: float = 1e-5) -> NDArray[np.float64]:
    """Central differences of ``loss()`` with respect to an array that it reads."""
    gradient = np.zeros_like(argument)
    for index in np.ndindex(argument.shape):
        value = argument[index]
        argument[index] = value + width
        above = loss()
        argument[index] = value - width
        gradient[index] = (above - loss()) / (2 * width)
        argument[index] = value
    return gradient


@pytest.mark.parametrize(
    ("biases", "new_c", "new_h"),
    [
        ((CLOSED, OPEN, OPEN, OPEN), 0.5, np.tanh(0.5)),  # old value kept
        ((OPEN, CLOSED, 0.3, OPEN), np.tanh(0.3), np.tanh(np.tanh(0.3))),  # replaced by the candidate
        ((OPEN, OPEN, OPEN, OPEN), 1.5, np.tanh(1.5)),  # candidate 1 added
        ((CLOSED, OPEN, OPEN, CLOSED), 0.5, 0.0),  # kept and not shown
    ],
)
def test_lstm_gates_are_ordered_input_forget_candidate_output(
    biases: Sequence[float], new_c: float, new_h: float
) -> None:
    cell = layers.LSTMCell(1)
    cell.build((None, 1))
    cell.set_weights([np.zeros((1, 4)), np.zeros((1, 4)), np.array(biases)])
    h, (_, c) = cell(np.zeros((1, 1), np.float32), [np.float32([[0.9]]), np.float32([[0.5]])])
    np.testing.assert_allclose([float(c[0, 0]), float(h[0, 0])], [new_c, new_h], rtol=0, atol=1e-6)


@pytest.mark.parametrize("way", WAYS)
def test_the_forget_bias_of_an_lstm_starts_at_one_and_all_others_at_zero(way: str) -> None:
    layer = LAYERS[way, "lstm"](2)
    layer.build((None, 1, 1))
    np.testing.assert_array_equal(layer.cell.bias, [0, 0, 1, 1, 0, 0, 0, 0])


H = (0.9, 0.5)  # the state before


def gru_step(update: float, reset: Sequence[float], candidate_bias: float = 0, recurrent_candidate_bias: float = 0):
    """State of a GRU of two units after a step from H; the candidate's recurrent matrix swaps the units."""
    cell = layers.GRUCell(2)
    cell.build((None, 1))
    recurrent_kernel = np.concatenate([np.zeros((2, 4)), [[0, 1], [1, 0]]], axis=1)
    bias = [update, update, *reset, candidate_bias, candidate_bias]
    recurrent_bias = [0, 0, 0, 0, recurrent_candidate_bias, recurrent_candidate_bias]
    cell.set_weights([np.zeros((1, 6)), recurrent_kernel, np.array([bias, recurrent_bias])])
    h, _ = cell(np.zeros((1, 1), np.float32), [np.float32([H])])
    return np.asarray(h)[0]


def test_a_gru_keeps_the_old_state_where_its_update_gate_is_one() -> None:
    np.testing.assert_allclose(gru_step(OPEN, (CLOSED, CLOSED), candidate_bias=0.3), H, atol=1e-6)
    np.testing.assert_allclose(gru_step(CLOSED, (CLOSED, CLOSED), candidate_bias=0.3), np.tanh([0.3, 0.3]), atol=1e-6)


def test_a_gru_resets_after_the_matrix_product_and_the_recurrent_bias_with_it() -> None:
    # Before the product it would be the first unit's old state, swapped into the second: tanh([0, 0.9]).
    np.testing.assert_allclose(gru_step(CLOSED, (OPEN, CLOSED)), np.tanh([0.5, 0]), atol=1e-6)
    with_bias = gru_step(CLOSED, (OPEN, CLOSED), recurrent_candidate_bias=0.2)
    np.testing.assert_allclose(with_bias, np.tanh([0.7, 0]), atol=1e-6)
