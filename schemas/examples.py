"""The two records of the data plane, each declared once: ``LabelledText`` and ``EncodedExample``.

Ingest writes labelled texts as Parquet, encode writes encoded examples as TFRecords; their Arrow schema and their
tf.Example feature spec both come from the same tuple of ``Feature``.

>>> [feature.name for feature in encoded_example(max_length=80)]
['example_id', 'label', 'length', 'token_ids']
>>> arrow_schema(LABELLED_TEXT).names
['example_id', 'text', 'label']
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa
    import tensorflow as tf

SPLITS = ("train", "validation", "test")
TRAIN_WINDOWS = "train_windows"  # encoded examples only: what max_length cuts off the train texts


@dataclass(frozen=True)
class Feature:
    """One named value of a record: a scalar (``size`` None) or a fixed number of values."""

    name: str
    dtype: Literal["string", "int64", "float32"]
    size: int | None = None


EXAMPLE_ID = Feature("example_id", "string")
LABEL = Feature("label", "int64")  # index into the class names of the Examples artifact

LABELLED_TEXT = (EXAMPLE_ID, Feature("text", "string"), LABEL)


def encoded_example(max_length: int, vector_dimension: int | None = None) -> tuple[Feature, ...]:
    """The features of one encoded example, by name as tf.Example writers order them.

    ``token_ids`` int64 [max_length]; ``length`` int64, the number of ids that are not padding; ``vectors`` float32
    [max_length * vector_dimension], row-major, only where a dimension is given.
    """
    features = (EXAMPLE_ID, LABEL, Feature("length", "int64"), Feature("token_ids", "int64", max_length))
    if vector_dimension is None:
        return features
    return (*features, Feature("vectors", "float32", max_length * vector_dimension))


def arrow_schema(features: Sequence[Feature], kept_columns: Sequence[str] = ()) -> "pa.Schema":
    """The Arrow schema of a record, followed by the source columns that were kept as strings."""
    import pyarrow as pa

    arrow_types = {"string": pa.string(), "int64": pa.int64(), "float32": pa.float32()}
    fields = [
        pa.field(
            feature.name,
            arrow_types[feature.dtype] if feature.size is None else pa.list_(arrow_types[feature.dtype], feature.size),
            nullable=False,
        )
        for feature in features
    ]
    return pa.schema([*fields, *(pa.field(name, pa.string()) for name in kept_columns)])


def feature_spec(features: Sequence[Feature]) -> "dict[str, tf.io.FixedLenFeature]":
    """What ``tf.io.parse_example`` needs to read the records back: scalars as shape [], the rest as [size]."""
    import tensorflow as tf

    tf_types = {"string": tf.string, "int64": tf.int64, "float32": tf.float32}
    return {
        feature.name: tf.io.FixedLenFeature([] if feature.size is None else [feature.size], tf_types[feature.dtype])
        for feature in features
    }
