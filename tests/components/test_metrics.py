"""Figures and their intervals: what they are, and how often the intervals hold the truth."""

import json

import numpy as np
import pytest

from components.evaluation.intervals import auc_interval, f1_interval, mean_of_intervals, wilson_interval
from components.evaluation.metrics import calibration_error, calibration_gaps, classification_metrics
from components.evaluation.slices import Sizes, accuracy_slices
from schemas.artifacts import write_json


def drawn(draw, examples, classes, sharpness=3.0, overconfidence=1.0):
    """Labels that follow the probabilities of a model, and those probabilities sharpened by ``overconfidence``."""
    logits = draw.normal(size=(examples, classes)) * sharpness
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (chances.cumsum(axis=1) > draw.random((examples, 1))).argmax(axis=1)
    told = np.exp(logits * overconfidence)
    return labels, np.float32(told / told.sum(axis=1, keepdims=True))


@pytest.mark.parametrize(("classes", "examples", "overconfidence"), [(2, 300, 1.0), (2, 300, 1.6), (5, 300, 1.3)])
def test_intervals_hold_the_figures_of_endless_data_about_19_times_in_20(classes, examples, overconfidence):
    draw, names = np.random.default_rng(7), [f"class {i}" for i in range(classes)]
    truth = classification_metrics(*drawn(draw, 200_000, classes, 3.0, overconfidence), names)
    holds = dict.fromkeys(truth["intervals_95"], 0)
    for _ in range(100):
        metrics = classification_metrics(*drawn(draw, examples, classes, 3.0, overconfidence), names)
        for name, (low, high) in metrics["intervals_95"].items():
            assert 0 <= low <= metrics[name] <= high, name
            holds[name] += low <= truth[name] <= high
    assert set(holds) == {
        "accuracy", "auc", "expected_calibration_error", "f1", "log_loss", "precision", "recall",
    }  # fmt: skip
    assert min(holds.values()) >= 87, holds  # 95 expected; fewer than 87 in one of 1,000 such counts


def test_a_small_split_without_a_mistake_still_leaves_doubt():
    probabilities = np.float32([[0.9, 0.1]] * 5 + [[0.1, 0.9]] * 5)
    metrics = classification_metrics(np.array([0] * 5 + [1] * 5), probabilities, ("a", "b"))

    lows = {name: metrics["intervals_95"][name][0] for name in ("accuracy", "precision", "recall", "f1", "auc")}
    assert {name: metrics[name] for name in lows} == dict.fromkeys(lows, 1.0)
    assert all(0.5 < low < 0.85 for low in lows.values()), lows


def test_intervals_agree_with_published_values():
    assert wilson_interval(1, 10) == pytest.approx((0.0179, 0.4042), abs=1e-4)
    assert wilson_interval(10, 10) == pytest.approx((0.7225, 1), abs=1e-4)
    assert wilson_interval(0, 0) == (0, 1)
    assert f1_interval(10, 0) == pytest.approx((2 * 0.7225 / 1.7225, 1), abs=1e-4)
    assert mean_of_intervals([0.5, 0.5], [(0.2, 0.8), (0.1, 0.9)]) == pytest.approx((0.25, 0.75))  # sqrt(9 + 16) / 2
    low, high = auc_interval(0.7, positives=50, negatives=40)
    assert auc_interval(0.3, positives=40, negatives=50) == pytest.approx((1 - high, 1 - low))


def test_figures_of_three_classes_agree_with_scikit_learn():
    from sklearn.metrics import f1_score, log_loss, precision_score, recall_score, roc_auc_score

    labels, probabilities = drawn(np.random.default_rng(3), 400, 3)
    predicted = probabilities.argmax(axis=1)
    metrics = classification_metrics(labels, probabilities, ("a", "b", "c"))

    assert metrics["averaging"] == "macro"
    assert [metrics[name] for name in ("precision", "recall", "f1", "auc", "log_loss")] == pytest.approx([
        precision_score(labels, predicted, average="macro"),
        recall_score(labels, predicted, average="macro"),
        f1_score(labels, predicted, average="macro"),
        roc_auc_score(labels, probabilities, multi_class="ovr"),
        log_loss(labels, probabilities.astype(np.float64)),
    ], rel=1e-5)  # fmt: skip
    assert metrics["macro"]["f1"] == metrics["f1"]
    assert metrics["per_class"]["b"]["f1"] == pytest.approx(f1_score(labels, predicted, average=None)[1])
    assert metrics["per_class"]["b"]["auc"] == pytest.approx(roc_auc_score(labels == 1, probabilities[:, 1]))
    assert set(metrics["per_class"]["b"]["intervals_95"]) == {"precision", "recall", "f1", "auc"}


def test_one_class_alone_leaves_auc_open_and_json_valid(tmp_path):
    metrics = classification_metrics(np.array([1, 1]), np.float32([[0.2, 0.8], [0.6, 0.4]]), ("a", "b"))
    write_json(tmp_path / "metrics.json", metrics)

    read = json.loads((tmp_path / "metrics.json").read_text())
    assert read["auc"] is read["intervals_95"]["auc"] is None
    assert read["per_class"]["a"]["intervals_95"]["recall"] == [0, 1]  # nothing is known of it


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    sure = np.float32([[0.1, 0.9]] * 10)

    def error(labels):
        return calibration_error(*calibration_gaps(np.array(labels), sure))

    assert error([1] * 9 + [0]) == pytest.approx(0, abs=1e-6)
    assert error([1] * 5 + [0] * 5) == pytest.approx(0.4, abs=1e-6)


def test_slices_cover_every_example_once_and_those_that_fill_max_length_stand_apart():
    tokens = np.array([1, 20, 21, 79, 80, 80])
    is_right = np.array([True, False, True, True, True, False])

    slices = accuracy_slices(is_right, Sizes(tokens, unknown=tokens // 20, characters=tokens * 5), max_length=80)

    assert [(part["over"], part["up_to"], part["examples"], part["accuracy"]) for part in slices["tokens"]] == [
        (None, 20, 2, 0.5), (20, 40, 1, 1.0), (60, 79, 1, 1.0), (79, 80, 2, 0.5),
    ]  # fmt: skip
    for parts in slices.values():
        assert sum(part["examples"] for part in parts) == 6
        assert sum(part["share"] for part in parts) == pytest.approx(1)
