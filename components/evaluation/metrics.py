"""How good predictions are, and whether one model is worse than another on the same examples.

In: labels int64 [n] and probabilities float32 [n, c]. Out: plain numbers. Letters: n examples, c classes.

>>> round(wilson_interval(90, 100)[0], 4), round(wilson_interval(90, 100)[1], 4)
(0.8256, 0.9448)
>>> worse_p_value(candidate_only=2, baseline_only=8)
0.0546875
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Labels = NDArray[np.int64]
    Probabilities = NDArray[np.float32]

_Z_95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution
_CALIBRATION_BINS = 15
_SMALLEST_PROBABILITY = 1e-7  # what float32 can tell from 0 beside 1; keeps a sure error from being infinite


@dataclass(frozen=True)
class Predictions:
    """What the model says of each test example; letters: n examples, c classes."""

    example_ids: list[str]
    labels: "Labels"  # [n]
    probabilities: "Probabilities"  # [n, c]

    @property
    def predicted(self) -> "Labels":
        """The most probable class of each, [n]."""
        return self.probabilities.argmax(axis=1)

    @property
    def is_right(self) -> "NDArray[np.bool_]":
        """Whether that is the label, [n]."""
        return self.predicted == self.labels


def classification_metrics(
    labels: "Labels", probabilities: "Probabilities", class_names: Sequence[str]
) -> dict[str, Any]:
    """All figures of ``metrics.json``.

    ``precision``, ``recall`` and ``f1`` are those of the second class where there are two, else the mean over the
    classes; ``averaging`` says which. ``auc`` is None where the labels hold a single class.
    """
    import numpy as np
    from sklearn.metrics import confusion_matrix

    predicted = probabilities.argmax(axis=1)
    right = int((predicted == labels).sum())
    per_class = _per_class(labels, predicted, class_names)
    is_binary = len(class_names) == 2
    headline = per_class[class_names[1]] if is_binary else _macro(per_class)
    return {
        "examples": len(labels),
        "accuracy": right / len(labels),
        "accuracy_interval_95": list(wilson_interval(right, len(labels))),
        "auc": _auc(labels, probabilities),
        "log_loss": _log_loss(labels, probabilities),
        "expected_calibration_error": calibration_error(labels, probabilities),
        **{name: headline[name] for name in ("precision", "recall", "f1")},
        "averaging": f"class {class_names[1]}" if is_binary else "macro",
        "macro": _macro(per_class),
        "per_class": per_class,
        "class_names": list(class_names),
        "confusion_matrix": confusion_matrix(labels, predicted, labels=np.arange(len(class_names))).tolist(),
    }


def _per_class(labels: "Labels", predicted: "Labels", class_names: Sequence[str]) -> dict[str, dict[str, Any]]:
    import numpy as np
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(
        labels, predicted, labels=np.arange(len(class_names)), zero_division=0.0
    )  # four arrays [c]
    return {
        name: {"precision": float(p), "recall": float(r), "f1": float(f), "examples": int(n)}
        for name, p, r, f, n in zip(class_names, *columns, strict=True)
    }


def _macro(per_class: dict[str, dict[str, Any]]) -> dict[str, float]:
    return {
        name: sum(figures[name] for figures in per_class.values()) / len(per_class)
        for name in ("precision", "recall", "f1")
    }


def _auc(labels: "Labels", probabilities: "Probabilities") -> float | None:
    """Area under the ROC curve; of several classes the mean of each against the rest, where both sides occur."""
    from sklearn.metrics import roc_auc_score

    classes = range(1, 2) if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    areas = [
        float(roc_auc_score(labels == label, probabilities[:, label]))
        for label in classes
        if 0 < (labels == label).sum() < len(labels)
    ]
    return sum(areas) / len(areas) if areas else None


def _log_loss(labels: "Labels", probabilities: "Probabilities") -> float:
    """Mean negative log of the probability given to the true class, in nats."""
    import numpy as np

    given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(given, _SMALLEST_PROBABILITY)).mean())


def calibration_error(labels: "Labels", probabilities: "Probabilities") -> float:
    """Expected calibration error: |accuracy - confidence| in 15 bins of equal width, weighted by their examples."""
    import numpy as np

    confidence = probabilities.max(axis=1).astype(np.float64)
    is_right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * _CALIBRATION_BINS).astype(np.int64), _CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, is_right - confidence, _CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(labels))


def wilson_interval(right: int, examples: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a share."""
    share, z2 = right / examples, _Z_95**2
    centre = share + z2 / (2 * examples)
    spread = _Z_95 * math.sqrt(share * (1 - share) / examples + z2 / (4 * examples**2))
    scale = 1 + z2 / examples
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def worse_p_value(candidate_only: int, baseline_only: int) -> float:
    """Exact one-sided McNemar test that the candidate is worse; only examples that one of the two got right count.

    Args:
        candidate_only: examples that the candidate got right and the baseline wrong.
        baseline_only: the other way round.

    Returns:
        The chance of ``baseline_only`` or more among them if both models were equally good; 1 where there are none.
    """
    discordant = candidate_only + baseline_only
    ways, term = 0, math.comb(discordant, baseline_only)
    for only in range(baseline_only, discordant + 1):
        ways += term
        term = term * (discordant - only) // (only + 1)
    return ways / 2**discordant
