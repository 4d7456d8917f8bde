"""A row as a serialized tf.Example, by TensorFlow's own class: for the peers that have TensorFlow."""

from collections.abc import Sequence

import tensorflow as tf


def example_bytes(example_id: bytes, label: int, length: int, token_ids: Sequence[int]) -> bytes:
    """One record."""
    feature = {
        "example_id": tf.train.Feature(bytes_list=tf.train.BytesList(value=[example_id])),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
        "length": tf.train.Feature(int64_list=tf.train.Int64List(value=[length])),
        "token_ids": tf.train.Feature(int64_list=tf.train.Int64List(value=token_ids)),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()
