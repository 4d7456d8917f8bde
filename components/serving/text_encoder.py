"""The TensorFlow twin of ``components.text`` and of encode: raw strings to token ids inside the serving graph.

In: string [b]. Out: int64 [b, max_length], the ids that encode wrote for the same text. The rules come from
``components.text``, so there is one description of them; tests hold the two paths against each other.
"""

import numpy as np
import tensorflow as tf

from components.text import lower_case_table, replacements
from schemas.artifacts import Encoding
from schemas.vocabulary import PAD_ID, UNK_ID, Vocabulary


class TextEncoder(tf.Module):
    """Encodes raw text as the model was trained on; letters: b texts, p pieces, t tokens of the longest text.

    Args:
        vocabulary: tokens and tokenizer.
        vocabulary_file: the same vocabulary as a file, which becomes an asset of the SavedModel.
        encoding: length, padding and truncation.
    """

    def __init__(self, vocabulary: Vocabulary, vocabulary_file: str, encoding: Encoding) -> None:
        super().__init__(name="text_encoder")
        self._replacements = replacements(vocabulary.tokenizer)
        self._encoding = encoding
        lowered = lower_case_table()
        self._cased = int(np.flatnonzero(lowered != np.arange(len(lowered)))[-1]) + 1  # later code points stay
        self._lower_case_table = tf.constant(lowered[: self._cased])
        # Line number = token id, and line FIRST_TOKEN_ID is the first known token. Reserved names such as "[UNK]" can
        # never be looked up: both tokenizers take brackets away.
        self._vocabulary_file = tf.saved_model.Asset(vocabulary_file)
        self._table = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(
                self._vocabulary_file.asset_path,
                key_dtype=tf.string,
                key_index=tf.lookup.TextFileIndex.WHOLE_LINE,
                value_dtype=tf.int64,
                value_index=tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            default_value=UNK_ID,
        )

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """String [b] => ragged string [b, (t)]; invalid UTF-8 becomes U+FFFD."""
        code_points = tf.strings.unicode_decode(texts, "UTF-8", errors="replace")  # [b] => [b, (characters)]
        values = code_points.flat_values
        lowered = tf.gather(self._lower_case_table, tf.minimum(values, self._cased - 1))
        values = tf.where(values < self._cased, lowered, values)
        texts = tf.strings.unicode_encode(code_points.with_flat_values(values), "UTF-8")
        for pattern, rewrite in self._replacements:
            texts = tf.strings.regex_replace(texts, pattern, rewrite)
        pieces = tf.strings.split(texts, sep=" ")  # [b] => [b, (p)]
        return tf.ragged.boolean_mask(pieces, tf.not_equal(pieces, ""))

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """String [b] => int64 [b, max_length]."""
        length = self._encoding.max_length
        token_ids = self._table.lookup(self.tokenize(texts))  # [b, (t)]
        is_empty = tf.equal(token_ids.row_lengths(), 0)
        unknown = tf.ragged.boolean_mask(
            tf.fill([tf.size(is_empty), 1], tf.constant(UNK_ID, tf.int64)), is_empty[:, None]
        )
        token_ids = tf.concat([token_ids, unknown], axis=1)
        token_ids = token_ids[:, -length:] if self._encoding.truncating == "pre" else token_ids[:, :length]
        lengths = token_ids.row_lengths()[:, None]
        left_aligned = token_ids.to_tensor(PAD_ID, shape=[None, length])  # [b, (t)] => [b, max_length]
        if self._encoding.padding == "post":
            return left_aligned
        columns = tf.range(length, dtype=tf.int64) - (length - lengths)  # [b, max_length], negative where padded
        right_aligned = tf.gather(left_aligned, tf.maximum(columns, 0), batch_dims=1)
        return tf.where(columns < 0, tf.constant(PAD_ID, tf.int64), right_aligned)
