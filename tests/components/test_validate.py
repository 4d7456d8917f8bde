import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies
from tensorflow_metadata.proto.v0.schema_pb2 import Schema
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList

from components.beam_options import BeamOptions
from components.validate import ValidateParams, source_files, validate
from schemas.errors import UsageError

CLEAN = {
    "train": [
        ("A good film, a good cast.", 1),
        ("Not good.", 0),
        ("Worth every minute of it", 1),
        ("Bad, bad, BAD", 0),
    ],
    "validation": [("A bad cast", 0)],
    "test": [("Two good hours", 1), ("zyzzyva", 0)],
}
SHIPPED = source_files(ValidateParams())[0].read_text()


@pytest.fixture
def run(write_examples, folder):
    """Validate a corpus; returns the report."""

    def run(corpus=CLEAN, schema="", out="report", class_names=("negative", "positive"), beam=None):
        examples = write_examples(corpus, class_names=class_names, name=f"examples-of-{out}")
        return validate(examples, ValidateParams(schema_file=schema), folder(out), beam or BeamOptions())

    return run


def statistics_of(report):
    datasets = DatasetFeatureStatisticsList.FromString((report.path / "statistics.pb").read_bytes()).datasets
    return {
        dataset.name: {feature.path.step[0]: feature for feature in dataset.features} | {"": dataset}
        for dataset in datasets
    }


def test_a_clean_corpus_has_no_anomalies_and_exact_figures(run):
    report = run()

    assert report.summary["anomalies"] == []
    train, test = (report.summary["splits"][split] for split in ("train", "test"))
    assert train["classes"] == {"negative": 2, "positive": 2}
    words = train["words"]  # 6, 2, 5 and 3 words
    assert (words["min"], words["max"], words["mean"], words["p50"]) == (2, 6, 4, 3)
    assert words["std_dev"] == pytest.approx(2.5**0.5)
    assert test["rows"] == test["distinct_texts"] == 2
    assert sorted(path.name for path in report.path.iterdir()) == [
        "anomalies.pbtxt", "lengths.json", "schema.pbtxt", "statistics.pb", "summary.json",
    ]  # fmt: skip


def test_the_protos_hold_the_same_figures_for_other_tools(run):
    report = run()

    train = statistics_of(report)["train"]
    assert train[""].num_examples == 4
    assert train["text"].string_stats.common_stats.num_non_missing == 4
    assert train["text"].string_stats.unique == 4
    assert train["text_words"].num_stats.mean == 4
    assert sum(bucket.sample_count for bucket in train["text_words"].num_stats.histograms[0].buckets) == 4
    assert [(value.value, value.frequency) for value in train["class_name"].string_stats.top_values] == [
        ("negative", 2), ("positive", 2),
    ]  # fmt: skip
    schema = text_format.Parse((report.path / "schema.pbtxt").read_text(), Schema())
    domains = {feature.name: feature for feature in schema.feature}
    assert list(domains["class_name"].string_domain.value) == ["negative", "positive"]
    assert domains["label"].int_domain.max == 1


def test_sixty_rows_of_three_classes_pass(run):
    texts = [f"text number {number} of topic {number % 3}" for number in range(60)]
    rows = [(text, number % 3) for number, text in enumerate(texts)]

    report = run({"train": rows[:50], "validation": rows[50:54], "test": rows[54:]}, class_names=("a", "b", "c"))

    assert report.summary["anomalies"] == []


def test_every_broken_rule_is_named_with_split_value_and_bound(run):
    bad = [("", 1), ("  ", 1), ("x" * 2_000_001, 1), *[("the same again", 1)] * 8]

    report = run({**CLEAN, "test": [*bad, ("A GOOD film -- a good cast!", 0)], "train": [*CLEAN["train"], ("c", 7)]})

    assert report.summary["anomalies"] == [
        "train: label is 7, expected at most 1",
        "test: text_characters is 0 for 1 of 12 rows, such as test:0, expected at least 1 (Unicode characters of "
        "a text)",
        "test: text_characters is 2,000,001 for 1 of 12 rows, such as test:2, expected at most 2,000,000 (Unicode "
        "characters of a text)",
        "test: text_words is 0 for 2 of 12 rows, expected at least 1 (pieces of a text between white space; 0 is an "
        "empty text)",
        "test: duplicate_share is 0.5833 for 7 of 12 rows, expected at most 0.5 (share of the rows that repeat "
        "another text of the split (case, markup and punctuation aside))",
        "test: leaked_share is 0.08333 for 1 of 12 rows, expected at most 0.01 (share of the rows whose text is also "
        "in an earlier split (of train, validation, test))",
    ]
    anomalies = text_format.Parse((report.path / "anomalies.pbtxt").read_text(), Anomalies()).anomaly_info
    assert list(anomalies["test/text_characters"].path.step) == ["text_characters"]
    assert len(anomalies["test/text_characters"].reason) == 2
    assert "expected at most 0.01" in anomalies["test/leaked_share"].description


def test_a_class_that_train_hardly_holds_is_an_anomaly(run):
    rows = [(f"text {number}", 1) for number in range(200)]

    report = run({**CLEAN, "train": [*rows, ("the only other one", 0)]})

    assert report.summary["anomalies"] == [
        "train: class_balance is 0.00995 for class 'negative', 1 of 201 rows, expected at least 0.02 (a class's "
        "share of the rows, times the number of classes)"
    ]


def test_a_split_without_rows_matters_in_test_but_not_in_validation(run):
    report = run({"train": CLEAN["train"]})

    assert report.summary["anomalies"] == ["test: rows is 0, expected at least 1 (rows of the split)"]


def test_texts_are_compared_as_the_splits_are_hashed_across_shards(run):
    train = [("One <b>film</b>", 1), ("a", 0), ("b", 0), ("one FILM!", 1), ("c", 0)]

    report = run({"train": train, "validation": [("One film?", 1), ("d", 0)], "test": [("one film", 1), ("d.", 1)]})

    figures = report.summary["splits"]
    assert (figures["train"]["distinct_texts"], figures["train"]["duplicates"]) == (4, 1)
    assert (figures["validation"]["leaked"], figures["test"]["leaked"]) == (1, 2)
    assert figures["test"]["texts_shared_with"] == {"train": 1, "validation": 2}


def test_counts_of_repeats_do_not_depend_on_the_number_of_buckets(run, monkeypatch):
    from components.validation import statistics

    corpus = {**CLEAN, "train": [*CLEAN["train"], ("not GOOD", 0)], "test": [*CLEAN["test"], ("Not good!", 0)]}
    one = run(corpus, out="one").summary
    monkeypatch.setattr(statistics, "_HASHES_PER_BUCKET", 1)
    many = run(corpus, out="many").summary

    assert many == one
    assert one["splits"]["train"]["duplicates"] == one["splits"]["test"]["leaked"] == 1


def test_bytes_that_are_not_utf8_are_counted_and_refused(write_examples, folder):
    examples = write_examples(CLEAN)
    shard = examples.shards("test")[0]
    table = pq.read_table(shard)
    broken = pa.array([b"caf\xe9 au lait", b"fine"]).view(pa.string())
    pq.write_table(table.set_column(1, table.schema.field("text"), [broken]), shard)

    report = validate(examples, ValidateParams(), folder("out"), BeamOptions())

    assert report.summary["splits"]["test"]["invalid_utf8"] == 1
    assert report.summary["anomalies"] == [
        "test: invalid_utf8_share is 0.5 for 1 of 2 rows, expected at most 0 (share of the rows whose text is not "
        "valid UTF-8)"
    ]


def test_missing_columns_wrong_types_and_nulls_are_anomalies(write_examples, folder):
    examples = write_examples({**CLEAN, "validation": CLEAN["train"][:2]})
    columns = {"example_id": ["a", "b"], "text": ["one", None], "label": [0, 1]}
    for split, table in {
        "validation": pa.table({**columns, "label": ["0", "1"]}),
        "test": pa.table({name: columns[name] for name in ("example_id", "text")}),
    }.items():
        pq.write_table(table, examples.shards(split)[0])

    report = validate(examples, ValidateParams(), folder("out"), BeamOptions())

    named = [anomaly for anomaly in report.summary["anomalies"] if "class_balance" not in anomaly]
    missing_text = "text is missing in 1 of 2 rows, expected a share of at most 0"
    assert named[:2] == [f"validation: {missing_text}", "validation: the column label has type BYTES, expected INT"]
    assert f"test: {missing_text}" in named
    assert "test: the column label is missing; the columns are example_id, text" in named


def test_bounds_and_classes_of_a_schema_of_ones_own_are_kept(run, tmp_path):
    schema = tmp_path / "mine.pbtxt"
    schema.write_text(
        SHIPPED.replace("string_domain {}", 'string_domain { value: "positive" }').replace(
            "min: 1 max: 2000000", "min: 1 max: 20"
        )
    )

    report = run(schema=str(schema))

    assert report.summary["anomalies"] == [
        "train: class 'negative' of 2 rows is not in the label domain, expected positive",
        "train: text_characters is 25 for 1 of 4 rows, such as train:0, expected at most 20 (Unicode characters of a "
        "text)",
        "validation: class 'negative' of 1 rows is not in the label domain, expected positive",
        "test: class 'negative' of 1 rows is not in the label domain, expected positive",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('feature {\n  name: "text"\n  typ: BYTES\n}', r"line 3, column 3: .*no field named \"typ\""),
        (
            'feature { name: "text" unique_constraints { min: 3 } }',
            "uses 'unique_constraints', which validate does not",
        ),
        ('feature { name: "text" type: BYTES int_domain { min: 3 } }', "uses 'int_domain', which validate does not"),
        ('feature { name: "tone" lifecycle_stage: VALIDATION_DERIVED }', "'tone' is not known; validate derives"),
        (
            'feature { name: "text" in_environment: "serving" }',
            "environment 'serving'; they are train, validation, test",
        ),
        ('feature { name: "text" } feature { name: "text" }', "'text' is described twice"),
    ],
)
def test_a_schema_that_cannot_be_kept_to_the_letter_is_refused(run, tmp_path, content, message):
    schema = tmp_path / "mine.pbtxt"
    schema.write_text(content)

    with pytest.raises(UsageError, match=message):
        run(schema=str(schema))


def test_a_schema_file_that_is_not_there_is_refused_before_anything_runs():
    with pytest.raises(UsageError, match=r"validate.schema_file = 'nowhere.pbtxt': there is no such file"):
        source_files(ValidateParams(schema_file="nowhere.pbtxt"))


def test_the_report_is_the_same_bytes_for_any_number_of_workers(run):
    corpus = {split: [(f"{text} {number}", label) for number in range(9) for text, label in rows]
              for split, rows in CLEAN.items()}  # fmt: skip
    one = run(corpus, out="one")
    two = run(corpus, out="two", beam=BeamOptions(workers=2, mode="multi_threading"))

    assert digests(one.path) == digests(two.path)


def digests(path: Path):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(path.iterdir())}


def test_kept_columns_are_left_alone_unless_the_schema_describes_them(write_examples, folder, tmp_path):
    examples = write_examples(CLEAN)
    for split in CLEAN:
        for shard in examples.shards(split):
            table = pq.read_table(shard)
            pq.write_table(table.append_column("stars", pa.nulls(len(table), pa.string())), shard)
    schema = tmp_path / "mine.pbtxt"
    schema.write_text(f'{SHIPPED} feature {{ name: "stars" type: BYTES presence {{ min_fraction: 0.5 }} }}')

    default = validate(examples, ValidateParams(), folder("default"), BeamOptions())
    mine = validate(examples, ValidateParams(schema_file=str(schema)), folder("mine"), BeamOptions())

    assert default.summary["anomalies"] == []
    assert mine.summary["anomalies"] == [
        f"{split}: stars is missing in {rows} of {rows} rows, expected a share of at most 0.5"
        for split, rows in (("train", 4), ("validation", 1), ("test", 2))
    ]
