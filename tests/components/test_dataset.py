import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf

from components.beam_options import BeamOptions
from components.dataset import evaluation_dataset, training_dataset, training_rows
from components.encode import EncodeParams, encode
from schemas.artifacts import EncodedExamples, VocabularyArtifact
from schemas.errors import DataError
from schemas.vocabulary import FIRST_TOKEN_ID, PAD_ID, Tokenizer, Vocabulary
from tests.components.train_helpers import MAX_LENGTH, corpus, rows, write_encoded, write_vocabulary
from tests.conftest import WriteExamples


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


@pytest.fixture
def with_windows(write_examples: WriteExamples, folder: Callable[[str], Path]) -> EncodedExamples:
    """Twelve texts of nine different words in rows of three: the last of a text is kept, two are windows."""
    words = [f"w{number}" for number in range(108)]
    texts = [(" ".join(words[start : start + 9]), start % 2) for start in range(0, 108, 9)]
    vocabulary = VocabularyArtifact(folder("vocabulary"))
    Vocabulary.from_tokens(words, Tokenizer()).save(vocabulary.vocabulary_file, vocabulary.tokenizer_file)
    params = EncodeParams(max_length=3)
    return encode(write_examples({"train": texts}, 5), vocabulary, None, params, folder("encoded"), BeamOptions())


def three_words(start: int) -> tuple[int, ...]:
    return (*range(start + FIRST_TOKEN_ID, start + FIRST_TOKEN_ID + 3), start // 9 % 2)


KEPT = [three_words(start) for start in range(6, 108, 9)]
ALL = [three_words(start) for start in range(0, 108, 3)]


def test_training_reads_the_windows_beside_the_kept_rows(with_windows: EncodedExamples) -> None:
    assert training_rows(with_windows.encoding) == 36
    assert sorted(rows_of(training_dataset(with_windows, batch_size=36, seed=0, epoch=1))) == ALL
    assert [len(labels) for _, labels in training_dataset(with_windows, batch_size=10, seed=0, epoch=1)] == [10] * 3
    with pytest.raises(DataError, match="36 training rows are fewer than one batch of 37"):
        training_dataset(with_windows, batch_size=37, seed=0, epoch=1)


def test_evaluation_of_the_train_split_sees_the_kept_rows_alone(with_windows: EncodedExamples) -> None:
    assert rows_of(evaluation_dataset(with_windows, "train", batch_size=5)) == KEPT


def test_windows_and_kept_rows_are_shuffled_as_one(with_windows: EncodedExamples) -> None:
    def order(seed: int, epoch: int) -> list[tuple[int, ...]]:
        return rows_of(training_dataset(with_windows, batch_size=36, seed=seed, epoch=epoch))

    assert order(3, 2) == order(3, 2)
    assert len({tuple(order(seed, epoch)) for seed in (3, 4) for epoch in (1, 2)}) == 4
    kept_in_first_half = [len(set(order(seed, 1)[:18]) & set(KEPT)) for seed in range(8)]
    assert 4 <= sum(kept_in_first_half) / 8 <= 8  # of 12
    assert len(set(kept_in_first_half)) > 1


def test_a_small_shuffle_buffer_shuffles_less_and_loses_nothing(with_windows: EncodedExamples) -> None:
    def order(shuffle_buffer: int) -> list[tuple[int, ...]]:
        return rows_of(training_dataset(with_windows, 36, seed=0, epoch=1, shuffle_buffer=shuffle_buffer))

    assert order(1) != order(36) == order(250_000)
    assert sorted(order(1)) == sorted(order(4)) == ALL
    of_shards = [[row for row in order(1) if row in KEPT[shard : shard + 5]] for shard in (0, 5, 10)]
    assert of_shards == [KEPT[0:5], KEPT[5:10], KEPT[10:]]  # the rows of a shard stay in its order


def test_missing_windows_are_an_error(with_windows: EncodedExamples) -> None:
    shutil.rmtree(with_windows.path / "train_windows")
    with pytest.raises(DataError, match=r"train_windows: no examples-.* encoding\.json counts 24 rows"):
        training_dataset(with_windows, batch_size=4, seed=0, epoch=1)
