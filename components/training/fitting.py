"""The recurrent part with losses, metrics and an optimizer, and one epoch of its training."""

import math
from typing import TYPE_CHECKING

import keras
from keras import losses, metrics, optimizers

from components.dataset import training_dataset, training_rows
from components.model import DEEP, build_model
from components.training import devices
from components.training.fused_adam import FusedAdam
from components.training.held_out import HeldOut
from schemas.artifacts import EncodedExamples, Encoding
from schemas.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from components.train import TrainParams

_OPTIMIZERS = {"adam": FusedAdam, "rmsprop": optimizers.RMSprop}
_LOG_LOSS, _ACCURACY = "log_loss", "accuracy"


def build_trainer(
    params: "TrainParams", encoding: Encoding, embedding_matrix: "NDArray[np.float32] | None"
) -> keras.Model:
    """The recurrent part ready for ``fit``, on the devices of this machine and computed in the way quickest there.

    Outputs are ``logits_1``, ``logits_2``, ... of the members, each with a loss of its own, and ``DEEP``, their mean.
    """
    only_deep = params.model_copy(update={"ngrams": 0})
    keras.config.set_dtype_policy(devices.precision())
    with devices.strategy().scope():
        implementation = devices.implementation(params.implementation)
        trainer = compiled_trainer(build_model(only_deep, encoding, embedding_matrix, implementation), params, encoding)
    keras.config.set_dtype_policy("float32")
    return trainer


def deep_part(trainer: keras.Model) -> keras.Model:
    """The mean of the members, as it is trained: int64 [b, max_length] => float32 [b, c]."""
    return keras.Model(trainer.input, trainer.get_layer(DEEP).output)


def compiled_trainer(classifier: keras.Model, params: "TrainParams", encoding: Encoding) -> keras.Model:
    """A classifier without a wide part, as ``build_trainer`` gives it; the state of its optimizer exists already."""
    members = [f"logits_{number}" for number in range(1, params.members + 1)]
    model = keras.Model(classifier.input, {name: classifier.get_layer(name).output for name in (DEEP, *members)})
    if len(encoding.class_names) == 2:
        loss: keras.Loss = losses.BinaryCrossentropy(from_logits=True)
        log_loss: keras.Metric = metrics.BinaryCrossentropy(name=_LOG_LOSS, from_logits=True)
        # Logit 0 is p = 0.5; without the threshold Keras would take p > 0.62.
        accuracy: keras.Metric = metrics.BinaryAccuracy(_ACCURACY, threshold=0.0)
    else:
        loss = losses.SparseCategoricalCrossentropy(from_logits=True)
        log_loss = metrics.SparseCategoricalCrossentropy(name=_LOG_LOSS, from_logits=True)
        accuracy = metrics.SparseCategoricalAccuracy(_ACCURACY)
    model.compile(
        _OPTIMIZERS[params.optimizer](_learning_rate(params, encoding)),
        loss=dict.fromkeys(members, loss),
        metrics={DEEP: [log_loss, accuracy]},
    )
    model.optimizer.build(model.trainable_variables)
    return model


def _learning_rate(params: "TrainParams", encoding: Encoding) -> float | optimizers.schedules.LearningRateSchedule:
    if params.learning_rate_decay == "none":
        return params.learning_rate
    steps = params.epochs * (training_rows(encoding) // params.batch_size)
    return optimizers.schedules.CosineDecay(params.learning_rate, max(steps, 1))


def run_epoch(
    trainer: keras.Model, held_out: HeldOut | None, encoded: EncodedExamples, params: "TrainParams", epoch: int
) -> dict[str, float]:
    """One pass over the train split and the windows of its texts, then over what was held out; the metrics of both.

    Returns:
        ``loss`` and ``accuracy`` of the recurrent part as it was trained, ``val_loss`` and ``val_accuracy`` of the
        whole classifier.

    Raises:
        DataError: when there are fewer rows than one batch.
        UsageError: when the loss is not finite any more.
    """
    batches = training_dataset(encoded, params.batch_size, params.seed, epoch, params.shuffle_buffer)
    labelled = batches.map(lambda ids, label: (ids, dict.fromkeys(trainer.output, label[:, None])))  # [b] => [b, 1]
    fitted = trainer.fit(labelled, shuffle=False, verbose=0).history
    results = {"loss": float(fitted[f"{DEEP}_{_LOG_LOSS}"][-1]), "accuracy": float(fitted[f"{DEEP}_{_ACCURACY}"][-1])}
    if held_out:
        results |= held_out.judge()[0]
    if not all(math.isfinite(value) for value in results.values()):
        raise UsageError(
            f"Epoch {epoch}: the loss is not finite any more ({results}). Set train.learning_rate to less than "
            f"{params.learning_rate}."
        )
    return results
