"""A prepared TensorFlow data set as a source: batches of its shards to parts.

In: the data set's folder. Out: a part for every BATCH_ROWS rows of a shard. Only this source imports TensorFlow.
"""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.reading.chunks import BATCH_ROWS, Chunk, column_names, named_columns
from components.reading.parts import PartRules, write_part
from components.reading.rows import Row
from components.sources import IngestParams
from schemas.errors import UsageError
from schemas.examples import SPLITS

if TYPE_CHECKING:
    import apache_beam as beam
    import tensorflow_datasets as tfds

_TFDS_ID = re.compile(r"(?:.*-)?(?P<split>\w+)\.\w+-(?P<shard>\d+)-of-\d+__(?P<row>\d+)")
_ID_FEATURE = "tfds_id"  # such as imdb_reviews-train.tfrecord-00000-of-00001__42


def load_builder(folder: Path, params: IngestParams) -> "tfds.core.DatasetBuilder":
    """The data set in ``folder``; raises ``UsageError`` where it lacks a train split or a feature that is named."""
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(folder)
    features = list(builder.info.features)
    for key, column in named_columns(params):
        if column not in features:
            raise UsageError(f"{folder}: no feature {column!r}; it has {', '.join(features)}. Set ingest.{key}.")
    if "train" not in builder.info.splits:
        raise UsageError(f"{folder}: no split 'train'; it has {', '.join(builder.info.splits)}.")
    return builder


def class_names(builder: "tfds.core.DatasetBuilder", params: IngestParams) -> tuple[str, ...] | None:
    """The names of a ClassLabel feature."""
    return tuple(getattr(builder.info.features[params.label_column], "names", None) or ()) or None


def splits(builder: "tfds.core.DatasetBuilder") -> frozenset[str]:
    """The data set's own splits of labelled texts; ``unsupervised`` is not among them."""
    return frozenset(SPLITS) & frozenset(builder.info.splits)


def write_tfds_parts(pipeline: "beam.Pipeline", builder: "tfds.core.DatasetBuilder", rules: PartRules) -> None:
    """Add the reading of all splits to the pipeline."""
    import apache_beam as beam
    import tensorflow_datasets as tfds

    read = tfds.beam.ReadFromTFDS(
        builder,
        split="+".join(sorted(rules.own_splits)),
        batch_size=BATCH_ROWS,
        read_config=tfds.ReadConfig(add_tfds_id=True),
        decoders=tfds.decode.PartialDecoding(dict.fromkeys(column_names(rules.params), True)),
    )
    names = class_names(builder, rules.params)
    _ = (
        pipeline
        | "ReadFromTFDS" >> read  # {feature: Tensor [n]}, n consecutive rows of one shard
        | "AsNumpy" >> beam.Map(tfds.as_numpy)  # {feature: array [n]}
        | "WriteParts" >> beam.Map(partial(_write_batch, names=names, rules=rules))
    )


def _write_batch(batch: Mapping[str, Any], names: tuple[str, ...] | None, rules: PartRules) -> None:
    ids = [tfds_id.decode() for tfds_id in batch[_ID_FEATURE].tolist()]
    first = _TFDS_ID.fullmatch(ids[0])
    if first is None:
        raise ValueError(f"not a tfds_id: {ids[0]!r}")
    key = f"{first['split']}-{int(first['shard']):08}-{int(first['row']):012}"
    rows = partial(_rows, batch, ids, names, rules.params)
    write_part(key, [Chunk(None, rows)], first["split"], rules)


def _rows(
    batch: Mapping[str, Any], ids: list[str], names: tuple[str, ...] | None, params: IngestParams
) -> Iterator[Row]:
    for tfds_id, *values in zip(ids, *(batch[name].tolist() for name in column_names(params)), strict=True):
        text, label, *kept = values
        if names is not None:
            label = names[label] if 0 <= label < len(names) else None  # -1 stands for no label
        yield Row(tfds_id, tfds_id, text, label, kept, dict(zip(column_names(params), values, strict=True)))
