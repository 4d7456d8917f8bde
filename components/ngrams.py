"""N-grams of token ids as numbers, the same in the training of the linear part and inside the model."""

import keras
from keras import ops

from schemas.vocabulary import PAD_ID


def table_sizes(ngrams: int, vocabulary_size: int, buckets: int) -> list[int]:
    """Rows of the table of each length; in those of more than one token the last row stands for no n-gram."""
    return [vocabulary_size if length == 1 else buckets + 1 for length in range(1, ngrams + 1)]


def ngram_keys(
    token_ids: keras.KerasTensor, ngrams: int, vocabulary_size: int, buckets: int
) -> list[keras.KerasTensor]:
    """Which row of its length's table each n-gram has.

    N-grams of more than one token share ``buckets`` rows by a hash. One that holds padding is none.

    Args:
        token_ids: int64 [b, t].
        ngrams: the longest, in tokens.
        vocabulary_size: one more than the greatest id.
        buckets: rows for the n-grams of one length; best a prime, so that all ids count.

    Returns:
        int64 [b, t - length + 1] for each length from 1, in order of the text.
    """
    is_token = ops.not_equal(token_ids, PAD_ID)  # [b, t]
    hashes, is_used, keys = token_ids, is_token, [token_ids]
    for length in range(2, ngrams + 1):  # [b, t - length + 2] => [b, t - length + 1]
        hashes = ops.mod(hashes[:, :-1] * vocabulary_size + token_ids[:, length - 1 :], buckets)
        is_used = ops.logical_and(is_used[:, :-1], is_token[:, length - 1 :])
        keys.append(ops.where(is_used, hashes, buckets))
    return keys
