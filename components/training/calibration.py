"""How much each part of a classifier counts, so that its probabilities are as sure as they are right.

With one part this is temperature scaling: Guo, Pleiss, Sun, Weinberger, *On Calibration of Modern Neural Networks*,
ICML 2017, section 4.2. With two it also weighs them against each other. The scales are those with the least log loss on
examples that no part was fitted to.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

_MOST = 5.0  # of the scales' logarithms, either way


def equal_scales(parts: int) -> list[float]:
    """The scales of so many parts where nothing is known of them: those of their mean."""
    return [1 / parts] * parts


def fit_scales(parts: Sequence[NDArray[np.float32]], labels: NDArray[np.int64]) -> list[float]:
    """The number that each part's logits are multiplied by.

    A normal prior of deviation 1 on their logarithms around those of equal scales keeps few examples from saying too
    much.

    Args:
        parts: logits of each part, all [n, 1] of the second of two classes, or all [n, c].
        labels: [n].

    >>> sure, labels = np.float32([[8.0]] * 300 + [[-8.0]] * 300), np.array(([1, 1, 0] * 100) + ([0, 0, 1] * 100))
    >>> [round(8 * scale, 1) for scale in fit_scales([sure], labels)]  # right in 2 of 3: the logit of 2 / 3 is 0.69
    [0.7]
    """
    logits = np.stack(parts).astype(np.float64)  # [parts, n, c]
    centre = np.array(equal_scales(len(parts)))

    def cost(deviations: NDArray[np.float64]) -> float:
        losses = log_losses(np.tensordot(centre * np.exp(deviations), logits, axes=1), labels)  # [n, c] => [n]
        return float(losses.sum() + np.square(deviations).sum() / 2)

    bounds = [(-_MOST, _MOST)] * len(parts)
    found = minimize(cost, np.zeros(len(parts)), method="L-BFGS-B", bounds=bounds)
    return [float(scale) for scale in centre * np.exp(found.x)]


def combined(parts: Sequence[NDArray[np.float32]], scales: Sequence[float]) -> NDArray[np.float64]:
    """The scaled sum of the parts' logits, [n, c]."""
    return np.tensordot(np.asarray(scales), np.stack(parts).astype(np.float64), axes=1)


def log_losses(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Negative log of the probability given to each true class, [n], from logits [n, 1] or [n, c]."""
    scores = _scores(logits)
    return np.logaddexp.reduce(scores, axis=1) - scores[np.arange(len(labels)), labels]


def accuracy(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Share of the examples whose most probable class is theirs."""
    return float((_scores(logits).argmax(axis=1) == labels).mean())


def _scores(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """A score for each class, also for the first of two, whose logit is 0."""
    return np.concatenate([np.zeros_like(logits), logits], axis=1) if logits.shape[1] == 1 else logits
