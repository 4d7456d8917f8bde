"""What the steps hand to each other: folders on disk, one frozen class a kind, each owning the paths inside its folder.

An artifact is a path with a type; it is complete as soon as it exists, since the runner renames finished folders into
place. The JSON beside the data is read through the records below.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

from schemas.disk import replacing
from schemas.examples import Feature, encoded_example
from schemas.vocabulary import Vocabulary


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON with sorted keys, so that equal values are equal bytes; there as a whole or not at all."""
    with replacing(path) as unfinished:
        unfinished.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text())


@dataclass(frozen=True)
class IngestSummary:
    """What ingest read and wrote: rows in = rows of all splits + rejected."""

    class_names: tuple[str, ...]  # index = label
    kept_columns: tuple[str, ...]  # source columns that follow example_id, text and label
    rows_in: int
    rejected: int
    rows: Mapping[str, int]  # split -> rows

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``save`` wrote."""
        values = read_json(path)
        class_names, kept_columns = tuple(values.pop("class_names")), tuple(values.pop("kept_columns"))
        return cls(class_names, kept_columns, **values)

    def save(self, path: Path) -> None:
        """Write as JSON."""
        write_json(path, asdict(self))


@dataclass(frozen=True)
class Encoding:
    """How the ids of an EncodedExamples artifact were made; all that a trainer or a serving graph must repeat."""

    max_length: int
    padding: Literal["pre", "post"]
    truncating: Literal["pre", "post"]
    vocabulary_size: int
    vector_dimension: int | None  # of the ``vectors`` feature, where it was written
    class_names: tuple[str, ...]
    rows: Mapping[str, int]  # split -> rows, one a text
    train_windows: int = 0  # rows beside those: what max_length cuts off the train texts, in windows

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``save`` wrote."""
        values = read_json(path)
        return cls(class_names=tuple(values.pop("class_names")), **values)

    def save(self, path: Path) -> None:
        """Write as JSON."""
        write_json(path, asdict(self))

    @property
    def features(self) -> tuple[Feature, ...]:
        """The features of each record."""
        return encoded_example(self.max_length, self.vector_dimension)


@dataclass(frozen=True)
class Artifact:
    """A finished folder."""

    path: Path


@dataclass(frozen=True)
class Examples(Artifact):
    """Labelled texts, by split.

    ```
    {train,validation,test}/examples-00000-of-0000N.parquet   example_id, text, label (+ source columns kept)
    rejected.jsonl                                            every row not taken, with its place and reason
    summary.json                                              IngestSummary
    spans.json                                                of spans: [{name, rows_in, rejected, rows}, ...]
    ```
    """

    def shards(self, split: str) -> list[Path]:
        """The split's Parquet files in order; empty where the split has no rows."""
        return sorted((self.path / split).glob("examples-*.parquet"))

    @property
    def rejected(self) -> Path:
        """One JSON object a rejected row: place, reason, raw."""
        return self.path / "rejected.jsonl"

    @property
    def summary(self) -> IngestSummary:
        """Counts and class names."""
        return IngestSummary.load(self.path / "summary.json")

    @property
    def rows_of_spans(self) -> dict[str, int]:
        """Span -> rows read, in order; empty where the source has no spans."""
        path = self.path / "spans.json"
        return {span["name"]: span["rows_in"] for span in read_json(path)} if path.exists() else {}


@dataclass(frozen=True)
class ValidationReport(Artifact):
    """Statistics of each split and what the schema says of them.

    ```
    statistics.pb     tensorflow.metadata.v0.DatasetFeatureStatisticsList
    schema.pbtxt      tensorflow.metadata.v0.Schema
    anomalies.pbtxt   tensorflow.metadata.v0.Anomalies
    summary.json      {"anomalies": [message, ...], "splits": {split: {figure: value}}}
    lengths.json      {split: {"text_characters" or "text_words": {length: texts}}}
    ```
    """

    @property
    def summary(self) -> dict[str, Any]:
        """The figures and the anomaly messages, for people and reports."""
        return dict(read_json(self.path / "summary.json"))

    @property
    def schema_file(self) -> Path:
        """The schema with its open domains filled in."""
        return self.path / "schema.pbtxt"

    def lengths(self, split: str) -> dict[str, Counter[int]]:
        """How many texts of the split have each length; empty in the report of an earlier glovebeam."""
        file = self.path / "lengths.json"
        found = read_json(file)[split] if file.exists() else {}
        return {name: Counter({int(key): texts for key, texts in counts.items()}) for name, counts in found.items()}


@dataclass(frozen=True)
class DriftReport(Artifact):
    """How far the train split is from what an earlier model was trained on.

    ```
    anomalies.pbtxt   tensorflow.metadata.v0.Anomalies; drift_skew_info holds every distance
    summary.json      {"anomalies": [message, ...], "not_compared": [reason, ...],
                      "features": {name: {"infinity_norm", "jensen_shannon_divergence", "jensen_shannon_distance",
                      "bounds": {norm: threshold}, "change": words}},
                      "moved_tokens": [{"token", "trained", "new"}, ...]}, the last two as shares of all tokens
    ```
    """

    @property
    def summary(self) -> dict[str, Any]:
        """The distances, for people and reports."""
        return dict(read_json(self.path / "summary.json"))


@dataclass(frozen=True)
class VocabularyArtifact(Artifact):
    """The tokens of the train split.

    ```
    vocabulary.txt    line number = token id
    counts.parquet    token, count: every token of the train split by (-count, token)
    tokenizer.json    Tokenizer
    ```
    """

    @property
    def vocabulary_file(self) -> Path:
        """One token a line."""
        return self.path / "vocabulary.txt"

    @property
    def counts_file(self) -> Path:
        """Counts of all tokens, also those beyond the vocabulary's size."""
        return self.path / "counts.parquet"

    @property
    def tokenizer_file(self) -> Path:
        """The tokenizer's settings."""
        return self.path / "tokenizer.json"

    def load(self) -> Vocabulary:
        """The vocabulary itself."""
        return Vocabulary.load(self.vocabulary_file, self.tokenizer_file)


@dataclass(frozen=True)
class EmbeddingMatrix(Artifact):
    """A vector for each token id.

    ```
    embedding_matrix.npy   float32 [vocabulary_size, dimension]; row i is the vector of token i
    coverage.json          share of types and of token mass found, and how the rest was filled
    missing_tokens.txt     tokens without a vector of their own, most frequent first
    ```
    """

    @property
    def matrix_file(self) -> Path:
        """NumPy format, no pickles."""
        return self.path / "embedding_matrix.npy"

    @property
    def coverage(self) -> dict[str, Any]:
        """Coverage by type and by token mass."""
        return dict(read_json(self.path / "coverage.json"))


@dataclass(frozen=True)
class EncodedExamples(Artifact):
    """Token ids, by split, as tf.Example records; also loads with ``tfds.builder_from_directory``.

    ```
    {train,validation,test}/examples-00000-of-0000N.tfrecord[.gz]   token_ids, length, label, example_id [, vectors]
    train_windows/examples-00000-of-0000N.tfrecord[.gz]             the same of what max_length cuts off the train texts
    encoding.json                                                   Encoding
    features.json, dataset_info.json                                tfds metadata
    ```
    """

    def shards(self, split: str) -> list[Path]:
        """The TFRecord files of a split, or of ``train_windows``, in order; empty where it has no rows."""
        return sorted((self.path / split).glob("examples-*.tfrecord*"))

    @property
    def encoding(self) -> Encoding:
        """How the ids were made."""
        return Encoding.load(self.path / "encoding.json")
