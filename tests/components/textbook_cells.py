"""LSTM and GRU as textbooks write them, gate by gate and step by step, in plain NumPy.

Letters: b examples, t time steps, d inputs, u units. Weights come packed the way Keras packs them; ``_by_gate`` takes
them apart, and from there on every matrix has the name of its gate.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

LSTM_GATES = ("input", "forget", "candidate", "output")
GRU_GATES = ("update", "reset", "candidate")


def lstm_states(x: Array, kernel: Array, recurrent_kernel: Array, bias: Array) -> Array:
    """The states h after each step, [b, t, u], of inputs x [b, t, d]; h and c start at 0."""
    w, u, b = (_by_gate(weights, LSTM_GATES) for weights in (kernel, recurrent_kernel, bias))
    h = c = np.zeros((len(x), len(recurrent_kernel)), x.dtype)
    states = []
    for t in range(x.shape[1]):
        a = {gate: x[:, t] @ w[gate] + h @ u[gate] + b[gate] for gate in LSTM_GATES}
        f = logistic(a["forget"])
        i = logistic(a["input"])
        candidate = np.tanh(a["candidate"])
        c = f * c + i * candidate
        o = logistic(a["output"])
        h = o * np.tanh(c)
        states.append(h)
    return np.stack(states, axis=1)


def gru_states(x: Array, kernel: Array, recurrent_kernel: Array, biases: Array) -> Array:
    """The states h after each step, [b, t, u], of inputs x [b, t, d]; h starts at 0.

    Textbooks let a new state in where z is 1, h = (1 - z) h + z candidate; Keras' update gate is the negated one:
    1 - logistic(a) = logistic(-a).
    """
    w, u, b, v = (_by_gate(weights, GRU_GATES) for weights in (kernel, recurrent_kernel, *biases))
    h = np.zeros((len(x), len(recurrent_kernel)), x.dtype)
    states = []
    for t in range(x.shape[1]):
        from_x = {gate: x[:, t] @ w[gate] + b[gate] for gate in GRU_GATES}
        from_h = {gate: h @ u[gate] + v[gate] for gate in GRU_GATES}
        r = logistic(from_x["reset"] + from_h["reset"])
        z = logistic(-(from_x["update"] + from_h["update"]))
        candidate = np.tanh(from_x["candidate"] + r * from_h["candidate"])
        h = (1 - z) * h + z * candidate
        states.append(h)
    return np.stack(states, axis=1)


STATES = {"lstm": lstm_states, "gru": gru_states}


def logistic(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def _by_gate(weights: Array, gates: Sequence[str]) -> dict[str, Array]:
    """[..., gates * u] => a matrix or vector [..., u] for each gate."""
    return dict(zip(gates, np.split(weights, len(gates), axis=-1), strict=True))
