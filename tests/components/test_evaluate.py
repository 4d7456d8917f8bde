import json
import math

import numpy as np
import pyarrow.parquet as pq
import pytest

from components.evaluate import EvaluateParams, evaluate, to_probabilities
from components.evaluation.blessing import baseline_check
from components.evaluation.metrics import (
    Predictions,
    calibration_error,
    classification_metrics,
    wilson_interval,
    worse_p_value,
)
from schemas.artifacts import write_json
from schemas.errors import DataError, GlovebeamError
from tests.components.tiny_models import encode_for, write_model

# Every word is a text: the logit is the model's answer, the label its truth.
TEST = [("superb", 1), ("fine", 1), ("dull", 0), ("weak", 1), ("awful", 0)]
LOGITS = {"superb": 2.0, "fine": 1.0, "dull": -1.0, "weak": -2.0, "awful": 0.4}
TRAIN = [("good", 1), ("bad", 0), ("nice", 1)]


@pytest.fixture(scope="module")
def model_of(tmp_path_factory):
    """The model with these logits, made once."""
    models = {}

    def model_of(logits, class_names=("negative", "positive")):
        key = (*logits.items(), class_names)
        if key not in models:
            models[key] = write_model(tmp_path_factory.mktemp("model"), logits, class_names)
        return models[key]

    return model_of


@pytest.fixture
def run(write_examples, folder, tmp_path, model_of):
    """Evaluate a model given by its logits, against a baseline given likewise."""

    def run(logits, test=TEST, baseline=None, params=None, class_names=("negative", "positive"), train=TRAIN):
        examples = write_examples({"train": train, "test": test}, class_names=class_names)
        model = model_of(logits, class_names)
        encoded = encode_for(model, examples, tmp_path / "encoded")
        return evaluate(model, encoded, examples, baseline, params or EvaluateParams(), folder("evaluation"))

    return run


def check_of(evaluation, name):
    (found,) = (check for check in evaluation.blessing["checks"] if check["name"] == name)
    return found


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_every_test_example_is_scored_in_order_and_the_figures_follow(run):
    evaluation = run(LOGITS)

    table = pq.read_table(evaluation.predictions_file)
    assert [str(field.type) for field in table.schema] == ["string", "int64", "int64", "list<element: float>"]
    assert table["example_id"].to_pylist() == [f"test:{i}" for i in range(5)]
    assert table["label"].to_pylist() == [1, 1, 0, 1, 0]
    assert table["predicted"].to_pylist() == [1, 1, 0, 0, 1]
    expected = [[sigmoid(-x), sigmoid(x)] for x in LOGITS.values()]
    np.testing.assert_allclose(np.array(table["probability"].to_pylist()), expected, atol=1e-6)
    metrics = evaluation.metrics
    assert (metrics["examples"], metrics["accuracy"]) == (5, 0.6)
    assert metrics["confusion_matrix"] == [[1, 1], [1, 2]]  # rows: truth, columns: answer
    assert metrics["auc"] == pytest.approx(4 / 6)  # of 3 x 2 pairs
    assert metrics["log_loss"] == pytest.approx(
        -sum(math.log(row[label]) for row, (_, label) in zip(expected, TEST, strict=True)) / 5, rel=1e-5
    )
    assert (metrics["precision"], metrics["recall"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert metrics["averaging"] == "class positive"
    assert metrics["per_class"]["negative"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "examples": 2}


def test_a_model_that_passes_every_check_is_blessed_with_reasons(run):
    evaluation = run({**LOGITS, "weak": 3.0})

    assert evaluation.blessing["blessed"] is True
    assert [(check["name"], check["passed"]) for check in evaluation.blessing["checks"]] == [
        ("accuracy", True), ("class_recall", True), ("beats_constant", True), ("not_worse", True),
    ]  # fmt: skip
    assert check_of(evaluation, "accuracy")["reason"] == "accuracy 0.8000 is at least evaluate.min_accuracy = 0.5"
    assert check_of(evaluation, "not_worse")["reason"] == "there is no serving model to compare with"


def test_thresholds_refuse_and_name_the_figure_and_the_bound(run):
    evaluation = run({**LOGITS, "weak": 3.0}, params=EvaluateParams(min_accuracy=0.9, min_class_recall=0.6))

    assert evaluation.blessing["blessed"] is False
    assert check_of(evaluation, "accuracy")["reason"] == "accuracy 0.8000 is below evaluate.min_accuracy = 0.9"
    assert check_of(evaluation, "class_recall")["reason"] == (
        "the lowest recall, 0.5000 of class 'negative', is below evaluate.min_class_recall = 0.6"
    )


def test_a_model_no_better_than_one_constant_answer_is_refused(run):
    evaluation = run(dict.fromkeys(LOGITS, 1.0))  # always positive, which is most frequent in train

    refused = check_of(evaluation, "beats_constant")
    assert refused["passed"] is evaluation.blessing["blessed"] is False
    assert refused["reason"].startswith("accuracy 0.6000 against 0.6000 for always answering 'positive'")


WORDS = [f"word{letter}" for letter in "abcdefghijklmnopqrst"]
ALTERNATING = [(word, position % 2) for position, word in enumerate(WORDS)]


def logits_right_on(right):
    """Logits that are right on these positions of ``ALTERNATING``, and wrong on all others."""
    return [(1.0 if label else -1.0) * (1 if i in right else -1) for i, (_, label) in enumerate(ALTERNATING)]


@pytest.fixture
def served(model_of):
    """A serving model that is right on the first 16 of 20 texts."""
    return model_of(dict(zip(WORDS, logits_right_on(range(16)), strict=True)))


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
def test_a_candidate_is_refused_only_when_significantly_worse_on_the_same_examples(
    write_examples, served, right, passes, candidate_only, baseline_only
):
    examples = write_examples({"test": ALTERNATING})
    probabilities = to_probabilities(np.float32(logits_right_on(right)), classes=2)
    predictions = Predictions(WORDS, np.array([label for _, label in ALTERNATING]), probabilities)

    check = baseline_check(predictions, served, examples, ("negative", "positive"), significance=0.05)

    assert (check["passed"], check["candidate_only"], check["baseline_only"]) == (passes, candidate_only, baseline_only)
    assert check["baseline_accuracy"] == 0.8
    assert f"{baseline_only} wrong where that is right" in check["reason"]


def test_the_baseline_is_judged_by_its_own_vocabulary_and_class_order(run, model_of):
    words = {word: -logit for word, logit in reversed(LOGITS.items())}  # other ids, and positive is its first class
    baseline = model_of(words, ("positive", "negative"))

    check = check_of(run(LOGITS, baseline=baseline), "not_worse")

    assert (check["candidate_only"], check["baseline_only"], check["baseline_accuracy"]) == (0, 0, 0.6)


def test_a_baseline_with_other_classes_is_not_compared_and_that_is_said(run, model_of):
    baseline = model_of(LOGITS, ("no", "yes"))

    check = check_of(run({**LOGITS, "weak": 3.0}, baseline=baseline), "not_worse")

    assert check["passed"] is True
    assert check["reason"] == "not compared: the serving model knows the classes no, yes, this one negative, positive"


def test_a_baseline_that_cannot_be_loaded_stops_with_a_readable_message(run, tmp_path):
    baseline = write_model(tmp_path / "baseline", LOGITS)
    (baseline.saved_model / "saved_model.pb").write_bytes(b"not a model")

    with pytest.raises(GlovebeamError, match="cannot be loaded as a SavedModel with the signatures of train"):
        run(LOGITS, baseline=baseline)


def test_several_classes_have_macro_figures_and_a_class_without_examples_does_no_harm(run):
    logits = {"red": (3, 0, 0), "blue": (0, 3, 0), "sky": (1, 0, 0)}

    evaluation = run(logits, [("red", 0), ("blue", 1), ("sky", 1)], class_names=("r", "b", "g"))

    metrics = evaluation.metrics
    assert metrics["averaging"] == "macro"
    assert metrics["confusion_matrix"] == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert metrics["per_class"]["g"]["examples"] == 0
    assert metrics["recall"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert check_of(evaluation, "class_recall")["class"] == "b"


def test_an_empty_test_split_is_a_data_error_with_a_remedy(run):
    with pytest.raises(DataError, match=r"the test split has no rows.*raise ingest.test_fraction"):
        run(LOGITS, [])


def test_examples_that_are_not_those_that_were_encoded_are_refused(write_examples, folder, tmp_path, model_of):
    model = model_of(LOGITS)
    encoded = encode_for(model, write_examples({"train": TRAIN, "test": TEST}), tmp_path / "encoded")
    others = write_examples({"train": TRAIN, "test": TEST[:4]}, name="others")

    with pytest.raises(DataError, match=r"holds 5 examples, its encoding.json says 5, and the texts .* are 4"):
        evaluate(model, encoded, others, None, EvaluateParams(), folder("out"))


def test_a_record_file_that_is_missing_is_named(write_examples, folder, tmp_path, model_of):
    model = model_of(LOGITS)
    examples = write_examples({"train": TRAIN, "test": TEST})
    encoded = encode_for(model, examples, tmp_path / "encoded")
    encoded.shards("test")[-1].unlink()

    with pytest.raises(DataError, match=r"encoded.test: cannot be read: .* expected to contain 5 .* Run encode again"):
        evaluate(model, encoded, examples, None, EvaluateParams(), folder("out"))


def test_the_same_inputs_give_the_same_bytes(write_examples, folder, tmp_path, model_of):
    model = model_of(LOGITS)
    examples = write_examples({"train": TRAIN, "test": TEST})
    encoded = encode_for(model, examples, tmp_path / "encoded")
    first, second = (
        evaluate(model, encoded, examples, model, EvaluateParams(), folder(name)).path for name in ("first", "second")
    )

    assert {path.name: path.read_bytes() for path in first.iterdir()} == {
        path.name: path.read_bytes() for path in second.iterdir()
    }


def test_one_class_alone_leaves_auc_open_and_json_valid(tmp_path):
    metrics = classification_metrics(np.array([1, 1]), np.float32([[0.2, 0.8], [0.6, 0.4]]), ("a", "b"))
    write_json(tmp_path / "metrics.json", metrics)

    assert json.loads((tmp_path / "metrics.json").read_text())["auc"] is None


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    sure = np.float32([[0.1, 0.9]] * 10)

    assert calibration_error(np.array([1] * 9 + [0]), sure) == pytest.approx(0, abs=1e-6)
    assert calibration_error(np.array([1] * 5 + [0] * 5), sure) == pytest.approx(0.4, abs=1e-6)


def test_the_interval_and_the_paired_test_agree_with_published_values():
    assert wilson_interval(1, 10) == pytest.approx((0.0179, 0.4042), abs=1e-4)
    assert wilson_interval(10, 10) == pytest.approx((0.7225, 1), abs=1e-4)
    assert worse_p_value(5, 15) == pytest.approx(0.02069, abs=1e-5)  # binomial, 15 or more of 20
    assert worse_p_value(15, 5) == pytest.approx(0.99409, abs=1e-5)
