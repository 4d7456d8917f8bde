"""The classifier: token ids to logits, built from standard Keras layers only, so ``keras.models.load_model`` reads it.

Letters: b examples, t tokens (``max_length``), d embedding dimension, u units (twice that where bidirectional).

    token_ids [b, t] -> embedding [b, t, d] -> recurrent layers [b, t, u] -> pooling [b, u] -> logits [b]
"""

from typing import TYPE_CHECKING

import keras
from keras import layers, ops

from schemas.artifacts import Encoding
from schemas.errors import UsageError
from schemas.vocabulary import PAD_ID

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from components.train import TrainParams

_CELLS = {"lstm": layers.LSTM, "gru": layers.GRU}


def build_model(
    params: "TrainParams", encoding: Encoding, embedding_matrix: "NDArray[np.float32] | None" = None
) -> keras.Model:
    """An untrained model.

    Args:
        params: cell, layers, units, bidirectional, pooling, dropout and the embedding.
        encoding: length, vocabulary size and classes.
        embedding_matrix: float32 [vocabulary_size, d]; needed where ``params.embedding`` is "glove".

    Returns:
        int64 [b, max_length] => float32 logits: [b] for two classes (positive means class 1), else [b, classes].

    Raises:
        UsageError: when the matrix is missing or was made for another vocabulary.
    """
    token_ids = keras.Input((encoding.max_length,), dtype="int64", name="token_ids")
    is_token = ops.not_equal(token_ids, PAD_ID)  # [b, t]
    hidden = _embedding(params, encoding, embedding_matrix)(token_ids)  # [b, t] => [b, t, d]
    for number in range(1, params.layers + 1):
        is_last_state = number == params.layers and params.pooling == "last"
        hidden = layers.Dropout(params.dropout, name=f"dropout_{number}")(hidden)
        hidden = _recurrent(params, number, not is_last_state)(
            hidden, mask=is_token
        )  # [b, t, d] => [b, t, u] or [b, u]
    pooled = hidden if params.pooling == "last" else _pool(hidden, is_token, params.pooling)  # => [b, u] or [b, 2 * u]
    pooled = layers.Dropout(params.dropout, name="dropout_pooled")(pooled)
    classes = len(encoding.class_names)
    logits = layers.Dense(1 if classes == 2 else classes, name="logits")(pooled)
    if classes == 2:
        logits = layers.Reshape((), name="logit")(logits)  # [b, 1] => [b]
    return keras.Model(token_ids, logits, name="classifier")


def _embedding(
    params: "TrainParams", encoding: Encoding, embedding_matrix: "NDArray[np.float32] | None"
) -> layers.Embedding:
    """Int64 [b, t] => float32 [b, t, d]."""
    if params.embedding == "random":
        return layers.Embedding(
            encoding.vocabulary_size, params.embedding_dimension, trainable=params.embedding_trainable, name="embedding"
        )
    if embedding_matrix is None:
        raise UsageError(
            "train.embedding = 'glove' needs an embedding matrix, and none was given. Let the embed step make one, or "
            "set train.embedding = 'random'."
        )
    rows, dimension = embedding_matrix.shape
    if rows != encoding.vocabulary_size:
        raise UsageError(
            f"The embedding matrix has {rows} rows, but the examples were encoded with a vocabulary of "
            f"{encoding.vocabulary_size} tokens. Give train the matrix that was made for the same vocabulary."
        )
    embedding = layers.Embedding(rows, dimension, trainable=params.embedding_trainable, name="embedding")
    embedding.build()
    embedding.set_weights([embedding_matrix])
    return embedding


def _recurrent(params: "TrainParams", number: int, return_sequences: bool) -> layers.Layer:
    """Float32 [b, t, d] => [b, t, u], or [b, u] without ``return_sequences``."""
    name = f"{params.cell}_{number}"
    layer = _CELLS[params.cell](params.units, return_sequences=return_sequences, name=name)
    return layers.Bidirectional(layer, name=f"bidirectional_{name}") if params.bidirectional else layer


def _pool(hidden: keras.KerasTensor, is_token: keras.KerasTensor, pooling: str) -> keras.KerasTensor:
    """Maximum and/or mean over the tokens, padding left out: [b, t, u] => [b, u] or [b, 2 * u]."""
    is_token = ops.expand_dims(is_token, axis=-1)  # [b, t] => [b, t, 1]
    pooled = []
    if pooling in ("mean", "mean_max"):
        weights = ops.cast(is_token, hidden.dtype)
        pooled.append(ops.sum(hidden * weights, axis=1) / ops.sum(weights, axis=1))
    if pooling in ("max", "mean_max"):
        pooled.append(ops.max(ops.where(is_token, hidden, -1.0), axis=1))  # -1 is the least a state can be
    return pooled[0] if len(pooled) == 1 else ops.concatenate(pooled, axis=-1)
