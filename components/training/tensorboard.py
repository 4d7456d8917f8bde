"""Metrics of each epoch for TensorBoard."""

from pathlib import Path

import tensorflow as tf


def log_epoch(folder: Path, epoch: int, metrics: dict[str, float]) -> None:
    """Add scalars to ``folder/train`` and ``folder/validation``, under the names that Keras gives them."""
    for run, prefix in (("train", ""), ("validation", "val_")):
        names = [name for name in metrics if name.startswith("val_") == bool(prefix)]
        if not names:
            continue
        writer = tf.summary.create_file_writer(str(folder / run))
        with writer.as_default():
            for name in names:
                value = tf.compat.v1.Summary.Value(tag=f"epoch_{name.removeprefix(prefix)}", simple_value=metrics[name])
                tf.summary.experimental.write_raw_pb(tf.compat.v1.Summary(value=[value]).SerializeToString(), epoch)
        writer.close()
