"""Spans: which there are, which count, and what they are together."""

import json

import pyarrow.parquet as pq
import pytest

from components.beam_options import BeamOptions
from components.ingest import IngestParams, ingest, ingest_span
from components.reading.spans import check_pattern, find_spans, in_window
from components.sources import find_source
from schemas.errors import DataError, UsageError
from schemas.examples import SPLITS


def put(folder, name, rows):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))


def reviews(start, count=12):
    return [(f"review number {number}", ("neg", "pos")[number % 2]) for number in range(start, start + count)]


def found(folder, pattern):
    return [(span.name, span.version, len(span.files)) for span in find_spans(str(folder / pattern))]


def test_spans_are_ordered_by_number_and_date_and_the_highest_version_counts(tmp_path):
    for name in ("span-10/a", "span-9/a", "span-9/b", "span-x/a"):
        put(tmp_path, f"{name}.jsonl", [])
    assert found(tmp_path, "span-{SPAN}/*.jsonl") == [("9", None, 2), ("10", None, 1)]
    for name in ("2026-11-02/v1", "2026-11-02/v10", "2026-11-02/v9", "2026-02-30/v1", "2026-10-31/v1"):
        put(tmp_path, f"{name}/a.jsonl", [])
    pattern = "{YYYY}-{MM}-{DD}/v{VERSION}/*.jsonl"
    assert found(tmp_path, pattern) == [("2026-10-31", 1, 1), ("2026-11-02", 10, 1)]


def test_the_name_of_a_file_may_tell_its_span(tmp_path):
    for name in ("2026/reviews-202611-a", "2026/reviews-202611-b", "2026/reviews-202612-a", "2025/reviews-202611-a"):
        put(tmp_path, f"{name}.jsonl", [])
    assert found(tmp_path, "{YYYY}/reviews-{YYYY}{MM}-?.jsonl") == [("2026-11", None, 2), ("2026-12", None, 1)]


def test_a_folder_without_files_is_an_empty_span(tmp_path):
    (tmp_path / "span-1").mkdir()
    assert found(tmp_path, "span-{SPAN}/*.jsonl") == [("1", None, 0)]


@pytest.mark.parametrize("source", ["{VERSION}/a.csv", "{SPAN}/{YYYY}.csv", "{MM}/a.csv", "{YYYY}-{DD}.csv"])
def test_placeholders_that_make_no_order_are_refused(source):
    with pytest.raises(ValueError, match=r"must name its spans by \{SPAN\} alone"):
        check_pattern(source)


@pytest.mark.parametrize(
    ("window", "without", "names"),
    [
        ("all", (), ["2026-11-01", "2026-11-02", "2026-12-01"]),
        ("last 2", (), ["2026-11-02", "2026-12-01"]),
        ("last 2", ("2026-11-02",), ["2026-11-01", "2026-12-01"]),
        ("since 2026-11-02", (), ["2026-11-02", "2026-12-01"]),
        ("since 2026-12", (), ["2026-12-01"]),
        ("only 2026-11-02", (), ["2026-11-02"]),
    ],
)
def test_a_window_counts_the_spans_that_are_there(tmp_path, window, without, names):
    for name in ("2026-11-01", "2026-11-02", "2026-12-01"):
        put(tmp_path, f"{name}.jsonl", [])
    spans = find_spans(str(tmp_path / "{YYYY}-{MM}-{DD}.jsonl"))
    assert [span.name for span in in_window(spans, window, without)] == names


def test_a_window_without_any_span_is_told(tmp_path):
    put(tmp_path, "1.jsonl", [])
    with pytest.raises(UsageError, match=r"window = 'since 2' holds none of the spans 1 to 1"):
        in_window(find_spans(str(tmp_path / "{SPAN}.jsonl")), "since 2", ())


def test_a_window_has_no_effect_on_a_plain_source(tmp_path):
    put(tmp_path, "a.jsonl", reviews(0))
    with pytest.raises(UsageError, match="no effect on source"):
        find_source(IngestParams(source=str(tmp_path / "a.jsonl"), window="last 2"))


def read_spans(tmp_path, folder):
    """The examples of each span, and what they are together."""
    params = IngestParams(source=str(tmp_path / "span-{SPAN}.jsonl"), test_fraction=0.3, validation_fraction=0.2)
    spans = {}
    for span in find_spans(params.source):
        only = params.model_copy(update={"window": f"only {span.name}"})
        spans[span.name] = ingest_span(only, folder(f"span-{span.name}"), BeamOptions())
    return spans, ingest(params, folder("window"), BeamOptions(), spans)


def rows(examples):
    tables = {split: [pq.read_table(shard).to_pylist() for shard in examples.shards(split)] for split in SPLITS}
    return {split: [row for table in tables[split] for row in table] for split in SPLITS}


def test_spans_together_hold_every_row_once_in_the_order_of_the_spans(tmp_path, folder):
    put(tmp_path, "span-1.jsonl", reviews(0))
    put(tmp_path, "span-2.jsonl", [])
    put(tmp_path, "span-3.jsonl", reviews(12))
    spans, window = read_spans(tmp_path, folder)
    assert rows(window) == {split: [row for span in spans.values() for row in rows(span)[split]] for split in SPLITS}
    assert sum(window.summary.rows.values()) == window.summary.rows_in == 24
    assert window.rows_of_spans == {"1": 12, "2": 0, "3": 12}
    assert {row["example_id"].partition(":")[0] for row in rows(window)["train"]} == {"span-1.jsonl", "span-3.jsonl"}


def test_a_review_that_comes_again_in_another_span_is_in_the_same_split(tmp_path, folder):
    put(tmp_path, "span-1.jsonl", reviews(0, 30))
    put(tmp_path, "span-2.jsonl", [(f"<b>{text.upper()}</b>!", label) for text, label in reviews(0, 30)])
    spans, _ = read_spans(tmp_path, folder)
    first, second = (rows(span) for span in spans.values())
    assert {split: len(first[split]) for split in SPLITS} == {split: len(second[split]) for split in SPLITS}
    for split in SPLITS:
        assert [row["text"].upper() for row in first[split]] == [row["text"][3:-5].upper() for row in second[split]]


def test_labels_mean_the_same_where_a_span_lacks_a_class(tmp_path, folder):
    put(tmp_path, "span-1.jsonl", [row for row in reviews(0, 40) if row[1] == "pos"])
    put(tmp_path, "span-2.jsonl", reviews(100, 40))
    spans, window = read_spans(tmp_path, folder)
    assert spans["1"].summary.class_names == ("pos",)
    assert window.summary.class_names == ("neg", "pos")
    labels = {row["text"]: row["label"] for split in rows(window).values() for row in split}
    assert labels == {
        text: int(label == "pos") for text, label in (*reviews(0, 40), *reviews(100, 40)) if text in labels
    }
    assert len(labels) == 60


def test_a_broken_span_is_named(tmp_path, folder):
    (tmp_path / "span-7.jsonl").write_text("<html>\n")
    with pytest.raises(DataError, match=r"^span 7: .*not JSON Lines.* ingest\.without = \['7'\]"):
        read_spans(tmp_path, folder)
