"""A tiny encoded corpus, built by hand: the label says which telling token a row holds, fillers stand around it."""

import os
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.train import OnEpoch, TrainParams, ignore, train
from schemas.artifacts import EmbeddingMatrix, EncodedExamples, Encoding, VocabularyArtifact
from schemas.examples import SPLITS, TRAIN_WINDOWS
from schemas.model_artifacts import Model
from schemas.tf_example import serialize_examples, write_records
from schemas.vocabulary import PAD_ID, Tokenizer, Vocabulary

FILLERS = ["film", "cast", "plot", "the"]
TELLING = ["bad", "good", "fine"]  # index = label
MAX_LENGTH = 6

TINY = TrainParams(units=3, members=2, ngrams=3, ngram_buckets=101, epochs=2, batch_size=8, learning_rate=0.05)
FAST = TINY.model_copy(update={"units": 2, "members": 1, "bidirectional": False, "ngrams": 0})  # in half the time

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


def write_vocabulary(path: Path, words: Sequence[str] = (*TELLING, *FILLERS)) -> VocabularyArtifact:
    path.mkdir(parents=True)
    artifact = VocabularyArtifact(path)
    Vocabulary.from_tokens(words, Tokenizer()).save(artifact.vocabulary_file, artifact.tokenizer_file)
    return artifact


def write_matrix(path: Path, vocabulary_size: int = 11, dimension: int = 4) -> EmbeddingMatrix:
    path.mkdir(parents=True)
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
    """An EncodedExamples artifact; row i of a split, or of "train_windows", has the example_id ``<split>:i``."""
    tokens = vocabulary.load()
    for split in (*SPLITS, TRAIN_WINDOWS):
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
                    "example_id": pa.array([f"{split}:{start + i}" for i in range(len(shard))]),
                    "label": np.array([[label] for _, label in shard], np.int64),
                    "length": np.array([[len(row)] for row, _ in shard], np.int64),
                    "token_ids": ids,
                }
            )
            with (path / split / f"examples-{number:05d}-of-{len(starts):05d}.tfrecord").open("wb") as file:
                write_records(file, records)
    counts = {split: len(splits.get(split, ())) for split in SPLITS}
    windows = len(splits.get(TRAIN_WINDOWS, ()))
    encoding = Encoding(MAX_LENGTH, "pre", "pre", len(tokens), None, tuple(class_names), counts, windows)
    encoding.save(path / "encoding.json")
    return EncodedExamples(path)


@dataclass(frozen=True)
class TrainInputs:
    """What a training takes, in one folder."""

    folder: Path

    @property
    def encoded(self) -> EncodedExamples:
        return EncodedExamples(self.folder / "encoded")

    @property
    def vocabulary(self) -> VocabularyArtifact:
        return VocabularyArtifact(self.folder / "vocabulary")

    @property
    def matrix(self) -> EmbeddingMatrix:
        return EmbeddingMatrix(self.folder / "embedding")

    def train(self, params: TrainParams, out: Path, on_epoch: OnEpoch = ignore, initial: Model | None = None) -> Model:
        out.mkdir(exist_ok=True)
        return train(self.encoded, self.vocabulary, self.matrix, initial, params, out, on_epoch)

    def first_epoch(self, params: TrainParams, out: Path) -> dict[str, float]:
        """The metrics of the first epoch of a training that is killed after it."""
        seen = []
        try:
            self.train(params, out, lambda *call: kill(seen.append(call)))
        except KilledError:
            ((epoch, epochs, metrics),) = seen
        assert (epoch, epochs) == (1, params.epochs)
        return metrics


def write_inputs(
    folder: Path, splits: Mapping[str, Rows], class_names: Sequence[str] = ("negative", "positive")
) -> TrainInputs:
    write_encoded(folder / "encoded", write_vocabulary(folder / "vocabulary"), splits, class_names)
    write_matrix(folder / "embedding")
    return TrainInputs(folder)


class KilledError(Exception):
    """Stands for whatever ends a process."""


def kill(*_: object) -> None:
    raise KilledError


def run_python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A process of its own."""
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    return subprocess.run([sys.executable, *arguments], env=env, capture_output=True, text=True, check=False)
