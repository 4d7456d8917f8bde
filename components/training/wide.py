"""The wide part: a linear model of which n-grams a text holds, fitted once before the recurrent part is trained.

Logistic regression over n-grams weighted by their naive Bayes log-count ratio, after Wang and Manning, *Baselines and
Bigrams: Simple, Good Sentiment and Topic Classification*, ACL 2012, section 2: a convex problem that liblinear solves
in seconds, where gradient descent over the same tables would take epochs. One model a class against the rest; the
second class's alone where there are two.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from components.dataset import evaluation_dataset, training_rows
from components.model import WIDE, build_wide_part
from components.ngrams import ngram_keys, table_sizes
from schemas.artifacts import EncodedExamples
from schemas.examples import TRAIN_WINDOWS
from schemas.vocabulary import PAD_ID

if TYPE_CHECKING:
    from components.train import TrainParams

_BATCH = 5000
_MOST_IDS = 40_000_000  # of all rows together, padding included: keeps the matrices of triples near 3 GB
_STRENGTH = 0.1  # liblinear's C, chosen on the validation split of the sample among 0.05, 0.1, 0.2, 0.4
_WINDOW_WEIGHT = 0.5  # what was cut off a text says less about its label; 0.5 was better than 1 there
_SMOOTHING = 1.0  # added to all counts
# Longer rows are fitted in pieces of so many tokens. What counts is whether an n-gram occurs, and in a long text that
# says less; fitted on pieces of 80, triples were better on whole texts (validation: 0.921 against 0.914).
_PIECE = 80


@dataclass(frozen=True)
class WideWeights:
    """Weights of a linear model; letters: c logits."""

    tables: list[NDArray[np.float32]]  # for each length of n-grams, [rows, c]
    bias: NDArray[np.float32]  # [c]


_Ints = NDArray[np.int64]


def fit_wide_part(encoded: EncodedExamples, params: "TrainParams") -> keras.Model:
    """The wide part as ``components.model`` builds it, fitted: int64 [b, max_length] => float32 [b, c]."""
    part = build_wide_part(params, encoded.encoding)
    set_weights(part, fit_wide(encoded, params))
    return part


def fit_wide(encoded: EncodedExamples, params: "TrainParams") -> WideWeights:
    """Fit on the train split and the windows of its texts; of many rows on every second, third, ..."""
    encoding = encoded.encoding
    features, labels, weights = _training_rows(encoded, params)
    classes = len(encoding.class_names)
    columns, biases = [], []
    for label in [1] if classes == 2 else range(classes):
        column, bias = _fit_one(features, labels == label, weights, params.seed)
        columns.append(column)
        biases.append(bias)
    sizes = table_sizes(params.ngrams, encoding.vocabulary_size, params.ngram_buckets)
    tables = np.split(np.stack(columns, axis=1), np.cumsum(sizes)[:-1])  # [features, c] => [rows, c] for each length
    return WideWeights(tables, np.array(biases, np.float32))


def set_weights(classifier: keras.Model, wide: WideWeights) -> None:
    """Put the weights into a wide part, or a classifier, of the same parameters."""
    for length, table in enumerate(wide.tables, 1):
        classifier.get_layer(f"weights_of_{length}_grams").set_weights([table])
    classifier.get_layer(WIDE).set_weights([np.eye(len(wide.bias), dtype=np.float32), wide.bias])


def _fit_one(
    features: sparse.csr_matrix, is_class: NDArray[np.bool_], weights: NDArray[np.float32], seed: int
) -> tuple[NDArray[np.float32], float]:
    """Weight of each feature, [features], and bias, of one class against the rest."""
    if is_class.all() or not is_class.any():
        return np.zeros(features.shape[1], np.float32), 10.0 if is_class.all() else -10.0  # as good as always, never
    inside = features[is_class].sum(axis=0).A1 + _SMOOTHING
    outside = features[~is_class].sum(axis=0).A1 + _SMOOTHING
    ratio = np.log((inside / inside.sum()) / (outside / outside.sum())).astype(np.float32)
    model = LogisticRegression(C=_STRENGTH, solver="liblinear", dual=True, random_state=seed)
    model.fit(features.multiply(ratio).tocsr(), is_class, sample_weight=weights)
    return (ratio * model.coef_[0]).astype(np.float32), float(model.intercept_[0])


def _training_rows(
    encoded: EncodedExamples, params: "TrainParams"
) -> tuple[sparse.csr_matrix, _Ints, NDArray[np.float32]]:
    """Features float32 [n, features], 1 where the text holds the n-gram; labels [n]; weights [n]."""
    encoding = encoded.encoding
    step = -(-training_rows(encoding) * encoding.max_length // _MOST_IDS)  # rounded up
    features, labels, weights = [], [], []
    for split, weight in (("train", 1.0), (TRAIN_WINDOWS, _WINDOW_WEIGHT)):
        for token_ids, label, _ in evaluation_dataset(encoded, split, _BATCH):
            pieces, of_row = _pieces(token_ids.numpy()[::step], is_left_padded=encoding.padding == "pre")
            features.append(_presence(pieces, params, encoding.vocabulary_size))
            labels.append(label.numpy()[::step][of_row])
            weights.append(np.full(len(labels[-1]), weight, np.float32))
    return sparse.vstack(features, format="csr"), np.concatenate(labels), np.concatenate(weights)


def _pieces(token_ids: _Ints, is_left_padded: bool) -> tuple[_Ints, _Ints]:
    """Cut rows into pieces; those less than half full are left out, but for the fullest of a row.

    Args:
        token_ids: [n, t].
        is_left_padded: whether padding comes before the text; pieces are counted from the other end.

    Returns:
        Pieces [m, _PIECE], or the rows themselves where these are no longer; and the row each is from, [m].
    """
    rows, length = token_ids.shape
    if length <= _PIECE:
        return token_ids, np.arange(rows)
    missing = -length % _PIECE
    padded = np.pad(token_ids, [(0, 0), (missing, 0) if is_left_padded else (0, missing)], constant_values=PAD_ID)
    pieces = padded.reshape(rows, -1, _PIECE)  # [n, t] => [n, k, _PIECE]
    is_used = (pieces != PAD_ID).sum(axis=2) >= _PIECE // 2  # [n, k]
    is_used[:, -1 if is_left_padded else 0] = True
    return pieces[is_used], np.nonzero(is_used)[0]


def _presence(token_ids: _Ints, params: "TrainParams", vocabulary_size: int) -> sparse.csr_matrix:
    """Int64 [n, t] => float32 [n, features]: 1 for each n-gram that occurs, those of all lengths side by side."""
    parts = list(_parts(token_ids, params, vocabulary_size))
    return sparse.hstack(parts, format="csr", dtype=np.float32)


def _parts(token_ids: _Ints, params: "TrainParams", vocabulary_size: int) -> Iterator[sparse.csr_matrix]:
    sizes = table_sizes(params.ngrams, vocabulary_size, params.ngram_buckets)
    keys = ngram_keys(token_ids, params.ngrams, vocabulary_size, params.ngram_buckets)
    for length, (size, key) in enumerate(zip(sizes, keys, strict=True), 1):
        columns = np.asarray(key)
        is_ngram = columns != (0 if length == 1 else size - 1)
        rows = np.nonzero(is_ngram)[0]
        part = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns[is_ngram])), (len(columns), size))
        part.data[:] = 1  # the constructor has added up what occurs several times
        yield part
