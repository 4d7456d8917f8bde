"""How good predictions are.

In: labels int64 [n] and probabilities float32 [n, c]. Out: plain numbers. Letters: n examples, c classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.evaluation.intervals import (
    Interval,
    auc_interval,
    calibration_interval,
    f1_interval,
    mean_interval,
    mean_of_intervals,
    wilson_interval,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Labels = NDArray[np.int64]
    Probabilities = NDArray[np.float32]

Figures = dict[str, Any]

_CALIBRATION_BINS = 15
_SMALLEST_PROBABILITY = 1e-7  # what float32 can tell from 0 beside 1; keeps a sure error from being infinite
_CLASS_FIGURES = ("precision", "recall", "f1", "auc")


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


def classification_metrics(labels: "Labels", probabilities: "Probabilities", class_names: Sequence[str]) -> Figures:
    """All figures of one model, with the 95 % intervals of those that have one under ``intervals_95``.

    ``precision``, ``recall``, ``f1`` and ``auc`` are those of the second class where there are two, else the mean over
    the classes; ``averaging`` says which. ``auc`` is that of each class against the rest, and None where the labels
    hold no other class.
    """
    predicted = probabilities.argmax(axis=1)
    right = int((predicted == labels).sum())
    losses = log_losses(labels, probabilities)
    bins, gaps = calibration_gaps(labels, probabilities)
    per_class = _per_class(labels, probabilities, class_names)
    macro = _macro(list(per_class.values()))
    headline = per_class[class_names[1]] if len(class_names) == 2 else macro
    return {
        "examples": len(labels),
        "accuracy": right / len(labels),
        "log_loss": float(losses.mean()),
        "expected_calibration_error": calibration_error(bins, gaps),
        **{name: headline[name] for name in _CLASS_FIGURES},
        "averaging": f"class {class_names[1]}" if len(class_names) == 2 else "macro",
        "intervals_95": {
            "accuracy": wilson_interval(right, len(labels)),
            "log_loss": mean_interval(losses),
            "expected_calibration_error": calibration_interval(bins, gaps),
            **headline["intervals_95"],
        },
        "macro": macro,
        "per_class": per_class,
        "class_names": list(class_names),
        "confusion_matrix": confusion_matrix(labels, predicted, len(class_names)).tolist(),
    }


def confusion_matrix(labels: "Labels", predicted: "Labels", classes: int) -> "NDArray[np.int64]":
    """How often each class, a row, was given each answer, a column: int64 [c, c]."""
    import numpy as np

    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def _per_class(labels: "Labels", probabilities: "Probabilities", class_names: Sequence[str]) -> dict[str, Figures]:
    import numpy as np

    confusion = confusion_matrix(labels, probabilities.argmax(axis=1), len(class_names))
    hits = np.diag(confusion).tolist()
    answers, examples = confusion.sum(axis=0).tolist(), confusion.sum(axis=1).tolist()
    return {
        name: _class_figures(hits[i], answers[i], examples[i], _auc(labels == i, probabilities[:, i]), len(labels))
        for i, name in enumerate(class_names)
    }


def _class_figures(hits: int, answers: int, examples: int, auc: float | None, total: int) -> Figures:
    """Of one class: how many of the examples it has and of the answers that name it are hits."""
    mistakes = answers + examples - 2 * hits
    return {
        "examples": examples,
        "precision": hits / max(answers, 1),
        "recall": hits / max(examples, 1),
        "f1": 2 * hits / max(2 * hits + mistakes, 1),
        "auc": auc,
        "intervals_95": {
            "precision": wilson_interval(hits, answers),
            "recall": wilson_interval(hits, examples),
            "f1": f1_interval(hits, mistakes),
            "auc": None if auc is None else auc_interval(auc, examples, total - examples),
        },
    }


def _macro(per_class: Sequence[Mapping[str, Any]]) -> Figures:
    """The mean over the classes of each of their figures, where they have it; two classes have one AUC, and no mean."""
    means: dict[str, float | None] = {}
    intervals: dict[str, Interval | None] = {}
    for name in _CLASS_FIGURES if len(per_class) > 2 else ("precision", "recall", "f1"):
        known = [figures for figures in per_class if figures[name] is not None]
        estimates = [figures[name] for figures in known]
        means[name] = sum(estimates) / len(estimates) if known else None
        known_intervals = [figures["intervals_95"][name] for figures in known]
        shared = 2 if name == "f1" else 1  # a mistake lowers the F1 of the true class and of the answer
        intervals[name] = mean_of_intervals(estimates, known_intervals, shared) if known else None
    return {**means, "intervals_95": intervals}


def _auc(is_class: "NDArray[np.bool_]", scores: "NDArray[np.float32]") -> float | None:
    """Area under the ROC curve of one class against the rest; None where one of the two does not occur."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(is_class, scores)) if 0 < is_class.sum() < len(is_class) else None


def log_losses(labels: "Labels", probabilities: "Probabilities") -> "NDArray[np.float64]":
    """Negative log of the probability given to the true class of each example, in nats: [n]."""
    import numpy as np

    given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.maximum(given, _SMALLEST_PROBABILITY))


def calibration_gaps(
    labels: "Labels", probabilities: "Probabilities"
) -> "tuple[NDArray[np.int64], NDArray[np.float64]]":
    """The bin of each example among 15 of equal width, by its confidence, and right (1 or 0) minus confidence: [n]."""
    import numpy as np

    confidence = probabilities.max(axis=1).astype(np.float64)
    bins = np.minimum((confidence * _CALIBRATION_BINS).astype(np.int64), _CALIBRATION_BINS - 1)
    return bins, (probabilities.argmax(axis=1) == labels) - confidence


def calibration_error(bins: "NDArray[np.int64]", gaps: "NDArray[np.float64]") -> float:
    """Expected calibration error: |accuracy - confidence| of each bin, weighted by its examples."""
    import numpy as np

    return float(np.abs(np.bincount(bins, gaps)).sum() / len(gaps))
