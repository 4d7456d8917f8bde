"""Train: encoded examples to a classifier, as ``model.keras`` (token ids in) and as a SavedModel (raw text in).

The same inputs and parameters give the same weights and the same bytes, whether the training ran through or was killed
and started again: after each epoch a checkpoint is left in ``out``, and the next attempt goes on from there.

A warm start begins with what an earlier model has learnt (``components.training.warm_start``).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from schemas.artifacts import EmbeddingMatrix, EncodedExamples, Encoding, VocabularyArtifact, write_json
from schemas.errors import UsageError
from schemas.model_artifacts import Model
from schemas.params import Params

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

OnEpoch = Callable[[int, int, dict[str, float]], None]


class TrainParams(Params):
    """The classifier and how it is fitted."""

    cell: Literal["lstm", "gru"] = "lstm"
    implementation: Literal["auto", "layer", "cell", "fused"] = "auto"  # how it is computed; no part of the model
    layers: int = Field(default=1, ge=1)
    units: int = Field(default=64, ge=1)
    bidirectional: bool = True
    mask_padding: bool = False  # recurrent layers skip the padding before a text; that after a text they always skip
    pooling: Literal["last", "max", "mean", "mean_max", "attention"] = "mean_max"
    head_units: int = Field(default=0, ge=0)  # of a layer between pooling and logits; 0 is none
    members: int = Field(default=1, ge=1)  # recurrent networks that are fitted side by side and averaged
    ngrams: int = Field(default=3, ge=0, le=5)  # longest n-grams of the linear part beside them; 0 is no such part
    ngram_buckets: int = Field(default=1_000_003, ge=1)  # weights for the n-grams of one length; best a prime
    dropout: float = Field(default=0.4, ge=0, lt=1)  # of each recurrent layer's input, and of the head
    embedding: Literal["glove", "random"] = "glove"
    embedding_dimension: int = Field(default=100, ge=1)  # of random embeddings; GloVe's is read from the matrix
    embedding_trainable: bool = True
    optimizer: Literal["adam", "rmsprop"] = "adam"
    learning_rate: float = Field(default=0.004, gt=0)  # of the first step
    learning_rate_decay: Literal["cosine", "none"] = "cosine"  # "cosine" falls to 0 along half a cosine
    batch_size: int = Field(default=128, ge=1)
    shuffle_buffer: int = Field(default=250_000, ge=1)  # examples, some 300 bytes each
    epochs: int = Field(default=3, ge=1)  # at most
    patience: int = Field(default=2, ge=1)  # epochs without a better validation loss after which training stops
    warm_start: bool = False  # whether the pipeline gives ``initial``, the model that serves
    seed: int = Field(default=0, ge=0, lt=2**32)


def ignore(epoch: int, epochs: int, metrics: dict[str, float]) -> None:
    """An ``on_epoch`` that reports to nobody."""


def train(
    encoded: EncodedExamples,
    vocabulary: VocabularyArtifact,
    embedding_matrix: EmbeddingMatrix | None,
    initial: Model | None,
    params: TrainParams,
    out: Path,
    on_epoch: OnEpoch = ignore,
) -> Model:
    """Fit on the train split, keep the weights of the best epoch on the validation split, and write the model.

    The wide part is fitted at once, the recurrent one batch by batch, its members each by itself. ``loss`` (log loss)
    and ``accuracy`` are those of the recurrent part as it is trained, ``val_loss`` and ``val_accuracy`` those of the
    whole classifier, its parts scaled to the least log loss on the validation split.

    Args:
        encoded: token ids of the train and validation splits. Without validation rows all epochs are trained, and the
            weights of the last one are kept.
        vocabulary: what the examples were encoded with; it goes into the SavedModel.
        embedding_matrix: float32 [vocabulary_size, d]; needed where ``params.embedding`` is "glove".
        initial: the model to go on from, as far as it fits; None for a cold start.
        params: model and optimizer.
        out: an empty folder, or one that a killed attempt with the same inputs and parameters has left.
        on_epoch: called after each epoch with its number (from 1), ``params.epochs`` and its metrics.

    Raises:
        DataError: when there are fewer rows to train on than one batch.
        UsageError: when matrix, vocabulary and examples do not belong together, the initial model is gone, or the loss
            is not finite any more.
        GlovebeamError: when the initial model cannot be loaded.
    """
    from components.dataset import check_training_rows
    from components.training.calibration import equal_scales
    from components.training.checkpoint import Checkpoint
    from components.training.export import save_keras_model, save_servable
    from components.training.fitting import build_trainer, deep_part, run_epoch
    from components.training.held_out import HeldOut
    from components.training.tensorboard import log_epoch
    from components.training.warm_start import carry_over, load_learnt
    from components.training.wide import fit_wide_part

    encoding = encoded.encoding
    _check_vocabulary(vocabulary, encoding)
    check_training_rows(encoded, params.batch_size)
    learnt = load_learnt(initial) if initial else None
    _make_deterministic(params.seed)
    matrix = _load_matrix(params, embedding_matrix)
    trainer = build_trainer(params, encoding, matrix)
    carried = carry_over(learnt, trainer, vocabulary.load().tokens, encoding.class_names) if learnt else None
    deep = deep_part(trainer)
    wide = fit_wide_part(encoded, params) if params.ngrams else None
    held_out = HeldOut(encoded, deep, wide) if encoding.rows.get("validation", 0) else None
    checkpoint = Checkpoint(out / "checkpoint", trainer, params.model_dump())
    epochs = checkpoint.restore()
    while len(epochs) < params.epochs and not _is_over(epochs, params.patience):
        metrics = run_epoch(trainer, held_out, encoded, params, epoch=len(epochs) + 1)
        epochs.append(metrics)
        checkpoint.write(epochs, is_best=_best_epoch(epochs) == len(epochs))
        log_epoch(out / "tensorboard", len(epochs), metrics)
        on_epoch(len(epochs), params.epochs, metrics)
    checkpoint.restore_best_weights()
    parts = [deep, wide] if wide else [deep]
    scales = held_out.judge()[1] if held_out else equal_scales(len(parts))
    classifier = _whole_classifier(parts, scales, params, encoding, matrix)
    trained = Model(out)
    save_keras_model(classifier, trained.keras_file)
    save_servable(classifier, vocabulary, encoding, trained.saved_model)
    write_json(out / "history.json", _history(epochs, params, scales, carried))
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


def _load_matrix(params: TrainParams, embedding_matrix: EmbeddingMatrix | None) -> "NDArray[np.float32] | None":
    import numpy as np

    if embedding_matrix is None or params.embedding != "glove":
        return None
    return np.load(embedding_matrix.matrix_file, allow_pickle=False)


def _whole_classifier(
    parts: "Sequence[keras.Model]",
    scales: Sequence[float],
    params: TrainParams,
    encoding: Encoding,
    matrix: "NDArray[np.float32] | None",
) -> "keras.Model":
    """The fitted parts in one, as anyone can load it: Keras' own layers, float32, no optimizer."""
    from components.model import build_model

    classifier = build_model(params, encoding, matrix, scales=scales)
    fitted = {weight.path: weight for part in parts for weight in part.weights}
    for weight in classifier.weights:
        weight.assign(fitted[weight.path].numpy())
    return classifier


def _best_epoch(epochs: list[dict[str, float]]) -> int:
    """The epoch, from 1, with the least validation loss; the last one where nothing was held out."""
    if "val_loss" not in epochs[-1]:
        return len(epochs)
    return min(range(len(epochs)), key=lambda i: epochs[i]["val_loss"]) + 1


def _is_over(epochs: list[dict[str, float]], patience: int) -> bool:
    """Whether the last ``patience`` epochs brought nothing better."""
    return bool(epochs) and len(epochs) - _best_epoch(epochs) >= patience


def _history(
    epochs: list[dict[str, float]], params: TrainParams, scales: list[float], carried: dict[str, Any] | None
) -> dict[str, Any]:
    """What ``history.json`` holds: no times, so that equal trainings are equal bytes."""
    return {
        "epochs": epochs,
        "best_epoch": _best_epoch(epochs),
        "kept": "least val_loss" if "val_loss" in epochs[-1] else "last epoch: the validation split is empty",
        "stopped_early": len(epochs) < params.epochs,
        "scales": dict(zip(("deep", "wide"), scales, strict=False)),
        "warm_start": carried,
    }
