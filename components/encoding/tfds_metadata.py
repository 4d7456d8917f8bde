"""What ``tfds.builder_from_directory`` needs to load the folder of an EncodedExamples artifact.

Written by hand, since importing tensorflow-datasets for three small files takes longer than encoding some thousand
texts; a test holds them against those that tensorflow-datasets writes itself.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.artifacts import EncodedExamples, Encoding

_FEATURES = "tensorflow_datasets.core.features"


def write_tfds_metadata(encoded: EncodedExamples, shard_rows: Mapping[str, Sequence[int]]) -> None:
    """Write ``features.json``, ``label.labels.txt`` and ``dataset_info.json``: the features, splits and file names.

    Args:
        encoded: uncompressed records and their ``encoding.json``.
        shard_rows: split -> rows of each of its files, in order; splits without any row are left out.
    """
    splits = [
        {
            "filepathTemplate": "{SPLIT}/examples-{SHARD_X_OF_Y}.{FILEFORMAT}",
            "name": split,
            "numBytes": str(sum(shard.stat().st_size for shard in encoded.shards(split))),
            "shardLengths": [str(number) for number in rows],
        }
        for split, rows in shard_rows.items()
        if sum(rows)
    ]
    info = {"fileFormat": "tfrecord", "name": "glovebeam", "splits": splits, "version": "1.0.0"}
    names = "".join(f"{name}\n" for name in encoded.encoding.class_names)
    (encoded.path / "dataset_info.json").write_text(json.dumps(info, indent=2), encoding="utf-8")
    (encoded.path / "features.json").write_text(json.dumps(_features(encoded.encoding), indent=4), encoding="utf-8")
    (encoded.path / "label.labels.txt").write_text(names, encoding="utf-8")


def _features(encoding: Encoding) -> dict[str, Any]:
    features = {
        "example_id": {"pythonClassName": f"{_FEATURES}.text_feature.Text", "text": {}},
        "label": {
            "classLabel": {"numClasses": str(len(encoding.class_names))},
            "pythonClassName": f"{_FEATURES}.class_label_feature.ClassLabel",
        },
        "length": _tensor("scalar.Scalar", "int64"),
        "token_ids": _tensor("tensor_feature.Tensor", "int64", encoding.max_length),
    }
    if encoding.vector_dimension is not None:
        features["vectors"] = _tensor(
            "tensor_feature.Tensor", "float32", encoding.max_length, encoding.vector_dimension
        )
    return {
        "featuresDict": {"features": features},
        "pythonClassName": f"{_FEATURES}.features_dict.FeaturesDict",
    }


def _tensor(name: str, dtype: str, *shape: int) -> dict[str, Any]:
    dimensions = {"dimensions": [str(size) for size in shape]} if shape else {}
    return {
        "pythonClassName": f"{_FEATURES}.{name}",
        "tensor": {"dtype": dtype, "encoding": "none", "shape": dimensions},
    }
