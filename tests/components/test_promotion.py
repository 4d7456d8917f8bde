"""The candidate against the model that serves: gain, slices, and the alarm about what serves; all measured now."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.evaluate import EvaluateParams, evaluate
from schemas.artifacts import IngestSummary
from schemas.errors import UsageError
from tests.components.tiny_models import encode_for, write_model

LETTERS = "abcdefghijklmnopqrst"
WORDS = [f"{'long' * (position % 4 == 0)}word{letter}" for position, letter in enumerate(LETTERS)]
TEST = [(word, position % 2) for position, word in enumerate(WORDS)]  # 20 texts; every fourth is a long one
TRAIN = [("x", 0), ("y", 1)]
ALL = range(20)


def right_on(right):
    """Logits of a model that is right on these of the texts, and wrong on the others."""
    return {word: (1.0 if label else -1.0) * (1 if i in right else -1) for i, (word, label) in enumerate(TEST)}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    made = {}

    def model(right, words=WORDS):
        key = (tuple(right), tuple(words))
        if key not in made:
            logits = {word: right_on(right)[word] for word in words}
            made[key] = write_model(tmp_path_factory.mktemp("model"), logits)
        return made[key]

    return model


@pytest.fixture
def judged(write_examples, folder, tmp_path, model):
    """Metrics and blessing of a candidate against a champion, either right on these positions."""

    def judged(candidate, champion, genres=None, **params):
        examples = write_examples({"train": TRAIN, "test": TEST}, rows_per_shard=20)
        if genres is not None:
            add_column(examples, "genre", genres)
        new = model(candidate)
        baseline = None if champion is None else model(champion, tuple(reversed(WORDS)))  # ids of its own
        encoded = encode_for(new, examples, tmp_path / "encoded")
        found = evaluate(new, encoded, examples, None, baseline, EvaluateParams(**params), folder("evaluation"))
        return found.metrics, found.blessing

    return judged


def add_column(examples, name, values):
    (shard,) = examples.shards("test")
    pq.write_table(pq.read_table(shard).append_column(name, pa.array(values, pa.string())), shard)
    summary = examples.summary
    IngestSummary(summary.class_names, (name,), summary.rows_in, 0, summary.rows).save(examples.path / "summary.json")


def check_of(blessing, name):
    (found,) = (check for check in blessing["checks"] if check["name"] == name)
    return found


def test_the_serving_model_is_scored_anew_on_these_very_examples(judged):
    metrics, _ = judged(range(18), range(13))

    assert (metrics["accuracy"], metrics["serving_model"]["accuracy"]) == (0.9, 0.65)
    assert metrics["serving_model"]["confusion_matrix"] == [[7, 3], [4, 6]]


@pytest.mark.parametrize(
    ("candidate", "champion", "min_gain", "passes"),
    [
        (range(16), range(15), 0.05, True),  # one of twenty more is a gain of 0.05
        (range(16), range(15), 0.06, False),
        (range(15), range(15), 0.0, True),
        (range(14), range(15), 0.0, False),
        (range(14), range(15), -0.05, True),
        (range(13), range(15), -0.05, False),
        (range(13), None, 0.5, True),
    ],
)
def test_the_gain_over_the_serving_model_is_at_least_the_minimum(judged, candidate, champion, min_gain, passes):
    _, blessing = judged(candidate, champion, min_gain=min_gain)

    assert check_of(blessing, "gain")["passed"] is blessing["blessed"] is passes


def test_a_gain_that_is_too_small_is_told_with_figure_and_bound(judged):
    _, blessing = judged(range(16), range(15), min_gain=0.1)

    assert check_of(blessing, "gain")["reason"] == (
        "accuracy +0.0500 against the serving model on the same examples is below evaluate.min_gain = 0.1"
    )


ODD, EVEN = {*ALL[1::2]}, {*ALL[::2]}


def test_a_model_that_is_better_on_the_whole_and_worse_in_a_guarded_slice_is_refused_with_its_name(judged):
    candidate, champion = sorted(ODD | {0, 2, 4, 6}), sorted(EVEN | {1, 3})

    _, blessing = judged(candidate, champion, guarded_slices=["class"])

    check = check_of(blessing, "slices")
    assert [one["name"] for one in blessing["checks"] if not one["passed"]] == ["slices"]
    assert "class negative (10 examples): accuracy 0.4000 against 1.0000 of the serving model" in check["reason"]
    assert "class positive" not in check["reason"]
    assert [(part["slice"], part["examples"], part["baseline_only"]) for part in check["slices"]] == [
        ("class negative", 10, 6),
        ("class positive", 10, 0),
    ]


@pytest.mark.parametrize(("lost", "passes"), [(5, True), (6, False)])  # p = 1/32 and 1/64; 0.05 / 2 slices lies between
def test_the_significance_is_shared_out_among_the_slices(judged, lost, passes):
    _, blessing = judged(sorted({*ALL} - {*sorted(EVEN)[:lost]}), ALL, guarded_slices=["class"], significance=0.05)

    assert check_of(blessing, "slices")["passed"] is passes


def test_texts_are_guarded_by_length_and_by_a_column_that_ingest_kept(judged):
    genres = ["drama" if i < 10 else "western" for i in ALL]

    _, blessing = judged(range(10), ALL, genres=genres, guarded_slices=["characters", "genre"])

    check = check_of(blessing, "slices")
    assert [part["slice"] for part in check["slices"]] == [
        "characters up to 5", "characters up to 9", "genre drama", "genre western",
    ]  # fmt: skip
    assert [part["examples"] for part in check["slices"]] == [15, 5, 10, 10]
    assert "in characters up to 5 (15 examples)" in check["reason"]
    assert "genre western (10 examples)" in check["reason"]
    assert "genre drama" not in check["reason"]


def test_a_slice_that_is_not_there_is_a_usage_error_naming_those_that_are(judged):
    with pytest.raises(UsageError, match=r"no 'genre'. Expected some of class, tokens, unknown_share, characters, or"):
        judged(ALL, ALL, guarded_slices=["genre"])


def test_a_serving_model_below_the_thresholds_raises_an_alarm_even_when_the_candidate_is_worse(judged):
    _, blessing = judged(range(6), range(13), min_accuracy=0.7, min_class_recall=0.65)

    assert blessing["blessed"] is False
    assert check_of(blessing, "not_worse")["passed"] is False
    assert blessing["alarms"] == [
        "accuracy 0.6500 is below evaluate.min_accuracy = 0.7",
        "the lowest recall, 0.6000 of class 'positive', is below evaluate.min_class_recall = 0.65",
    ]


def test_a_serving_model_no_better_than_a_constant_answer_raises_an_alarm(judged):
    _, blessing = judged(ALL, EVEN)

    assert blessing["blessed"] is True
    assert blessing["alarms"] == ["accuracy 0.5000 against 0.5000 for always answering 'negative'"]


@pytest.mark.parametrize("champion", [range(15), None])
def test_no_alarm_is_raised_by_a_serving_model_that_holds_or_by_none(judged, champion):
    _, blessing = judged(range(6), champion, min_accuracy=0.7)

    assert blessing["blessed"] is False
    assert blessing["alarms"] == []
