"""What a competitor of bench-data wrote, boiled down so that two of them can be compared.

Call: ``python data_check.py FOLDER VOCABULARY REPORT``. FOLDER holds TFRecords at any depth, or token_ids.npy and
labels.npy; VOCABULARY is a vocabulary.txt. Writes REPORT as JSON: number of rows, tokens, and digests of some thousand
rows. A digest is of the label and the tokens as words, so that neither order nor ids matter, and which rows are taken
depends on it alone.
"""

import json
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH = 80
BATCH = 4096
DIGESTS = 5000  # about
LEAST_SHARED_VOCABULARY = 0.95

Batches = Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]  # token ids [b, 80], labels [b]


def main() -> None:
    """Read, boil down, write."""
    folder, vocabulary, report = map(Path, sys.argv[1:])
    tokens = np.array(vocabulary.read_text(encoding="utf-8").split("\n")[:-1], dtype=object)
    batches = _from_matrix(folder) if (folder / "token_ids.npy").exists() else _from_records(folder)
    digests = [
        zlib.crc32(f"{label} {' '.join(words)}".encode())
        for token_ids, labels in batches
        for words, label in zip(tokens[token_ids], labels, strict=True)
    ]
    every = max(len(digests) // DIGESTS, 1)
    some = [digest for digest in digests if digest % every == 0]
    report.write_text(json.dumps({"rows": len(digests), "tokens": tokens.tolist(), "digests": some}))


def _from_matrix(folder: Path) -> Batches:
    yield np.load(folder / "token_ids.npy"), np.load(folder / "labels.npy")


def _from_records(folder: Path) -> Batches:
    """The batches of all records; an error where one has another width, or a length that is not that of its ids."""
    import tensorflow as tf

    files = [str(file) for file in sorted(folder.rglob("*.tfrecord*"))]
    spec: dict[str, tf.io.FixedLenFeature] = {name: tf.io.FixedLenFeature([], tf.int64) for name in ("label", "length")}
    spec["token_ids"] = tf.io.FixedLenFeature([WIDTH], tf.int64)
    spec["example_id"] = tf.io.FixedLenFeature([], tf.string)
    records = tf.data.TFRecordDataset(files).batch(BATCH)
    for batch in records.map(lambda serialized: tf.io.parse_example(serialized, spec)).as_numpy_iterator():
        if not ((batch["token_ids"] != 0).sum(axis=1) == batch["length"]).all():
            raise ValueError(f"{folder}: a length is not the number of ids that are no padding")
        yield batch["token_ids"], batch["label"]


def agreement(ours: Mapping[str, Any], peer: Mapping[str, Any]) -> dict[str, Any]:
    """How far two reports agree: shares of our tokens and rows that the peer has as well."""
    return {
        "rows": peer["rows"],
        "vocabulary": _share(ours["tokens"], peer["tokens"]),
        "equal_rows": _share(ours["digests"], peer["digests"]),
    }


def disagreements(rows: int, found: Mapping[str, Any]) -> list[str]:
    """What no two competitors may differ in."""
    faults = []
    if found["rows"] != rows:
        faults.append(f"{found['rows']} rows of {rows}")
    if found["vocabulary"] < LEAST_SHARED_VOCABULARY:
        faults.append(f"{found['vocabulary']:.1%} of our vocabulary")
    return faults


def _share(ours: Sequence[Any], peers: Sequence[Any]) -> float:
    others = set(peers)
    return sum(its in others for its in ours) / max(len(ours), 1)


if __name__ == "__main__":
    main()
