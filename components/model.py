"""The classifier: token ids to logits, built from standard Keras layers only, so ``keras.models.load_model`` reads it.

Letters: b examples, t tokens (``max_length``), d embedding dimension, u units (twice that where bidirectional),
c logits (1 for two classes).

    token_ids [b, t] -> embedding [b, t, d] -> recurrent layers [b, t, u] -> pooling [b, u] -> deep logits [b, c]
    token_ids [b, t] -> a weight for each token and for each pair of neighbours [b, t, c] -> sum -> wide logits [b, c]

The second line is the wide part, a linear bag of words. The model's logits are the mean of the two heads. Each head is
fitted to the labels by itself (see ``components.train``): fitted as a sum, the quick linear part leaves the recurrent
one little to learn, and the two end up making the same mistakes.
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
HEADS = ("deep_logits", "wide_logits")  # the layers whose output they are
_PAIR_BUCKETS = 262_147  # a prime, so that all ids of a pair's two tokens count


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
    classes = len(encoding.class_names)
    width = 1 if classes == 2 else classes
    token_ids = keras.Input((encoding.max_length,), dtype="int64", name="token_ids")
    is_token = ops.not_equal(token_ids, PAD_ID)  # [b, t]
    hidden = _embedding(params, encoding, embedding_matrix)(token_ids)  # [b, t] => [b, t, d]
    hidden = layers.SpatialDropout1D(params.dropout, name="dropout_embedding")(hidden)
    pooled = _recurrent(params, encoding, hidden, is_token)  # => [b, u] or [b, 2 * u]
    pooled = layers.Dropout(params.dropout, name="dropout_pooled")(pooled)
    deep_head, wide_head = HEADS
    logits = layers.Dense(width, name=deep_head)(pooled)
    if params.wide:
        wide = layers.Identity(name=wide_head)(_wide_logits(params, encoding, token_ids, is_token, width))
        logits = (logits + wide) / 2
    if classes == 2:
        logits = ops.squeeze(logits, axis=-1)  # [b, 1] => [b]
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


def _recurrent(
    params: "TrainParams", encoding: Encoding, hidden: keras.KerasTensor, is_token: keras.KerasTensor
) -> keras.KerasTensor:
    """Recurrent layers and pooling: float32 [b, t, d] => [b, u] or [b, 2 * u].

    Padding before the text is read like a token, and pooling leaves it out again: masking it changed no accuracy and
    cost a tenth of the time, and cuDNN refuses such masks. Padding after the text would overwrite the last state.
    """
    mask = is_token if encoding.padding == "post" else None
    for number in range(1, params.layers + 1):
        name = f"{params.cell}_{number}"
        return_sequences = number < params.layers or params.pooling != "last"
        layer = _CELLS[params.cell](params.units, return_sequences=return_sequences, name=name)
        if params.bidirectional:
            layer = layers.Bidirectional(layer, name=f"bidirectional_{name}")
        if number > 1:
            hidden = layers.Dropout(params.dropout, name=f"dropout_{number}")(hidden)
        hidden = layer(hidden, mask=mask)
    return hidden if params.pooling == "last" else _pool(hidden, is_token, params.pooling)


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


def _wide_logits(
    params: "TrainParams", encoding: Encoding, token_ids: keras.KerasTensor, is_token: keras.KerasTensor, width: int
) -> keras.KerasTensor:
    """The sum of the weights of all tokens and of all pairs of neighbours: int64 [b, t] => float32 [b, c].

    Pairs share ``_PAIR_BUCKETS`` weights by a hash.
    """
    pairs = ops.mod(token_ids[:, :-1] * encoding.vocabulary_size + token_ids[:, 1:], _PAIR_BUCKETS)  # [b, t - 1]
    is_pair = ops.logical_and(is_token[:, :-1], is_token[:, 1:])
    sums = []
    for name, ids, is_used, size in (
        ("token", token_ids, is_token, encoding.vocabulary_size),
        ("pair", pairs, is_pair, _PAIR_BUCKETS),
    ):
        weights = layers.Embedding(size, width, embeddings_initializer="zeros", name=f"{name}_weights")(ids)
        weights = layers.Dropout(params.dropout, name=f"dropout_{name}_weights")(weights)  # [b, t, c]
        sums.append(ops.sum(weights * ops.cast(ops.expand_dims(is_used, -1), weights.dtype), axis=1))  # => [b, c]
    return sums[0] + sums[1]
