"""The classifier: token ids to logits, built from Keras layers.

Letters: b examples, t tokens (``max_length``), d embedding dimension, u units (twice that where bidirectional),
c logits (1 for two classes).

    token_ids [b, t] -> embedding [b, t, d] -> recurrent layers [b, t, u] -> pooling [b, u] -> deep logits [b, c]
    token_ids [b, t] -> which n-grams it holds -> sum of their weights -> wide logits [b, c]

The logits are the scaled sum of the two. The first line may be there several times, as members whose mean counts. The
second is a linear bag of n-grams. Each is fitted to the labels by itself: fitted as a sum, the quick linear part leaves
the recurrent one little to learn, and the two end up making the same mistakes.

The recurrent layers can be computed in several ways (``components.recurrent``). What is saved is always the model with
Keras' own layers, which ``keras.models.load_model`` reads without this project.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
from keras import layers, ops

from components.ngrams import ngram_keys, table_sizes
from components.recurrent.cell_loop import CellLoopGRU, CellLoopLSTM
from components.recurrent.embedding import DenseGradientEmbedding, DistinctTokens
from components.recurrent.fused import FusedGRU, FusedLSTM, Tokens
from schemas.artifacts import Encoding
from schemas.errors import UsageError
from schemas.vocabulary import PAD_ID

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from components.train import TrainParams

_RECURRENT = {
    ("layer", "lstm"): layers.LSTM,
    ("layer", "gru"): layers.GRU,
    ("cell", "lstm"): CellLoopLSTM,
    ("cell", "gru"): CellLoopGRU,
    ("fused", "lstm"): FusedLSTM,
    ("fused", "gru"): FusedGRU,
}

DEEP, WIDE = "deep_logits", "wide_logits"  # the layers that give each part's logits, not scaled yet


def build_model(
    params: "TrainParams",
    encoding: Encoding,
    embedding_matrix: "NDArray[np.float32] | None" = None,
    implementation: str = "layer",
    scales: Sequence[float] = (1.0, 1.0),
) -> keras.Model:
    """The classifier before training; its wide part weighs nothing yet.

    Args:
        params: what shapes the parts (cell, layers, units, ..., ngrams); how they are fitted is not looked at.
        encoding: length, vocabulary size and classes.
        embedding_matrix: float32 [vocabulary_size, d]; needed where ``params.embedding`` is "glove".
        implementation: "layer", "cell" or "fused", how the recurrent layers are computed.
        scales: what the deep and the wide logits are multiplied by before they are added.

    Returns:
        int64 [b, max_length] => float32 logits: [b] for two classes (positive means class 1), else [b, classes].

    Raises:
        UsageError: when the matrix is missing or was made for another vocabulary.
    """
    token_ids = _token_ids(encoding)
    members = [
        _member(params, encoding, embedding_matrix, implementation, token_ids, f"_{number}")
        for number in range(1, params.members + 1)
    ]
    # Logits and their sums are float32 also where a GPU computes the rest in float16.
    deep = layers.Average(name=DEEP, dtype="float32")(members)
    logits = layers.Rescaling(scales[0], name=f"scaled_{DEEP}", dtype="float32")(deep)
    if params.ngrams:
        wide = _wide_logits(params, encoding, token_ids)
        logits += layers.Rescaling(scales[1], name=f"scaled_{WIDE}", dtype="float32")(wide)
    if _width(encoding) == 1:
        logits = ops.squeeze(logits, axis=-1)  # [b, 1] => [b]
    return keras.Model(token_ids, logits, name="classifier")


def build_wide_part(params: "TrainParams", encoding: Encoding) -> keras.Model:
    """The wide part alone, as it is in the classifier: int64 [b, max_length] => float32 [b, c]."""
    token_ids = _token_ids(encoding)
    return keras.Model(token_ids, _wide_logits(params, encoding, token_ids), name="wide_part")


def _token_ids(encoding: Encoding) -> keras.KerasTensor:
    """The input, int64 [b, t]."""
    return keras.Input((encoding.max_length,), dtype="int64", name="token_ids")


def _width(encoding: Encoding) -> int:
    """How many logits an example has, c."""
    return 1 if len(encoding.class_names) == 2 else len(encoding.class_names)


def _member(
    params: "TrainParams",
    encoding: Encoding,
    embedding_matrix: "NDArray[np.float32] | None",
    implementation: str,
    token_ids: keras.KerasTensor,
    suffix: str,
) -> keras.KerasTensor:
    """One member: int64 [b, t] => float32 [b, c]."""
    is_token = ops.not_equal(token_ids, PAD_ID)  # [b, t]
    layer = DenseGradientEmbedding if implementation == "fused" else layers.Embedding
    embedding = _embedding(layer, params, encoding, embedding_matrix, suffix)
    tokens = None
    if implementation == "fused" and not params.dropout and not params.bidirectional:
        distinct, positions = DistinctTokens()(token_ids)  # [b, t] => [k], [b, t]
        tokens = embedding(distinct), positions
    embedded = embedding(token_ids)  # [b, t] => [b, t, d]
    hidden = _recurrent(params, encoding, implementation, embedded, tokens, is_token, suffix)  # => [b, t, u] or [b, u]
    if params.pooling != "last":
        hidden = _pool(hidden, is_token, params.pooling, suffix)  # => [b, u] or [b, 2 * u]
    if params.head_units:
        hidden = layers.Dense(params.head_units, name=f"head{suffix}")(hidden)  # [b, u] => [b, head_units]
    hidden = layers.Dropout(params.dropout, name=f"dropout_head{suffix}")(hidden)
    if params.head_units:
        hidden = layers.ReLU(name=f"relu_head{suffix}")(hidden)
    return layers.Dense(_width(encoding), name=f"logits{suffix}", dtype="float32")(hidden)


def _embedding(
    layer: type[layers.Embedding],
    params: "TrainParams",
    encoding: Encoding,
    embedding_matrix: "NDArray[np.float32] | None",
    suffix: str,
) -> layers.Embedding:
    """Int64 [b, t] => float32 [b, t, d]."""
    if params.embedding == "random":
        size, dimension = encoding.vocabulary_size, params.embedding_dimension
        return layer(size, dimension, trainable=params.embedding_trainable, name=f"embedding{suffix}")
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
    embedding = layer(rows, dimension, trainable=params.embedding_trainable, name=f"embedding{suffix}")
    embedding.build()
    embedding.set_weights([embedding_matrix])
    return embedding


def _recurrent(
    params: "TrainParams",
    encoding: Encoding,
    implementation: str,
    hidden: keras.KerasTensor,
    tokens: Tokens | None,
    is_token: keras.KerasTensor,
    suffix: str,
) -> keras.KerasTensor:
    """Float32 [b, t, d] => states [b, t, u], or the last ones [b, u].

    Dropout takes the same components of all time steps, as the ``dropout`` of Keras' cells does.

    Padding before the text is read like a token unless ``mask_padding`` is set, and pooling leaves it out again.
    Padding after the text is always masked: it would overwrite the last state.
    """
    mask = is_token if params.mask_padding or encoding.padding == "post" else None
    recurrent = _RECURRENT[implementation, params.cell]
    for number in range(1, params.layers + 1):
        name = f"{params.cell}{suffix}_{number}"
        return_sequences = number < params.layers or params.pooling != "last"
        layer = recurrent(params.units, return_sequences=return_sequences, name=name)
        if params.bidirectional:
            layer = layers.Bidirectional(layer, name=f"bidirectional_{name}")
        hidden = layers.SpatialDropout1D(params.dropout, name=f"dropout{suffix}_{number}")(hidden)
        of_tokens = {"tokens": tokens} if tokens and number == 1 else {}
        hidden = layer(hidden, mask=mask, **of_tokens)
    return hidden


def _pool(hidden: keras.KerasTensor, is_token: keras.KerasTensor, pooling: str, suffix: str) -> keras.KerasTensor:
    """Maximum, mean or learned mean over the tokens, padding left out: [b, t, u] => [b, u] or [b, 2 * u]."""
    is_token = ops.expand_dims(is_token, axis=-1)  # [b, t] => [b, t, 1]
    if pooling == "attention":
        scores = layers.Dense(1, name=f"attention{suffix}", dtype="float32")(hidden)  # [b, t, u] => [b, t, 1]
        weights = ops.softmax(ops.where(is_token, scores, -1e9), axis=1)
        return ops.sum(hidden * ops.cast(weights, hidden.dtype), axis=1)
    pooled = []
    if pooling in ("mean", "mean_max"):
        weights = ops.cast(is_token, hidden.dtype)
        pooled.append(ops.sum(hidden * weights, axis=1) / ops.sum(weights, axis=1))
    if pooling in ("max", "mean_max"):
        pooled.append(ops.max(ops.where(is_token, hidden, -1.0), axis=1))  # -1 is the least a state can be
    return pooled[0] if len(pooled) == 1 else ops.concatenate(pooled, axis=-1)


def _wide_logits(params: "TrainParams", encoding: Encoding, token_ids: keras.KerasTensor) -> keras.KerasTensor:
    """The weights of all n-grams that occur, each once, summed up: int64 [b, t] => float32 [b, c]."""
    sizes = table_sizes(params.ngrams, encoding.vocabulary_size, params.ngram_buckets)
    keys = ngram_keys(token_ids, params.ngrams, encoding.vocabulary_size, params.ngram_buckets)
    width, sums = _width(encoding), []
    for length, (size, key) in enumerate(zip(sizes, keys, strict=True), 1):
        key = ops.sort(key, axis=1)  # [b, k], equal ones beside each other
        is_repeated = ops.pad(ops.equal(key[:, 1:], key[:, :-1]), [[0, 0], [1, 0]])
        table = layers.Embedding(size, width, "zeros", name=f"weights_of_{length}_grams", dtype="float32")
        weights = ops.where(ops.expand_dims(is_repeated, -1), 0.0, table(key))  # [b, k] => [b, k, c]
        sums.append(ops.sum(weights, axis=1))  # => [b, c]
    summed = sums[0] if len(sums) == 1 else layers.Add(name="sum_of_ngrams", dtype="float32")(sums)
    return layers.Dense(width, kernel_initializer="identity", name=WIDE, dtype="float32")(summed)  # adds the bias
