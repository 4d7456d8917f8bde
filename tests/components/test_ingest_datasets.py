"""Sources with splits of their own: folder trees like aclImdb, and TensorFlow data sets."""

import numpy as np
import pytest

from components.beam_options import BeamOptions
from schemas.errors import UsageError
from tests.components.ingest_helpers import digests, rejects, rows, run, run_unsplit, texts, triples


def write_tree(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_folder_tree_keeps_its_test_split_and_gives_validation_from_train(tmp_path):
    files = {f"train/{label}/{n}_1.txt": f"{label} {n}" for label in ("neg", "pos") for n in range(60)}
    files |= {"test/neg/0_1.txt": "neg 0", "test/pos/1_9.txt": "Another\n", "train/unsup/0_0.txt": "unlabelled"}
    examples = run(tmp_path, write_tree(tmp_path / "tree", files), validation_fraction=0.3)
    assert triples(examples, "test") == [("test/neg/0_1.txt", "neg 0", "neg"), ("test/pos/1_9.txt", "Another\n", "pos")]
    assert examples.summary.class_names == ("neg", "pos")
    assert examples.summary.rows["train"] + examples.summary.rows["validation"] == 120
    assert 20 < examples.summary.rows["validation"] < 52
    assert {text.split()[0] for text in texts(examples, "validation")} == {"neg", "pos"}


def test_a_folder_tree_with_a_validation_split_keeps_all_three(tmp_path):
    files = {
        f"{split}/{name}/{n}.txt": f"{n}"
        for split in ("train", "validation", "test")
        for name in "abc"
        for n in range(9)
    }
    examples = run(tmp_path, write_tree(tmp_path / "tree", files))
    assert examples.summary.rows == {"train": 27, "validation": 27, "test": 27}
    assert examples.summary.class_names == ("a", "b", "c")


def test_a_folder_tree_without_a_test_split_gets_one_from_train(tmp_path):
    files = {f"train/{name}/{n}.txt": f"{name} {n}" for name in "ab" for n in range(100)}
    assert 4 < run(tmp_path, write_tree(tmp_path / "tree", files)).summary.rows["test"] < 40


def test_class_folders_can_be_renamed(tmp_path):
    tree = write_tree(tmp_path / "tree", {"train/pos/1.txt": "Good", "train/neg/1.txt": "Bad"})
    examples = run_unsplit(tmp_path, tree, class_names={"neg": "negative", "pos": "positive"})
    assert [name for *_, name in triples(examples)] == ["negative", "positive"]


def write_tfds(folder, label, splits, rows_per_shard=1300, unlabelled=()):
    """A data set of numbered reviews in tfds' own layout: records and metadata serialized by tfds."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    features = tfds.features.FeaturesDict({"text": tfds.features.Text(), "label": label, "user": tfds.features.Text()})
    folder.mkdir(parents=True)
    name = folder.parts[-3]
    for split, count in splits.items():
        starts = range(0, count, rows_per_shard)
        for shard, start in enumerate(starts):
            path = folder / f"{name}-{split}.tfrecord-{shard:05}-of-{len(starts):05}"
            with tf.io.TFRecordWriter(str(path)) as writer:
                for n in range(start, min(count, start + rows_per_shard)):
                    review = {
                        "text": f"Review {split} {n} é",
                        "label": -1 if n in unlabelled else n % 2,
                        "user": f"u{n}",
                    }
                    writer.write(features.serialize_example(features.encode_example(review)))
    tfds.folder_dataset.write_metadata(data_dir=folder, features=features)


@pytest.fixture(scope="module")
def tfds_folder(tmp_path_factory):
    """Data sets with class labels and own splits, with integer labels, and with a row that has no label."""
    import tensorflow_datasets as tfds

    data_dir = tmp_path_factory.mktemp("tfds")
    splits = {"train": 2500, "test": 30, "unsupervised": 5}
    write_tfds(data_dir / "movies/plain/1.0.0", tfds.features.ClassLabel(names=["bad", "good"]), splits)
    write_tfds(data_dir / "numbers/plain/1.0.0", tfds.features.Scalar(np.int64), {"train": 100})
    stars = tfds.features.ClassLabel(names=["1", "2"])
    write_tfds(data_dir / "stars/plain/1.0.0", stars, {"train": 4}, unlabelled=[2])
    return data_dir


def test_tfds_keeps_its_splits_and_class_names_for_any_workers(tmp_path, tfds_folder):
    source = {"source": "tfds:movies", "tfds_data_dir": tfds_folder, "keep_columns": ["user"], "rows_per_shard": 1000}
    examples = run(tmp_path, **source)
    summary = examples.summary
    assert (summary.rows_in, summary.rejected, summary.class_names) == (2530, 0, ("bad", "good"))
    assert summary.rows["test"] == 30
    assert summary.rows["train"] + summary.rows["validation"] == 2500
    assert 180 < summary.rows["validation"] < 320
    assert rows(examples, "test")[3] == {
        "example_id": "movies-test.tfrecord-00000-of-00001__3",
        "text": "Review test 3 é",
        "label": 1,
        "user": "u3",
    }
    assert sorted(texts(examples, "train", "validation")) == sorted(f"Review train {n} é" for n in range(2500))
    assert digests(run(tmp_path, beam=BeamOptions(workers=2, mode="multi_threading"), **source)) == digests(examples)


def test_tfds_integer_labels_without_splits_are_hashed(tmp_path, tfds_folder):
    summary = run(tmp_path, "tfds:numbers/plain:1.0.0", tfds_data_dir=tfds_folder, test_fraction=0.3).summary
    assert summary.class_names == ("0", "1")
    assert 15 < summary.rows["test"] < 45


def test_tfds_class_names_that_are_numbers_are_names_and_no_label_is_a_reject(tmp_path, tfds_folder):
    examples = run_unsplit(tmp_path, "tfds:stars", tfds_data_dir=tfds_folder, max_rejected=1)
    assert [name for *_, name in triples(examples)] == ["1", "2", "2"]
    assert rejects(examples.path) == [
        {
            "place": "stars-train.tfrecord-00000-of-00001__2",
            "reason": "the label is null or missing",
            "raw": {"text": "Review train 2 é", "label": -1},
        }
    ]


def test_tfds_without_the_named_feature_lists_its_features(tmp_path, tfds_folder):
    with pytest.raises(UsageError, match=r"no feature 'review'; it has .*text.*Set ingest\.text_column"):
        run(tmp_path, "tfds:movies", tfds_data_dir=tfds_folder, text_column="review")
