"""The way of notebooks, all in memory: Keras' ``Tokenizer``, ``pad_sequences``, ``TFRecordWriter``."""

import keras
import numpy as np
import tensorflow as tf
from task import FILTERS, MAX_LENGTH, RESERVED, UNK_ID, VOCABULARY_SIZE, Task
from tf_example import example_bytes

OWN_UNK_ID = 1  # the Tokenizer's; its tokens follow from 2


def main() -> None:
    """Fit on the texts, turn them into ids, write."""
    task = Task()
    rows = list(task.read_rows())
    texts = [row["text"] for row in rows]
    num_words = VOCABULARY_SIZE - len(RESERVED) + OWN_UNK_ID + 1
    tokenizer = tf.keras.preprocessing.text.Tokenizer(num_words, filters=FILTERS, oov_token="[UNK]")
    tokenizer.fit_on_texts(texts)
    sequences = tokenizer.texts_to_sequences(texts)
    padded = keras.utils.pad_sequences(sequences, MAX_LENGTH)  # int32 [n, 80], pre and pre
    shifted = np.where(padded == OWN_UNK_ID, UNK_ID, padded + len(RESERVED) - OWN_UNK_ID - 1)
    token_ids = np.where(padded == 0, padded, shifted)
    task.write_vocabulary([tokenizer.index_word[i] for i in range(OWN_UNK_ID + 1, num_words)])
    with tf.io.TFRecordWriter(str(task.out / "examples.tfrecord")) as writer:
        for row, ids, sequence in zip(rows, token_ids.tolist(), sequences, strict=True):
            writer.write(example_bytes(row["id"].encode(), row["label"], min(len(sequence), MAX_LENGTH), ids))
    task.report(f"Keras {keras.__version__}, TensorFlow {tf.__version__}")


if __name__ == "__main__":
    main()
