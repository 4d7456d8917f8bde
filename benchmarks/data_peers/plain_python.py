"""The same as the notebook in plain Python, tuned by hand: texts are tokenized once, and the tokens held in memory."""

from collections import Counter

import keras
import tensorflow as tf
from task import FILTERS, MAX_LENGTH, RESERVED, UNK_ID, VOCABULARY_SIZE, Task
from tf_example import example_bytes


def main() -> None:
    """Texts to token lists, to counts, to ids, to records."""
    task = Task()
    rows = list(task.read_rows())
    spaces = str.maketrans(dict.fromkeys(FILTERS, " "))
    texts = [[token for token in row["text"].lower().translate(spaces).split(" ") if token] for row in rows]
    counts: Counter[str] = Counter()
    for tokens in texts:
        counts.update(tokens)
    vocabulary = [token for token, _ in counts.most_common(VOCABULARY_SIZE - len(RESERVED))]
    ids = {token: number for number, token in enumerate(vocabulary, start=len(RESERVED))}
    sequences = [[ids.get(token, UNK_ID) for token in tokens] for tokens in texts]
    padded = keras.utils.pad_sequences(sequences, MAX_LENGTH)  # int32 [n, 80], pre and pre
    task.write_vocabulary(vocabulary)
    with tf.io.TFRecordWriter(str(task.out / "examples.tfrecord")) as writer:
        for row, token_ids, sequence in zip(rows, padded.tolist(), sequences, strict=True):
            length = min(len(sequence), MAX_LENGTH)
            writer.write(example_bytes(row["id"].encode(), row["label"], length, token_ids))
    task.report(f"Keras {keras.__version__}, TensorFlow {tf.__version__}")


if __name__ == "__main__":
    main()
