"""A tiny encoded corpus, built by hand: the label says which telling token a row holds, fillers stand around it."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from components.train import TrainParams
from schemas.artifacts import EmbeddingMatrix, EncodedExamples, Encoding, VocabularyArtifact
from schemas.examples import SPLITS
from schemas.tf_example import serialize_examples, write_records
from schemas.vocabulary import PAD_ID, Tokenizer, Vocabulary

FILLERS = ["film", "cast", "plot", "the"]
TELLING = ["bad", "good", "fine"]  # index = label
MAX_LENGTH = 6

TINY = TrainParams(units=3, epochs=2, batch_size=8, learning_rate=0.05)
FAST = TINY.model_copy(update={"units": 2, "bidirectional": False, "wide": False})  # builds in half the time

Rows = Sequence[tuple[list[str], int]]  # (tokens, label)


def rows(count: int, classes: int = 2, seed: int = 0) -> Rows:
    """``count`` rows of 1 to ``MAX_LENGTH`` tokens, labels in turn."""
    draw = random.Random(seed)
    made = []
    for i in range(count):
        tokens = [TELLING[i % classes], *draw.choices(FILLERS, k=draw.randrange(MAX_LENGTH))]
        draw.shuffle(tokens)
        made.append((tokens, i % classes))
    return made


def corpus(classes: int = 2) -> Mapping[str, Rows]:
    return {split: rows(count, classes, count) for split, count in zip(SPLITS, (44, 18, 10), strict=True)}


def write_vocabulary(path: Path) -> VocabularyArtifact:
    path.mkdir()
    artifact = VocabularyArtifact(path)
    Vocabulary.from_tokens([*TELLING, *FILLERS], Tokenizer()).save(artifact.vocabulary_file, artifact.tokenizer_file)
    return artifact


def write_matrix(path: Path, vocabulary_size: int = 11, dimension: int = 4) -> EmbeddingMatrix:
    path.mkdir()
    artifact = EmbeddingMatrix(path)
    matrix = np.random.default_rng(0).normal(size=(vocabulary_size, dimension)).astype(np.float32)
    matrix[PAD_ID] = 0
    np.save(artifact.matrix_file, matrix)
    return artifact


def write_encoded(
    path: Path,
    vocabulary: VocabularyArtifact,
    splits: Mapping[str, Rows],
    class_names: Sequence[str] = ("negative", "positive"),
    rows_per_shard: int = 20,
) -> EncodedExamples:
    """An EncodedExamples artifact; row i of a split has the example_id ``<split>:i``."""
    tokens = vocabulary.load()
    for split in SPLITS:
        (path / split).mkdir(parents=True)
        split_rows = splits.get(split, ())
        starts = range(0, len(split_rows), rows_per_shard)
        for number, start in enumerate(starts):
            shard = split_rows[start : start + rows_per_shard]
            ids = np.full((len(shard), MAX_LENGTH), PAD_ID, np.int64)
            for i, (row, _) in enumerate(shard):
                ids[i, MAX_LENGTH - len(row) :] = tokens.ids(row)
            records = serialize_examples(
                {
                    "example_id": [f"{split}:{start + i}".encode() for i in range(len(shard))],
                    "label": np.array([[label] for _, label in shard], np.int64),
                    "length": np.array([[len(row)] for row, _ in shard], np.int64),
                    "token_ids": ids,
                }
            )
            with (path / split / f"examples-{number:05d}-of-{len(starts):05d}.tfrecord").open("wb") as file:
                write_records(file, records)
    counts = {split: len(splits.get(split, ())) for split in SPLITS}
    encoding = Encoding(MAX_LENGTH, "pre", "pre", len(tokens), None, tuple(class_names), counts)
    encoding.save(path / "encoding.json")
    return EncodedExamples(path)
