"""95 % intervals of the figures in ``metrics.json``, in closed form but for the calibration error.

Shares get Wilson's score interval, and what is made of shares is led back to it. None of them collapses to a point
where a small split happens to be answered without a mistake. Letters: n examples, c classes.

>>> low, high = wilson_interval(90, 100)
>>> round(low, 4), round(high, 4)
(0.8256, 0.9448)
>>> auc_interval(1.0, positives=5, negatives=5)[1]
1.0
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Interval = tuple[float, float]

_Z_95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution
_RESAMPLES = 2000
_BISECTIONS = 60


def wilson_interval(right: int, examples: int) -> Interval:
    """The Wilson score interval of a share; all of [0, 1] where nothing was seen."""
    if not examples:
        return 0.0, 1.0
    share, z2 = right / examples, _Z_95**2
    centre = share + z2 / (2 * examples)
    spread = _Z_95 * math.sqrt(share * (1 - share) / examples + z2 / (4 * examples**2))
    scale = 1 + z2 / examples
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def f1_interval(true_positives: int, mistakes: int) -> Interval:
    """Of F1 = 2 J / (1 + J), where J is the share of the true positives among them and all mistakes about the class."""
    low, high = wilson_interval(true_positives, true_positives + mistakes)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def auc_interval(auc: float, positives: int, negatives: int) -> Interval:
    """Of the area under a ROC curve: Newcombe's score interval on Hanley's and McNeil's variance (2006, method 5)."""
    pairs, spare = positives * negatives, (positives + negatives) / 2 - 1

    def reach(area: float) -> float:
        """How far a measured area may lie from the true one."""
        variance = area * (1 - area) * (1 + spare * ((1 - area) / (2 - area) + area / (1 + area))) / pairs
        return _Z_95 * math.sqrt(variance)

    low = _root(lambda area: auc - area - reach(area), 0.0, auc)
    return low, _root(lambda area: auc - area + reach(area), auc, 1.0)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that is not negative at ``low`` and not positive at ``high`` crosses zero."""
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return high


def mean_of_intervals(estimates: Sequence[float], intervals: Sequence[Interval], shared: int = 1) -> Interval:
    """Of the mean of several estimates, from their own intervals (MOVER, Zou and Donner 2008).

    Args:
        estimates: for example the recall of each class.
        intervals: the interval of each.
        shared: how many of the estimates one mistake moves; 1 where they do not depend on each other.
    """
    mean = sum(estimates) / len(estimates)
    below = sum((estimate - low) ** 2 for estimate, (low, _) in zip(estimates, intervals, strict=True))
    above = sum((high - estimate) ** 2 for estimate, (_, high) in zip(estimates, intervals, strict=True))
    down, up = (math.sqrt(shared * squares) / len(estimates) for squares in (below, above))
    return max(0.0, mean - down), min(1.0, mean + up)


def mean_interval(values: "NDArray[np.float64]") -> Interval:
    """Of the mean of non-negative values [n], such as losses: the normal interval."""
    mean = float(values.mean())
    spread = _Z_95 * float(values.std(ddof=1 if len(values) > 1 else 0)) / math.sqrt(len(values))
    return max(0.0, mean - spread), mean + spread


def calibration_interval(bins: "NDArray[np.int64]", gaps: "NDArray[np.float64]") -> Interval:
    """Of the expected calibration error; by a seeded bootstrap over the bins, whose cost does not grow with n.

    Chance makes the error of a sample larger than the true one, and resampling adds as much again; hence the reverse
    percentile interval, which takes that off. It begins at 0 wherever a calibrated model may show as large an error.

    Args:
        bins: the bin of each example, [n].
        gaps: right (1 or 0) minus confidence, [n].
    """
    import numpy as np

    examples = np.bincount(bins)  # [bins]
    squares = np.bincount(bins, gaps**2)
    mean = np.bincount(bins, gaps) / np.maximum(examples, 1)
    variance = np.maximum(squares / np.maximum(examples, 1) - mean**2, 0)
    draw = np.random.default_rng(0)
    noise = draw.standard_normal((_RESAMPLES, len(examples)))
    drawn = draw.multinomial(len(bins), examples / len(bins), _RESAMPLES)  # [resamples, bins]
    resampled = np.abs(drawn * mean + np.sqrt(drawn * variance) * noise).sum(axis=1) / len(bins)
    low, high = np.quantile(resampled, (0.025, 0.975)).tolist()
    by_chance = np.quantile(np.abs(np.sqrt(squares) * noise).sum(axis=1) / len(bins), 0.95)
    error = float(np.abs(mean * examples).sum() / len(bins))
    return 0.0 if error <= by_chance else max(0.0, 2 * error - high), max(error, 2 * error - low)
