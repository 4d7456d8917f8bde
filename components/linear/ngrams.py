"""Uni- and bigrams of token ids, counted with NumPy; letters: n rows, k n-grams that a model knows, m tokens in all.

An n-gram is one number, its key: ``token`` of a single one, ``ids_in_use * (1 + first) + second`` of two neighbours.

>>> import numpy as np
>>> rows = TokenRows(np.array([7, 8, 7, 7, 8, 9]), np.array([3, 3]))
>>> known = frequent_ngrams(rows, ids_in_use=10, most=3)
>>> known.tolist()  # 7, 8 and the pair 7 8 are in both rows
[7, 8, 88]
>>> count_matrix(rows, 10, known).toarray().tolist()
[[2.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_ROWS_AT_ONCE = 1000


@dataclass(frozen=True)
class TokenRows:
    """The token ids of n rows, one row after the other."""

    ids: NDArray[Any]  # integers [m], the sum of the lengths
    lengths: NDArray[np.int64]  # [n]

    @classmethod
    def join(cls, parts: "list[TokenRows]") -> "TokenRows":
        """The rows of all parts."""
        ids = np.concatenate([part.ids for part in parts]) if parts else np.empty(0, np.int32)
        lengths = np.concatenate([part.lengths for part in parts]) if parts else np.empty(0, np.int64)
        return cls(ids, lengths)

    def take(self, is_taken: NDArray[np.bool_]) -> "TokenRows":
        """Only the rows marked by bool [n]."""
        return TokenRows(self.ids[np.repeat(is_taken, self.lengths)], self.lengths[is_taken])

    def pieces(self) -> "Iterator[TokenRows]":
        """The same rows, some at a time, so that what is made of them stays small."""
        ends = np.concatenate([[0], np.cumsum(self.lengths)])
        for start in range(0, len(self.lengths), _ROWS_AT_ONCE):
            stop = min(start + _ROWS_AT_ONCE, len(self.lengths))
            yield TokenRows(self.ids[ends[start] : ends[stop]], self.lengths[start:stop])


def ngram_keys(rows: TokenRows, ids_in_use: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The row and the key of each uni- and bigram: two arrays of one length."""
    row_of = np.repeat(np.arange(len(rows.lengths)), rows.lengths)  # [m]
    ids = rows.ids.astype(np.int64)
    is_pair = row_of[1:] == row_of[:-1]
    pairs = ids_in_use * (1 + ids[:-1]) + ids[1:]
    return np.concatenate([row_of, row_of[1:][is_pair]]), np.concatenate([ids, pairs[is_pair]])


def frequent_ngrams(rows: TokenRows, ids_in_use: int, most: int) -> NDArray[np.int64]:
    """The keys of the n-grams that occur in the largest number of rows, at most ``most``, ascending: int64 [k]."""
    keys, frequencies = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for piece in rows.pieces():
        row_of, key = ngram_keys(piece, ids_in_use)
        order = np.lexsort((row_of, key))
        row_of, key = row_of[order], key[order]
        is_first_in_row = np.concatenate([[True], (key[1:] != key[:-1]) | (row_of[1:] != row_of[:-1])])[: len(key)]
        found, frequency = np.unique(key[is_first_in_row], return_counts=True)
        keys.append(found)
        frequencies.append(frequency)
    found, where = np.unique(np.concatenate(keys), return_inverse=True)
    frequency = np.bincount(where, np.concatenate(frequencies), len(found))
    return np.sort(found[np.argsort(-frequency, kind="stable")[:most]])  # of equally frequent ones the lowest keys


def count_matrix(rows: TokenRows, ids_in_use: int, known: NDArray[np.int64]) -> "csr_matrix":
    """How often each row holds each known n-gram: float64 [n, k], sparse."""
    from scipy.sparse import csr_matrix, vstack

    counts = [csr_matrix((0, len(known)), dtype=np.float64)]
    for piece in rows.pieces():
        row_of, key = ngram_keys(piece, ids_in_use)
        column = np.searchsorted(known, key)
        is_known = np.append(known, -1)[column] == key
        entries = (np.ones(is_known.sum()), (row_of[is_known], column[is_known]))
        counts.append(csr_matrix(entries, shape=(len(piece.lengths), len(known))))  # sums repeated entries
    return vstack(counts, format="csr")
