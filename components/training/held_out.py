"""The validation split, and how well the parts of a classifier do on it; letters: n rows, b of a batch, c logits."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.dataset import evaluation_dataset
from components.training.calibration import accuracy, combined, fit_scales, log_losses
from schemas.artifacts import EncodedExamples

_BATCH = 512

_Ask = Callable[[tf.Tensor], tf.Tensor]  # int64 [b, t] => float32 [b, c]


class HeldOut:
    """The validation split, which holds rows, and the parts that are judged by it, while the deep one is trained.

    Args:
        encoded: the examples.
        deep: int64 [b, t] => float32 [b, c]; asked again each time.
        wide: likewise; asked once, since it stays as it is. None where the classifier has no such part.
    """

    def __init__(self, encoded: EncodedExamples, deep: keras.Model, wide: keras.Model | None) -> None:
        self._encoded = encoded
        batches = evaluation_dataset(encoded, "validation", _BATCH)
        self._labels = np.concatenate([label.numpy() for _, label, _ in batches])  # int64 [n]
        self._ask_deep = _traced_once(deep)
        self._wide = [self._logits(_traced_once(wide))] if wide else []

    def judge(self) -> tuple[dict[str, float], list[float]]:
        """``val_loss`` and ``val_accuracy`` of the whole classifier, and the scales of its parts.

        No row is judged with scales that it had a part in: the metrics are those of either half of the rows with the
        scales of the other half. They are not finite where the logits are not.
        """
        parts = [self._logits(self._ask_deep), *self._wide]
        with np.errstate(over="ignore", invalid="ignore"):
            return self._metrics(parts), fit_scales(parts, self._labels)

    def _metrics(self, parts: list[NDArray[np.float32]]) -> dict[str, float]:
        logits = np.empty(parts[0].shape)
        halves = slice(0, None, 2), slice(1, None, 2)
        for judged, fitted in (halves, halves[::-1]):
            scales = fit_scales([part[fitted] for part in parts], self._labels[fitted])
            logits[judged] = combined([part[judged] for part in parts], scales)
        loss = float(log_losses(logits, self._labels).mean())
        return {"val_loss": loss, "val_accuracy": accuracy(logits, self._labels)}

    def _logits(self, ask: _Ask) -> NDArray[np.float32]:
        """Of all rows, [n, c]."""
        batches = evaluation_dataset(self._encoded, "validation", _BATCH)
        return np.concatenate([np.asarray(ask(token_ids)) for token_ids, _, _ in batches])


def _traced_once(model: keras.Model) -> _Ask:
    """The model as a graph; the last batch is smaller and shall not be another one."""
    signature = [tf.TensorSpec(model.inputs[0].shape, tf.int64)]
    return tf.function(lambda token_ids: model(token_ids, training=False), input_signature=signature)
