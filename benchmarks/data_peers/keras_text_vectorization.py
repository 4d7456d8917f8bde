"""Keras ``TextVectorization``: ``adapt`` for the vocabulary, a ``tf.data`` ``map`` on all cores for the ids."""

import keras
import tensorflow as tf
from task import FILTERS_PATTERN, MAX_LENGTH, PAD_ID, RESERVED, UNK_ID, VOCABULARY_SIZE, Task
from tf_example import example_bytes

BATCH = 1024
OWN_RESERVED = 2  # TextVectorization's: 0 is padding, 1 is unknown


def standardize(texts: tf.Tensor) -> tf.Tensor:
    """Lower case, and spaces for punctuation; Keras' own standardization would join the words beside it."""
    return tf.strings.regex_replace(tf.strings.lower(texts, encoding="utf-8"), FILTERS_PATTERN, " ")


def main() -> None:
    """Adapt, map, write."""
    task = Task()
    rows = list(task.read_rows())
    vectorize = keras.layers.TextVectorization(
        max_tokens=VOCABULARY_SIZE - len(RESERVED) + OWN_RESERVED, standardize=standardize, ragged=True
    )
    texts = tf.data.Dataset.from_tensor_slices([row["text"] for row in rows]).batch(BATCH)  # string [b]
    vectorize.adapt(texts)
    task.write_vocabulary(vectorize.get_vocabulary(include_special_tokens=False))

    def encode(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        ids = vectorize(batch)[:, -MAX_LENGTH:]  # ragged int64 [b, (t)]
        ids = tf.where(ids < OWN_RESERVED, tf.cast(UNK_ID, ids.dtype), ids + len(RESERVED) - OWN_RESERVED)
        backwards = tf.reverse(ids, [1]).to_tensor(PAD_ID, shape=[None, MAX_LENGTH])
        return tf.reverse(backwards, [1]), ids.row_lengths()

    encoded = texts.map(encode, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
    left = iter(rows)
    with tf.io.TFRecordWriter(str(task.out / "examples.tfrecord")) as writer:
        for token_ids, lengths in encoded.as_numpy_iterator():
            for ids, length in zip(token_ids.tolist(), lengths.tolist(), strict=True):
                row = next(left)
                writer.write(example_bytes(row["id"].encode(), row["label"], length, ids))
    task.report(f"Keras {keras.__version__}, TensorFlow {tf.__version__}")


if __name__ == "__main__":
    main()
