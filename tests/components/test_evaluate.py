import math

import numpy as np
import pyarrow.parquet as pq
import pytest

from components.evaluate import EvaluateParams, evaluate
from schemas.errors import DataError, GlovebeamError
from tests.components.tiny_models import encode_for, write_floor, write_model

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

    def run(
        logits, test=TEST, floor=None, baseline=None, params=None, class_names=("negative", "positive"), train=TRAIN
    ):
        examples = write_examples({"train": train, "test": test}, class_names=class_names)
        model = model_of(logits, class_names)
        encoded = encode_for(model, examples, tmp_path / "encoded")
        return evaluate(model, encoded, examples, floor, baseline, params or EvaluateParams(), folder("evaluation"))

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
    negative = metrics["per_class"]["negative"]
    assert (negative["precision"], negative["recall"], negative["f1"], negative["examples"]) == (0.5, 0.5, 0.5, 2)


def test_a_model_that_passes_every_check_is_blessed_with_reasons(run):
    evaluation = run({**LOGITS, "weak": 3.0})

    assert evaluation.blessing["blessed"] is True
    assert [(check["name"], check["passed"]) for check in evaluation.blessing["checks"]] == [
        ("accuracy", True), ("class_recall", True), ("beats_constant", True), ("beats_linear", True),
        ("not_worse", True),
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
        evaluate(model, encoded, others, None, None, EvaluateParams(), folder("out"))


def test_a_record_file_that_is_missing_is_named(write_examples, folder, tmp_path, model_of):
    model = model_of(LOGITS)
    examples = write_examples({"train": TRAIN, "test": TEST})
    encoded = encode_for(model, examples, tmp_path / "encoded")
    encoded.shards("test")[-1].unlink()

    with pytest.raises(DataError, match=r"encoded.test: cannot be read: .* expected to contain 5 .* Run encode again"):
        evaluate(model, encoded, examples, None, None, EvaluateParams(), folder("out"))


def test_the_same_inputs_give_the_same_bytes(write_examples, folder, tmp_path, model_of):
    model = model_of(LOGITS)
    examples = write_examples({"train": TRAIN, "test": TEST})
    encoded = encode_for(model, examples, tmp_path / "encoded")
    first, second = (
        evaluate(model, encoded, examples, None, model, EvaluateParams(), folder(name)).path
        for name in ("first", "second")
    )

    assert {path.name: path.read_bytes() for path in first.iterdir()} == {
        path.name: path.read_bytes() for path in second.iterdir()
    }


def test_a_linear_model_that_is_right_more_often_stops_a_candidate_unless_the_config_leaves_it_out(run, folder):
    better = [label for _, label in TEST]
    floor = write_floor(folder("floor"), [f"test:{i}" for i in range(5)], tokens=better, text=better)

    evaluation = run({**LOGITS, "weak": 3.0}, floor=floor)

    assert check_of(evaluation, "beats_linear")["passed"] is evaluation.blessing["blessed"] is False
    assert evaluation.metrics["linear_floor"]["tokens"]["floor_accuracy"] == 1


def test_slices_tell_known_words_from_unknown_ones_and_short_texts_from_long_ones(run):
    evaluation = run({"superb": 2.0, "fine": 1.0}, [("superb", 1), ("fine", 1), ("zyzzyva", 0), ("zz zyzzyva zz", 1)])

    slices = evaluation.metrics["slices"]
    figures = {
        name: [(part["over"], part["up_to"], part["examples"], part["accuracy"]) for part in parts]
        for name, parts in slices.items()
    }
    assert figures == {
        "tokens": [(None, 1, 4, 0.75)],  # max_length is 1
        "unknown_share": [(None, 0.0, 2, 1.0), (0.2, 1.0, 2, 0.5)],
        "characters": [(None, 4, 1, 1.0), (4, 6, 1, 1.0), (6, 7, 1, 1.0), (7, 13, 1, 0.0)],
    }
    assert slices["unknown_share"][1]["share"] == 0.5
    low, high = slices["unknown_share"][1]["intervals_95"]["accuracy"]
    assert 0.05 < low < 0.2
    assert high == pytest.approx(1 - low)
