"""The windows of the train texts, cut again by a loop over plain lists."""

import random

import pytest
import tensorflow as tf

from components.beam_options import BeamOptions
from components.encode import EncodeParams, encode
from schemas.artifacts import VocabularyArtifact
from schemas.examples import SPLITS, TRAIN_WINDOWS
from schemas.vocabulary import FIRST_TOKEN_ID, Tokenizer, Vocabulary

WORDS = [f"word{number}" for number in range(50)]


@pytest.fixture
def encode_corpus(write_examples, folder):
    """``encode_corpus(corpus, max_length=6, ...)``: texts are lists of ids, or a number of tokens."""

    def encode_corpus(corpus, name="encoded", rows_per_shard=7, **params):
        draw = random.Random(0)
        drawn = {
            split: [draw.choices(range(50), k=ids) if isinstance(ids, int) else ids for ids in texts]
            for split, texts in corpus.items()
        }
        rows = {
            split: [(" ".join(WORDS[number] for number in text), i % 2) for i, text in enumerate(texts)]
            for split, texts in drawn.items()
        }
        examples = write_examples(rows, rows_per_shard, name=f"{name}-examples")
        vocabulary = VocabularyArtifact(folder(f"{name}-vocabulary"))
        Vocabulary.from_tokens(WORDS, Tokenizer()).save(vocabulary.vocabulary_file, vocabulary.tokenizer_file)
        return encode(examples, vocabulary, None, EncodeParams(**params), folder(name), BeamOptions()), drawn

    return encode_corpus


def read_windows(encoded, max_length):
    """(example_id, label, length, token ids) of each window, file by file."""
    spec = {
        "token_ids": tf.io.FixedLenFeature([max_length], tf.int64),
        "length": tf.io.FixedLenFeature([], tf.int64),
        "label": tf.io.FixedLenFeature([], tf.int64),
        "example_id": tf.io.FixedLenFeature([], tf.string),
    }
    found = []
    for shard in encoded.shards(TRAIN_WINDOWS):
        records = [record.numpy() for record in tf.data.TFRecordDataset(str(shard))]
        rows = {
            name: values.numpy() for name, values in tf.io.parse_example(tf.constant(records, tf.string), spec).items()
        }
        example_ids = [example_id.decode() for example_id in rows["example_id"]]
        columns = (example_ids, rows["label"].tolist(), rows["length"].tolist(), rows["token_ids"].tolist())
        found.append(list(zip(*columns, strict=True)))
    return found


def cut_again(texts, max_length, truncating, padding):
    """The windows of all texts, one after the other."""
    found = []
    for i, numbers in enumerate(texts):
        rest = [number + FIRST_TOKEN_ID for number in numbers]
        windows = []
        while rest:
            if truncating == "pre":
                windows.append(rest[-max_length:])
                rest = rest[:-max_length]
            else:
                windows.append(rest[:max_length])
                rest = rest[max_length:]
        for window in windows[1:]:
            if len(window) >= max_length / 2:
                fill = [0] * (max_length - len(window))
                row = fill + window if padding == "pre" else window + fill
                found.append((f"train:{i}", i % 2, len(window), row))
    return found


@pytest.mark.parametrize("max_length", [6, 7])
@pytest.mark.parametrize("padding", ["pre", "post"])
@pytest.mark.parametrize("truncating", ["pre", "post"])
def test_windows_equal_a_recomputation_by_a_loop(encode_corpus, truncating, padding, max_length):
    draw = random.Random(max_length)
    lengths = [0, 6, 7, 9, 12, 13, 8_000, *(draw.randrange(40) for _ in range(22))]
    encoded, drawn = encode_corpus(
        {"train": lengths, "test": [50]}, max_length=max_length, padding=padding, truncating=truncating
    )
    expected = cut_again(drawn["train"], max_length, truncating, padding)
    shards = read_windows(encoded, max_length)
    assert [row for shard in shards for row in shard] == expected
    assert encoded.encoding.train_windows == len(expected)
    assert [shard.name for shard in encoded.shards(TRAIN_WINDOWS)] == [shard.name for shard in encoded.shards("train")]
    for number, shard in enumerate(shards):  # 7 reviews a shard
        assert {int(example_id.removeprefix("train:")) // 7 for example_id, *_ in shard} <= {number}


@pytest.mark.parametrize(
    ("tokens", "max_length", "lengths"),
    [
        (6, 6, []),
        (7, 6, []),
        (8, 6, []),
        (9, 6, [3]),
        (12, 6, [6]),
        (14, 6, [6]),
        (15, 6, [6, 3]),
        (7, 5, []),
        (8, 5, [3]),
        (0, 1, []),
        (2, 1, [1]),
    ],
)
def test_half_of_max_length_makes_a_window_and_less_makes_none(encode_corpus, tokens, max_length, lengths):
    encoded, _ = encode_corpus({"train": [tokens]}, max_length=max_length)
    (rows,) = read_windows(encoded, max_length)
    assert [length for _, _, length, _ in rows] == lengths


def test_windows_go_outwards_from_what_is_kept(encode_corpus):
    texts = [list(range(8)), [40, 41], list(range(10, 15))]
    expected = {
        "pre": [[2, 3, 4], [0, 1], [10, 11]],
        "post": [[3, 4, 5], [6, 7], [13, 14]],
    }
    for truncating, numbers in expected.items():
        encoded, _ = encode_corpus({"train": texts}, truncating, max_length=3, truncating=truncating)
        (rows,) = read_windows(encoded, 3)
        assert [[id_ - FIRST_TOKEN_ID for id_ in ids if id_] for *_, ids in rows] == numbers


def test_no_text_of_another_split_has_windows(encode_corpus):
    encoded, _ = encode_corpus({"train": [[1] * 30] * 9, "validation": [[2] * 30] * 9, "test": [[3] * 30] * 9})
    assert encoded.encoding.train_windows == 0  # all fit 80 ids
    encoded, _ = encode_corpus(
        {"train": [[1] * 30] * 9, "validation": [[2] * 30] * 9, "test": [[3] * 30] * 9}, "cut", max_length=6
    )
    rows = [row for shard in read_windows(encoded, 6) for row in shard]
    assert len(rows) == encoded.encoding.train_windows == 9 * 4
    assert {example_id for example_id, *_ in rows} == {f"train:{i}" for i in range(9)}
    assert {id_ for *_, ids in rows for id_ in ids} == {1 + FIRST_TOKEN_ID}
    assert {path.name for path in encoded.path.iterdir() if path.is_dir()} == {*SPLITS, TRAIN_WINDOWS}
    assert not [path for path in (encoded.path / TRAIN_WINDOWS).iterdir() if path.suffix != ".tfrecord"]


def test_without_windows_there_is_no_folder_and_the_splits_are_the_same_bytes(encode_corpus):
    corpus = {split: [3, 20, 9, 40] for split in SPLITS}
    cut, _ = encode_corpus(corpus, "all", max_length=6)
    kept, _ = encode_corpus(corpus, "kept", max_length=6, windows="kept")
    assert not (kept.path / TRAIN_WINDOWS).exists()
    assert kept.encoding.train_windows == 0 < cut.encoding.train_windows
    assert kept.encoding.rows == cut.encoding.rows == dict.fromkeys(SPLITS, 4)
    for split in SPLITS:
        for one, other in zip(kept.shards(split), cut.shards(split), strict=True):
            assert one.read_bytes() == other.read_bytes()
