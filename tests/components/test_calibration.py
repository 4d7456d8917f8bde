"""The scales of a classifier's parts."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import log_loss

from components.training.calibration import accuracy, combined, equal_scales, fit_scales, log_losses

DRAW = np.random.default_rng(0)
LABELS = DRAW.integers(0, 2, 2000)


def logits_right_in(share: float, size: float, labels: NDArray[np.int64] = LABELS) -> NDArray[np.float32]:
    """Logits [n, 1] of this size, with the sign of the label in this share of the rows."""
    is_right = np.random.default_rng(int(share * 1000)).random(len(labels)) < share
    return np.where((labels == 1) == is_right, size, -size).astype(np.float32)[:, None]


@pytest.mark.parametrize("size", [0.2, 8.0])
def test_a_part_becomes_as_sure_as_it_is_right(size: float) -> None:
    (scale,) = fit_scales([logits_right_in(0.8, size)], LABELS)
    assert scale * size == pytest.approx(np.log(0.8 / 0.2), abs=0.15)


def test_scaling_one_part_changes_no_answer() -> None:
    logits = DRAW.normal(size=(2000, 1)).astype(np.float32) * 9
    scales = fit_scales([logits], LABELS)
    assert scales[0] > 0
    assert accuracy(combined([logits], scales), LABELS) == accuracy(logits.astype(float), LABELS)


def test_the_part_that_is_right_more_often_counts_more() -> None:
    good, poor, none = fit_scales([logits_right_in(0.9, 2), logits_right_in(0.7, 2), logits_right_in(0.5, 2)], LABELS)
    assert good > 2 * poor > 4 * none > 0


def test_scales_are_those_of_the_least_log_loss() -> None:
    parts = [logits_right_in(0.9, 2), logits_right_in(0.7, 2)]
    best = fit_scales(parts, LABELS)
    for change in ([0.9, 1], [1.1, 1], [1, 0.9], [1, 1.1]):
        assert (
            log_losses(combined(parts, np.multiply(best, change)), LABELS).sum()
            > log_losses(combined(parts, best), LABELS).sum()
        )


def test_several_classes_are_scaled_alike() -> None:
    labels = DRAW.integers(0, 3, 3000)
    said = np.where(DRAW.random(3000) < 0.6, labels, DRAW.integers(0, 3, 3000))  # right in 0.6 + 0.4 / 3
    sure = np.eye(3, dtype=np.float32)[said] * 20
    (scale,) = fit_scales([sure], labels)
    right = 0.6 + 0.4 / 3
    assert scale * 20 == pytest.approx(np.log(right / ((1 - right) / 2)), abs=0.2)


@pytest.mark.parametrize("parts", [1, 2])
def test_without_rows_all_parts_count_the_same_and_make_a_mean(parts: int) -> None:
    assert equal_scales(parts) == [1 / parts] * parts
    assert fit_scales([np.zeros((0, 1), np.float32)] * parts, np.zeros(0, np.int64)) == equal_scales(parts)


def test_a_few_rows_that_are_all_right_do_not_make_a_part_infinitely_sure() -> None:
    labels = LABELS[:10]
    (scale,) = fit_scales([logits_right_in(1, 2, labels)], labels)
    assert 1 < scale < 3


@pytest.mark.parametrize("classes", [2, 3])
def test_log_losses_are_scikit_learns(classes: int) -> None:
    labels = DRAW.integers(0, classes, 50)
    logits = DRAW.normal(size=(50, 1 if classes == 2 else classes)) * 5
    scores = np.concatenate([0 * logits, logits], axis=1) if classes == 2 else logits
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert log_losses(logits, labels).mean() == pytest.approx(log_loss(labels, probabilities, labels=range(classes)))
    assert accuracy(logits, labels) == (probabilities.argmax(axis=1) == labels).mean()


def test_log_losses_of_very_sure_logits_are_finite() -> None:
    assert log_losses(np.array([[1e4], [-1e4]]), np.array([0, 0])).tolist() == [1e4, 0.0]
