"""Train: encoded examples to a classifier, as ``model.keras`` (token ids in) and as a SavedModel (raw text in).

The same inputs and parameters give the same weights and the same bytes, whether the training ran through or was killed
and started again: after each epoch a checkpoint is left in ``out``, and the next attempt goes on from there.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from schemas.artifacts import (
    EmbeddingMatrix,
    EncodedExamples,
    Encoding,
    Model,
    VocabularyArtifact,
    write_json,
)
from schemas.errors import UsageError
from schemas.params import Params

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

OnEpoch = Callable[[int, int, dict[str, float]], None]

EVALUATION_BATCH = 512
_LOGITS = "logits"


class TrainParams(Params):
    """The recurrent classifier and how it is fitted."""

    cell: Literal["lstm", "gru"] = "lstm"
    layers: int = Field(default=1, ge=1)
    units: int = Field(default=64, ge=1)
    bidirectional: bool = True
    pooling: Literal["last", "max", "mean", "mean_max"] = "mean_max"
    wide: bool = True  # add a linear model of tokens and of pairs of neighbours
    dropout: float = Field(default=0.4, ge=0, lt=1)
    embedding: Literal["glove", "random"] = "glove"
    embedding_dimension: int = Field(default=100, ge=1)  # of random embeddings; GloVe's is read from the matrix
    embedding_trainable: bool = True
    batch_size: int = Field(default=128, ge=1)
    learning_rate: float = Field(default=0.004, gt=0)  # of the first step; falls to 0 along half a cosine
    epochs: int = Field(default=4, ge=1)  # at most
    patience: int = Field(default=2, ge=1)  # epochs without a better validation loss after which training stops
    seed: int = Field(default=0, ge=0, lt=2**32)


def ignore(epoch: int, epochs: int, metrics: dict[str, float]) -> None:
    """An ``on_epoch`` that reports to nobody."""


def train(
    encoded: EncodedExamples,
    vocabulary: VocabularyArtifact,
    embedding_matrix: EmbeddingMatrix | None,
    params: TrainParams,
    out: Path,
    on_epoch: OnEpoch = ignore,
) -> Model:
    """Fit on the train split, keep the weights of the best epoch on the validation split, and write the model.

    Each head of the model is fitted to the labels by itself; loss (log loss) and accuracy are those of their mean.

    Args:
        encoded: token ids of the train and validation splits. Without validation rows all epochs are trained, and the
            weights of the last one are kept.
        vocabulary: what the examples were encoded with; it goes into the SavedModel.
        embedding_matrix: float32 [vocabulary_size, d]; needed where ``params.embedding`` is "glove".
        params: model and optimizer.
        out: an empty folder, or one that a killed attempt with the same inputs and parameters has left.
        on_epoch: called after each epoch with its number (from 1), ``params.epochs`` and its metrics.

    Raises:
        DataError: when the train split has fewer rows than one batch.
        UsageError: when matrix, vocabulary and examples do not belong together, or the loss is not finite any more.
    """
    from components.training.checkpoint import Checkpoint
    from components.training.export import save_keras_model, save_servable

    encoding = encoded.encoding
    _check_vocabulary(vocabulary, encoding)
    _make_deterministic(params.seed)
    classifier = _build_classifier(params, encoding, embedding_matrix)
    model = _compiled_trainer(classifier, params, encoding)
    checkpoint = Checkpoint(out / "checkpoint", model, params.model_dump())
    epochs = checkpoint.restore()
    while len(epochs) < params.epochs and not _is_over(epochs, params.patience):
        metrics = _run_epoch(model, encoded, params, epoch=len(epochs) + 1)
        epochs.append(metrics)
        checkpoint.write(epochs, is_best=_best_epoch(epochs) == len(epochs))
        _log(out / "tensorboard", len(epochs), metrics)
        on_epoch(len(epochs), params.epochs, metrics)
    checkpoint.restore_best_weights()
    classifier = _without_optimizer(classifier)
    trained = Model(out)
    save_keras_model(classifier, trained.keras_file)
    save_servable(classifier, vocabulary, encoding, trained.saved_model)
    write_json(out / "history.json", _history(epochs, params))
    checkpoint.remove()
    return trained


def _check_vocabulary(vocabulary: VocabularyArtifact, encoding: Encoding) -> None:
    size = len(vocabulary.load())
    if size != encoding.vocabulary_size:
        raise UsageError(
            f"{vocabulary.path}: this vocabulary has {size} tokens, but the examples were encoded with one of "
            f"{encoding.vocabulary_size}. Give train the vocabulary that encode was given."
        )


def _make_deterministic(seed: int) -> None:
    """Same seed, same weights, whatever this process did before."""
    import keras
    import tensorflow as tf

    keras.backend.clear_session()  # generated names start from zero again
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def _build_classifier(
    params: TrainParams, encoding: Encoding, embedding_matrix: EmbeddingMatrix | None
) -> "keras.Model":
    import numpy as np

    from components.model import build_model

    matrix = None
    if embedding_matrix is not None and params.embedding == "glove":
        matrix = np.load(embedding_matrix.matrix_file, allow_pickle=False)
    return build_model(params, encoding, matrix)


def _compiled_trainer(classifier: "keras.Model", params: TrainParams, encoding: Encoding) -> "keras.Model":
    """The classifier with its heads as outputs, a loss for each, and an optimizer whose state exists already.

    Metrics are those of the classifier's logits: ``log_loss`` and ``accuracy``.
    """
    import keras
    from keras import losses, metrics

    from components.model import HEADS

    heads = {head: classifier.get_layer(head).output for head in HEADS} if params.wide else {}
    model = keras.Model(classifier.input, {_LOGITS: classifier.output, **heads})
    if len(encoding.class_names) == 2:
        loss: keras.Loss = losses.BinaryCrossentropy(from_logits=True)
        log_loss: keras.Metric = metrics.BinaryCrossentropy(name="log_loss", from_logits=True)
        # Logit 0 is p = 0.5; without the threshold Keras would take p > 0.62.
        accuracy: keras.Metric = metrics.BinaryAccuracy("accuracy", threshold=0.0)
    else:
        loss = losses.SparseCategoricalCrossentropy(from_logits=True)
        log_loss = metrics.SparseCategoricalCrossentropy(name="log_loss", from_logits=True)
        accuracy = metrics.SparseCategoricalAccuracy("accuracy")
    steps = params.epochs * (encoding.rows.get("train", 0) // params.batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(params.learning_rate, max(steps, 1))
    model.compile(
        keras.optimizers.Adam(schedule),
        loss=dict.fromkeys(heads or [_LOGITS], loss),
        metrics={_LOGITS: [log_loss, accuracy]},
    )
    model.optimizer.build(model.trainable_variables)
    return model


def _without_optimizer(model: "keras.Model") -> "keras.Model":
    """The same model, never compiled: the optimizer's state would make the file three times as large."""
    import keras

    copy = keras.Model.from_config(model.get_config())  # clone_model would compile it
    copy.set_weights(model.get_weights())
    return copy


def _run_epoch(model: "keras.Model", encoded: EncodedExamples, params: TrainParams, epoch: int) -> dict[str, float]:
    """One pass over the train split, then the validation split, where there is one; the metrics of both."""
    from components.dataset import evaluation_dataset, training_dataset

    def for_each_output(ids: "tf.Tensor", label: "tf.Tensor") -> "tuple[tf.Tensor, dict[str, tf.Tensor]]":
        return ids, dict.fromkeys(model.output, label)

    batches = training_dataset(encoded, params.batch_size, params.seed, epoch).map(for_each_output)
    fitted = model.fit(batches, shuffle=False, verbose=0).history
    metrics = _classifier_metrics({name: values[-1] for name, values in fitted.items()})
    if encoded.encoding.rows.get("validation", 0):
        held_out = evaluation_dataset(encoded, "validation", EVALUATION_BATCH)
        labelled = held_out.map(lambda ids, label, _: for_each_output(ids, label))
        evaluated = _classifier_metrics(model.evaluate(labelled, verbose=0, return_dict=True))
        metrics |= {f"val_{name}": value for name, value in evaluated.items()}
    if not all(math.isfinite(value) for value in metrics.values()):
        raise UsageError(
            f"Epoch {epoch}: the loss is not finite any more ({metrics}). Set train.learning_rate to less than "
            f"{params.learning_rate}."
        )
    return metrics


def _classifier_metrics(values: dict[str, float]) -> dict[str, float]:
    """Loss and accuracy of the mean of the heads; Keras names them after their output where there are several."""
    own = {name.removeprefix(f"{_LOGITS}_"): float(value) for name, value in values.items()}
    return {"loss": own["log_loss"], "accuracy": own["accuracy"]}


def _best_epoch(epochs: list[dict[str, float]]) -> int:
    """The epoch, from 1, with the least validation loss; the last one where nothing was held out."""
    if "val_loss" not in epochs[-1]:
        return len(epochs)
    return min(range(len(epochs)), key=lambda i: epochs[i]["val_loss"]) + 1


def _is_over(epochs: list[dict[str, float]], patience: int) -> bool:
    """Whether the last ``patience`` epochs brought nothing better."""
    return bool(epochs) and len(epochs) - _best_epoch(epochs) >= patience


def _history(epochs: list[dict[str, float]], params: TrainParams) -> dict[str, Any]:
    """What ``history.json`` holds: no times, so that equal trainings are equal bytes."""
    return {
        "epochs": epochs,
        "best_epoch": _best_epoch(epochs),
        "kept": "least val_loss" if "val_loss" in epochs[-1] else "last epoch: the validation split is empty",
        "stopped_early": len(epochs) < params.epochs,
    }


def _log(tensorboard: Path, epoch: int, metrics: dict[str, float]) -> None:
    """Scalars for TensorBoard, under the names that Keras gives them."""
    import tensorflow as tf

    for run, prefix in (("train", ""), ("validation", "val_")):
        names = [name for name in metrics if name.startswith("val_") == bool(prefix)]
        if not names:
            continue
        writer = tf.summary.create_file_writer(str(tensorboard / run))
        with writer.as_default():
            for name in names:
                value = tf.compat.v1.Summary.Value(tag=f"epoch_{name.removeprefix(prefix)}", simple_value=metrics[name])
                tf.summary.experimental.write_raw_pb(tf.compat.v1.Summary(value=[value]).SerializeToString(), epoch)
        writer.close()
