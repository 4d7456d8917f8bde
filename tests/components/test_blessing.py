"""The paired comparisons with the serving model and with the linear floor."""

import numpy as np
import pytest

from components.evaluate import to_probabilities
from components.evaluation.blessing import linear_check
from components.evaluation.champion import ask_champion, paired_check
from components.evaluation.floor import compare_with_floor
from components.evaluation.metrics import Predictions
from components.evaluation.paired import worse_p_value
from schemas.errors import DataError
from tests.components.tiny_models import write_floor, write_model

WORDS = [f"word{letter}" for letter in "abcdefghijklmnopqrst"]
ALTERNATING = [(word, position % 2) for position, word in enumerate(WORDS)]
CLASS_NAMES = ("negative", "positive")


def logits_right_on(right):
    """Logits that are right on these positions of ``ALTERNATING``, and wrong on all others."""
    return [(1.0 if label else -1.0) * (1 if i in right else -1) for i, (_, label) in enumerate(ALTERNATING)]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A serving model that is right on the first 16 of 20 texts."""
    logits = dict(zip(WORDS, logits_right_on(range(16)), strict=True))
    return write_model(tmp_path_factory.mktemp("served"), logits)


@pytest.fixture
def check(write_examples, served):
    """The check of a candidate that is right on these positions."""

    def check(right, equal_model, significance=0.05):
        probabilities = to_probabilities(np.float32(logits_right_on(right)), classes=2)
        predictions = Predictions(WORDS, np.array([label for _, label in ALTERNATING]), probabilities)
        examples = write_examples({"test": ALTERNATING}, name=f"examples-{equal_model}")
        champion = ask_champion(served, examples, predictions, CLASS_NAMES)
        return paired_check(predictions, champion, significance, equal_model)

    return check


@pytest.mark.parametrize(
    ("right", "passes", "candidate_only", "baseline_only"),
    [
        (range(12, 16), False, 0, 12),
        (range(5, 16), False, 0, 5),  # p = 1/32
        (range(4, 16), True, 0, 4),  # p = 1/16: may be chance
        (range(4, 20), True, 4, 4),
        (range(16), True, 0, 0),
        (range(20), True, 4, 0),
    ],
)
def test_a_candidate_is_refused_only_when_significantly_worse_where_equal_ones_are_accepted(
    check, right, passes, candidate_only, baseline_only
):
    found = check(right, "accept")

    assert (found["name"], found["passed"]) == ("not_worse", passes)
    assert (found["candidate_only"], found["baseline_only"]) == (candidate_only, baseline_only)
    assert found["baseline_accuracy"] == 0.8
    assert f"{baseline_only} wrong where that is right" in found["reason"]


@pytest.mark.parametrize(
    ("right", "significance", "passes"),
    [
        (range(5, 16), 0.05, False),
        (range(16), 0.05, False),
        (range(20), 0.05, False),  # p = 1/16: may be chance
        (range(20), 0.07, True),
    ],
)
def test_a_candidate_passes_only_when_significantly_better_where_equal_ones_are_refused(
    check, right, significance, passes
):
    found = check(right, "refuse", significance)

    assert (found["name"], found["passed"]) == ("better", passes)


def test_reasons_name_figures_test_and_rule(check):
    accept, refuse = check(range(4, 16), "accept")["reason"], check(range(4, 16), "refuse")["reason"]

    figures = (
        "accuracy 0.6000 against 0.8000 of the serving model on the same examples; 0 right where that is wrong, "
        "4 wrong where that is right: "
    )
    assert accept == f"{figures}not significantly worse (p = 0.0625, evaluate.significance = 0.05)"
    assert refuse == (
        f"{figures}not significantly better (p = 1, evaluate.significance = 0.05, evaluate.equal_model = 'refuse')"
    )


def test_the_paired_test_agrees_with_published_values():
    assert worse_p_value(5, 15) == pytest.approx(0.02069, abs=1e-5)  # binomial, 15 or more of 20
    assert worse_p_value(15, 5) == pytest.approx(0.99409, abs=1e-5)
    assert worse_p_value(0, 0) == 1


IDS = [f"test:{i}" for i in range(5)]
LABELS = [1, 1, 0, 1, 0]
ANSWERS = Predictions(IDS, np.array(LABELS), np.eye(2, dtype=np.float32)[[1, 1, 0, 0, 1]])  # 3 of 5 right


@pytest.mark.parametrize(
    ("variant", "passes", "reason"),
    [
        (
            "tokens",
            True,
            "accuracy 0.6000 against 0.6000 of the linear floor on the tokens the model sees, on the same examples; "
            "1 right where that is wrong, 1 wrong where that is right: at least as good "
            "(p = 0.75 for better, 0.75 for worse)",
        ),
        (
            "text",
            False,
            "accuracy 0.6000 against 1.0000 of the linear floor on the full texts, on the same examples; "
            "0 right where that is wrong, 2 wrong where that is right: less accurate "
            "(p = 1 for better, 0.25 for worse); train longer, add examples, or leave this check out with "
            "evaluate.linear_floor = 'none'",
        ),
        ("none", True, "there is no linear floor to compare with"),
    ],
)
def test_a_model_must_be_right_as_often_as_the_linear_model_that_the_config_names(tmp_path, variant, passes, reason):
    one_better_one_worse = [1, 0, 0, 1, 1]

    both = compare_with_floor(ANSWERS, write_floor(tmp_path, IDS, one_better_one_worse, LABELS))
    check = linear_check(both, variant)

    assert (check["name"], check["passed"], check["reason"]) == ("beats_linear", passes, reason)
    assert {name: figures["floor_accuracy"] for name, figures in both.items()} == {"tokens": 0.6, "text": 1.0}
    assert both["text"] == {
        "accuracy": 0.6, "floor_accuracy": 1.0, "candidate_only": 0, "floor_only": 2, "p_better": 1.0, "p_worse": 0.25,
        "intervals_95": {"floor_accuracy": [0.25, 0.75]},
    }  # fmt: skip


def test_a_linear_model_that_was_not_fitted_stops_no_candidate_and_the_reason_says_why(tmp_path):
    why = "no text of the train split holds a token"

    both = compare_with_floor(ANSWERS, write_floor(tmp_path, IDS, why, LABELS))

    check = linear_check(both, "tokens")
    assert check["passed"] is True
    assert check["reason"] == f"not compared, the linear floor was not fitted: {why}"
    assert both["tokens"] == {"not_compared": why}
    assert linear_check(both, "text")["passed"] is False


def test_a_floor_of_other_examples_is_refused(tmp_path):
    floor = write_floor(tmp_path, list("abcde"), LABELS, LABELS)

    with pytest.raises(DataError, match=r"predictions.parquet holds other examples .* Run linear_floor again"):
        compare_with_floor(ANSWERS, floor)


def test_without_a_floor_nothing_is_compared():
    assert compare_with_floor(ANSWERS, None) is None
    assert linear_check(None, "tokens")["passed"] is True
