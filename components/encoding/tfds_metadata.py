"""What ``tfds.builder_from_directory`` needs to load the folder of an EncodedExamples artifact."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.dataset_info import DatasetIdentity

from schemas.artifacts import EncodedExamples, Encoding


def write_tfds_metadata(encoded: EncodedExamples, shard_rows: Mapping[str, Sequence[int]]) -> None:
    """Write ``features.json`` and ``dataset_info.json``: the features, splits and file names.

    Args:
        encoded: uncompressed records and their ``encoding.json``.
        shard_rows: split -> rows of each of its files, in order; splits without any row are left out.
    """
    out = encoded.path
    identity = DatasetIdentity(name="glovebeam", version=tfds.core.Version("1.0.0"), data_dir=str(out), module_name="")
    info = tfds.core.DatasetInfo(builder=identity, features=_features(encoded.encoding))
    info.set_file_format(tfds.core.FileFormat.TFRECORD)
    template = tfds.core.ShardedFileTemplate(
        data_dir=out,
        template="{SPLIT}/examples-{SHARD_X_OF_Y}.{FILEFORMAT}",
        dataset_name="glovebeam",
        filetype_suffix="tfrecord",
    )
    info.set_splits(
        tfds.core.splits.SplitDict(
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=list(rows),
                num_bytes=sum(shard.stat().st_size for shard in encoded.shards(split)),
                filename_template=template.replace(split=split),
            )
            for split, rows in shard_rows.items()
            if sum(rows)
        )
    )
    info.write_to_directory(str(out))


def _features(encoding: Encoding) -> "tfds.features.FeaturesDict":
    features = {
        "example_id": tfds.features.Text(),
        "label": tfds.features.ClassLabel(names=list(encoding.class_names)),
        "length": tfds.features.Scalar(np.int64),
        "token_ids": tfds.features.Tensor(shape=(encoding.max_length,), dtype=np.int64),
    }
    if encoding.vector_dimension is not None:
        shape = (encoding.max_length, encoding.vector_dimension)
        features["vectors"] = tfds.features.Tensor(shape=shape, dtype=np.float32)
    return tfds.features.FeaturesDict(features)
