from pathlib import Path

import pytest
import tensorflow as tf

from components.dataset import evaluation_dataset, training_dataset
from schemas.artifacts import EncodedExamples
from schemas.errors import DataError
from schemas.vocabulary import PAD_ID
from tests.components.train_helpers import MAX_LENGTH, corpus, rows, write_encoded, write_vocabulary


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> EncodedExamples:
    folder = tmp_path_factory.mktemp("dataset")
    return write_encoded(folder / "encoded", write_vocabulary(folder / "vocabulary"), corpus())


def rows_of(dataset: tf.data.Dataset) -> list[tuple[int, ...]]:
    return [
        (*ids, label)
        for batch_ids, labels, *_ in dataset.as_numpy_iterator()
        for ids, label in zip(batch_ids, labels, strict=True)
    ]


def test_training_drops_the_incomplete_batch(encoded: EncodedExamples) -> None:
    batches = list(training_dataset(encoded, batch_size=8, seed=0, epoch=1))
    assert [ids.shape for ids, _ in batches] == [(8, MAX_LENGTH)] * 5  # 44 rows
    assert [labels.shape for _, labels in batches] == [(8,)] * 5
    assert {(ids.dtype, labels.dtype) for ids, labels in batches} == {(tf.int64, tf.int64)}


def test_evaluation_gives_every_example_once_in_the_order_of_the_shards(encoded: EncodedExamples) -> None:
    batches = list(evaluation_dataset(encoded, "train", batch_size=8).as_numpy_iterator())
    assert [len(labels) for _, labels, _ in batches] == [8, 8, 8, 8, 8, 4]
    assert [name.decode() for _, _, names in batches for name in names] == [f"train:{i}" for i in range(44)]
    assert [int(label) for _, labels, _ in batches for label in labels] == [label for _, label in corpus()["train"]]


def test_token_ids_come_back_as_they_were_written(encoded: EncodedExamples) -> None:
    vocabulary = write_vocabulary(encoded.path.parent / "again").load()
    expected = [
        (*[PAD_ID] * (MAX_LENGTH - len(tokens)), *vocabulary.ids(tokens), label) for tokens, label in corpus()["test"]
    ]
    assert rows_of(evaluation_dataset(encoded, "test", batch_size=3)) == expected


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_alone(encoded: EncodedExamples) -> None:
    def order(seed: int, epoch: int) -> list[tuple[int, ...]]:
        return rows_of(training_dataset(encoded, batch_size=44, seed=seed, epoch=epoch))

    assert order(3, 2) == order(3, 2)
    assert order(3, 2) != order(3, 1)
    assert order(3, 2) != order(4, 2)
    assert sorted(order(3, 2)) == sorted(order(4, 1)) == sorted(rows_of(evaluation_dataset(encoded, "train", 44)))


def test_rows_of_all_shards_meet_in_a_batch(tmp_path: Path) -> None:
    sorted_rows = sorted(rows(40), key=lambda row: row[1])  # each shard holds one class
    encoded = write_encoded(tmp_path / "encoded", write_vocabulary(tmp_path / "v"), {"train": sorted_rows})
    for _, labels in training_dataset(encoded, batch_size=20, seed=0, epoch=1).as_numpy_iterator():
        assert 4 <= labels.sum() <= 16


def test_gzipped_records_are_read(encoded: EncodedExamples, tmp_path: Path) -> None:
    copy = write_encoded(tmp_path / "encoded", write_vocabulary(tmp_path / "v"), corpus())
    for shard in copy.shards("test"):
        with tf.io.TFRecordWriter(f"{shard}.gz", "GZIP") as writer:
            for record in tf.data.TFRecordDataset(str(shard)):
                writer.write(record.numpy())
        shard.unlink()
    assert rows_of(evaluation_dataset(copy, "test", 4)) == rows_of(evaluation_dataset(encoded, "test", 4))


def test_a_train_split_smaller_than_a_batch_is_an_error_with_a_remedy(encoded: EncodedExamples) -> None:
    with pytest.raises(DataError, match=r"44 training rows are fewer than one batch of 45.*train\.batch_size.*44"):
        training_dataset(encoded, batch_size=45, seed=0, epoch=1)


def test_an_empty_split_has_no_batches(tmp_path: Path) -> None:
    encoded = write_encoded(tmp_path / "encoded", write_vocabulary(tmp_path / "v"), {"train": rows(4)})
    assert list(evaluation_dataset(encoded, "test", batch_size=4)) == []


def test_missing_files_are_an_error(tmp_path: Path) -> None:
    encoded = write_encoded(tmp_path / "encoded", write_vocabulary(tmp_path / "v"), corpus())
    for shard in encoded.shards("train"):
        shard.unlink()
    with pytest.raises(DataError, match=r"encoding\.json counts 44 rows"):
        training_dataset(encoded, batch_size=4, seed=0, epoch=1)
