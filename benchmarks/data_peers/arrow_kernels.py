"""The floor: bare Arrow kernels on all texts in one process, from files to ids, without any of what a pipeline adds.

Nothing is checked, split or cached, tokens are held in memory between counting and look-up, and instead of TFRecords
the matrix of ids is written as one .npy, and the labels as another.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
from numpy.typing import NDArray
from task import FILTERS_PATTERN, MAX_LENGTH, PAD_ID, RESERVED, UNK_ID, VOCABULARY_SIZE, Task

ROWS = 1000  # texts that the kernels are given at once: few enough to stay in the processor's cache


def tokenize(texts: pa.Array) -> tuple[pa.Array, NDArray[np.int64]]:
    """String [n] => the tokens of all, and how many of them end before each text and the end, [n + 1]."""
    texts = pc.replace_substring_regex(pc.utf8_lower(texts), pattern=FILTERS_PATTERN, replacement=" ")
    pieces = pc.split_pattern(texts, " ")  # list<string> [n], with an empty piece between two spaces
    values = pieces.flatten()
    is_token = pc.not_equal(pc.binary_length(values), 0)
    tokens_before = np.concatenate([[0], np.cumsum(is_token.to_numpy(zero_copy_only=False))])
    return values.filter(is_token), tokens_before[pieces.offsets.to_numpy() - pieces.offsets[0].as_py()]


def pad(ids: NDArray[np.int32], offsets: NDArray[np.int64]) -> NDArray[np.int32]:
    """The ids of all texts => [n, 80]."""
    columns = offsets[1:, None] - MAX_LENGTH + np.arange(MAX_LENGTH)  # [n, 80]
    return np.where(columns >= offsets[:-1, None], ids[np.maximum(columns, 0)], PAD_ID)


def main() -> None:
    """Files to texts, to tokens and counts, to ids."""
    task = Task()
    tokenized, counts, labels = [], [], []
    for file in task.files:
        for batch in pyarrow.json.read_json(file).to_batches(ROWS):
            tokenized.append(tokenize(batch["text"]))
            labels.append(batch["label"].to_numpy())
            counts.append(pa.table(tokenized[-1][0].value_counts().flatten(), ["token", "count"]))
    total = pa.concat_tables(counts).group_by("token").aggregate([("count", "sum")])
    ordered = total.sort_by([("count_sum", "descending"), ("token", "ascending")])
    vocabulary = ordered["token"][: VOCABULARY_SIZE - len(RESERVED)].combine_chunks()
    rows = []
    for tokens, offsets in tokenized:
        found = pc.add(pc.index_in(tokens, value_set=vocabulary), len(RESERVED))
        rows.append(pad(pc.fill_null(found, UNK_ID).to_numpy(), offsets))
    task.write_vocabulary(vocabulary.to_pylist())
    np.save(task.out / "token_ids.npy", np.concatenate(rows))
    np.save(task.out / "labels.npy", np.concatenate(labels))
    task.report(f"pyarrow {pa.__version__}")


if __name__ == "__main__":
    main()
