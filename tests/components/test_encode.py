"""Token ids as other programs read them: by plain tf.data, by tfds, and re-computed from the text in ten lines."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core.dataset_info import DatasetIdentity

from components.beam_options import BeamOptions
from components.build_vocabulary import BuildVocabularyParams, build_vocabulary
from components.embed import EmbedParams, embed
from components.encode import EncodeParams, encode
from schemas.examples import SPLITS
from schemas.vocabulary import Tokenizer

BEAM = BeamOptions()


@pytest.fixture
def make_vocabulary(folder):
    def make(examples, tokenizer=Tokenizer(), size=100):  # noqa: B008 - frozen
        out = folder(f"vocabulary-{tokenizer.name}-{tokenizer.punctuation}")
        return build_vocabulary(examples, tokenizer, BuildVocabularyParams(size=size), out, BEAM)

    return make


def read_records(shards, max_length, compression=""):
    """The records as plain TensorFlow reads them, without the project's declarations."""
    spec = {
        "token_ids": tf.io.FixedLenFeature([max_length], tf.int64),
        "length": tf.io.FixedLenFeature([], tf.int64),
        "label": tf.io.FixedLenFeature([], tf.int64),
        "example_id": tf.io.FixedLenFeature([], tf.string),
    }
    records = tf.data.TFRecordDataset([str(shard) for shard in shards], compression_type=compression)
    return [tf.io.parse_single_example(record, spec) for record in records]


def test_each_text_becomes_a_row_of_ids(write_examples, make_vocabulary, folder):
    examples = write_examples()
    encoded = encode(examples, make_vocabulary(examples), None, EncodeParams(max_length=4), folder("encoded"), BEAM)
    good, a, film = 4, 6, 7  # bad is 5: good 6 times, bad 4, a 3, film 2
    rows = read_records(encoded.shards("test"), max_length=4)
    ids = [row["token_ids"].numpy().tolist() for row in rows]
    assert ids == [[a, good, good, film], [0, 0, 0, 2], [0, 0, 0, 2]]
    assert [int(row["length"]) for row in rows] == [4, 1, 1]
    assert [int(row["label"]) for row in rows] == [1, 0, 0]
    assert [row["example_id"].numpy() for row in rows] == [b"test:0", b"test:1", b"test:2"]


def keras_tokens(text):
    text = re.sub(r"""[!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~\t\n]""", " ", text.lower())
    return [token for token in text.split(" ") if token]


def glove_tokens(text, keep=False):
    text = re.sub(r"</?[a-z][^<>]*>", " ", text.lower())
    text = re.sub(r"([a-z])n't\b", "\\1 n\x01t", text)
    text = re.sub(r"([a-z0-9])'(s|m|d|re|ve|ll)\b", "\\1 \x01\\2", text)
    text = re.sub("[^a-z0-9\x01\\s]", r" \g<0> " if keep else " ", text)
    return text.replace("\x01", "'").split()


@pytest.mark.parametrize(
    ("tokenizer", "rule"),
    [
        (Tokenizer(name="keras"), keras_tokens),
        (Tokenizer(), glove_tokens),
        (Tokenizer(punctuation="keep"), lambda text: glove_tokens(text, keep=True)),
    ],
)
@pytest.mark.parametrize(("padding", "truncating"), [("pre", "pre"), ("post", "pre"), ("pre", "post")])
def test_ids_equal_a_recomputation_from_the_parquet_text(
    write_examples, make_vocabulary, folder, tokenizer, rule, padding, truncating
):
    sentences = [
        "It's a good film, isn't it? 10/10!",
        "BAD bad 'bad' <br /><br />film-noir...",
        "a",
        "",
        "?!",
        "they've",
    ]
    texts = [" ".join(sentences[i % 6 :][: 1 + i % 5]) for i in range(60)]
    examples = write_examples({split: [(text, 0) for text in texts] for split in SPLITS}, rows_per_shard=13)
    vocabulary = make_vocabulary(examples, tokenizer, size=12)
    params = EncodeParams(max_length=6, padding=padding, truncating=truncating)
    encoded = encode(examples, vocabulary, None, params, folder("encoded"), BEAM)

    id_of = {token: i for i, token in enumerate(vocabulary.vocabulary_file.read_text().split("\n"))}
    for split in SPLITS:
        rows = read_records(encoded.shards(split), max_length=6)
        texts = [text for shard in examples.shards(split) for text in pq.read_table(shard)["text"].to_pylist()]
        for row, text in zip(rows, texts, strict=True):
            ids = [id_of.get(token, 2) for token in rule(text)] or [2]
            ids = ids[-6:] if truncating == "pre" else ids[:6]
            padded = [0] * (6 - len(ids)) + ids if padding == "pre" else ids + [0] * (6 - len(ids))
            assert row["token_ids"].numpy().tolist() == padded
            assert int(row["length"]) == len(ids)


def test_tfds_loads_the_folder(write_examples, make_vocabulary, folder):
    examples = write_examples()
    encoded = encode(examples, make_vocabulary(examples), None, EncodeParams(max_length=4), folder("encoded"), BEAM)
    builder = tfds.builder_from_directory(encoded.path)
    assert {split: info.num_examples for split, info in builder.info.splits.items()} == {
        "train": 4,
        "validation": 2,
        "test": 3,
        "train_windows": 2,
    }
    assert builder.info.features["label"].names == ["negative", "positive"]
    ids = [row["example_id"].decode() for row in tfds.as_numpy(builder.as_dataset(split="train", shuffle_files=False))]
    assert ids == ["train:0", "train:1", "train:2", "train:3"]
    windows = tfds.as_numpy(builder.as_dataset(split="train_windows", shuffle_files=False))
    assert [(row["example_id"], row["label"], row["length"], row["token_ids"].tolist()) for row in windows] == [
        (b"train:0", 1, 2, [0, 0, 6, 4]),  # a good
        (b"train:1", 0, 3, [0, 11, 4, 10]),  # not good it
    ]


@pytest.mark.parametrize("emit_vectors", [False, True])
def test_what_tfds_is_told_is_what_it_would_write_itself(
    write_examples, make_vocabulary, folder, tiny_glove, emit_vectors
):
    examples = write_examples()
    vocabulary = make_vocabulary(examples)
    matrix = embed(vocabulary, EmbedParams(source=str(tiny_glove)), folder("embedded"), BEAM) if emit_vectors else None
    params = EncodeParams(max_length=4, emit_vectors=emit_vectors)
    encoded = encode(examples, vocabulary, matrix, params, folder("encoded"), BEAM)

    features = {
        "example_id": tfds.features.Text(),
        "label": tfds.features.ClassLabel(names=["negative", "positive"]),
        "length": tfds.features.Scalar(np.int64),
        "token_ids": tfds.features.Tensor(shape=(4,), dtype=np.int64),
    }
    if matrix is not None:
        features["vectors"] = tfds.features.Tensor(shape=(4, np.load(matrix.matrix_file).shape[1]), dtype=np.float32)
    written = folder("written")
    identity = DatasetIdentity(name="glovebeam", version="1.0.0", data_dir=str(written), module_name="")
    info = tfds.core.DatasetInfo(builder=identity, features=tfds.features.FeaturesDict(features))
    info.set_file_format(tfds.core.FileFormat.TFRECORD)
    info.set_splits(tfds.builder_from_directory(encoded.path).info.splits)
    info.write_to_directory(str(written))
    for name in ("dataset_info.json", "features.json"):
        ours, theirs = (json.loads((path / name).read_text()) for path in (encoded.path, written))
        assert ours == theirs
    assert (encoded.path / "label.labels.txt").read_bytes() == (written / "label.labels.txt").read_bytes()


def test_tfds_loads_a_folder_whose_texts_all_fit(write_examples, make_vocabulary, folder):
    examples = write_examples()
    encoded = encode(examples, make_vocabulary(examples), None, EncodeParams(), folder("encoded"), BEAM)
    assert set(tfds.builder_from_directory(encoded.path).info.splits) == set(SPLITS)


def test_emitted_vectors_are_the_rows_of_the_embedding_matrix(write_examples, make_vocabulary, folder, tiny_glove):
    examples = write_examples()
    vocabulary = make_vocabulary(examples)
    matrix = embed(vocabulary, EmbedParams(source=str(tiny_glove)), folder("embedded"), BEAM)
    params = EncodeParams(max_length=3, emit_vectors=True)
    encoded = encode(examples, vocabulary, matrix, params, folder("encoded"), BEAM)
    assert encoded.encoding.vector_dimension == 4
    vectors = np.load(matrix.matrix_file)
    rows = list(tfds.as_numpy(tfds.builder_from_directory(encoded.path).as_dataset(split="train+train_windows")))
    assert len(rows) == 4 + encoded.encoding.train_windows > 4
    for row in rows:
        np.testing.assert_array_equal(row["vectors"], vectors[row["token_ids"]])


def test_vectors_and_matrix_must_come_together(write_examples, make_vocabulary, folder):
    examples = write_examples()
    with pytest.raises(ValueError, match="exactly when emit_vectors"):
        encode(examples, make_vocabulary(examples), None, EncodeParams(emit_vectors=True), folder("encoded"), BEAM)


def test_gzip_holds_the_same_records(write_examples, make_vocabulary, folder):
    examples = write_examples()
    vocabulary = make_vocabulary(examples)
    plain = encode(examples, vocabulary, None, EncodeParams(max_length=4), folder("plain"), BEAM)
    zipped = encode(examples, vocabulary, None, EncodeParams(max_length=4, compression="gzip"), folder("zipped"), BEAM)
    assert [shard.suffixes for shard in zipped.shards("train")] == [[".tfrecord", ".gz"]] * 2
    for split in (*SPLITS, "train_windows"):
        records = tf.data.TFRecordDataset([str(shard) for shard in plain.shards(split)])
        unzipped = tf.data.TFRecordDataset([str(shard) for shard in zipped.shards(split)], compression_type="GZIP")
        assert [record.numpy() for record in unzipped] == [record.numpy() for record in records]


def digests(path: Path):
    return {file.relative_to(path): file.read_bytes() for file in path.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    ("compression", "workers", "mode"), [("none", 2, "multi_processing"), ("gzip", 4, "multi_threading")]
)
def test_any_number_of_workers_writes_the_same_bytes(
    write_examples, make_vocabulary, folder, compression, workers, mode
):
    examples = write_examples({split: [(f"good film number{i}", i % 2) for i in range(50)] for split in SPLITS}, 7)
    vocabulary = make_vocabulary(examples)
    params = EncodeParams(max_length=2, compression=compression)
    alone = encode(examples, vocabulary, None, params, folder("alone"), BEAM)
    several = encode(examples, vocabulary, None, params, folder("several"), BeamOptions(workers=workers, mode=mode))
    assert digests(several.path) == digests(alone.path)
    assert several.encoding.train_windows == 50
