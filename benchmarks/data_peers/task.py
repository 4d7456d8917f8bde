"""The task of bench-data, for all peers: where they read, what they write, how they report. Standard library only.

Call of each peer: ``python PEER.py REVIEWS OUT``. It reads REVIEWS/*.jsonl, writes OUT/*.tfrecord with the features
token_ids int64 [80], length int64, label int64 and example_id bytes, and OUT/vocabulary.txt, where the line number
is the id: [PAD], [START], [UNK], [UNUSED], then tokens from the most frequent one.
"""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

MAX_LENGTH = 80  # the last ids of a text, filled up on the left
VOCABULARY_SIZE = 10_000  # with the reserved ones
RESERVED = ["[PAD]", "[START]", "[UNK]", "[UNUSED]"]
PAD_ID, UNK_ID = 0, 2
FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'  # of keras.preprocessing.text.Tokenizer: these become spaces
FILTERS_PATTERN = r"""[!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~\t\n]"""  # the same as a regular expression


class Task:
    """One run of a peer; the clock of the job starts here, after the imports."""

    def __init__(self) -> None:
        self.reviews, self.out = map(Path, sys.argv[1:])
        self.files = sorted(map(str, self.reviews.glob("*.jsonl")))
        self._started = time.perf_counter()

    def read_rows(self) -> Iterator[dict[str, Any]]:
        """Rows with id, text and label."""
        for name in self.files:
            with Path(name).open(encoding="utf-8") as lines:
                yield from map(json.loads, lines)

    def write_vocabulary(self, tokens: Iterable[str]) -> None:
        """Write vocabulary.txt; ``tokens`` are those after the reserved ones."""
        lines = "".join(f"{token}\n" for token in (*RESERVED, *tokens))
        (self.out / "vocabulary.txt").write_text(lines, encoding="utf-8")

    def report(self, framework: str) -> None:
        """Print the last line of output: seconds since the imports, as JSON."""
        seconds = time.perf_counter() - self._started
        print(json.dumps({"framework": framework, "job_seconds": seconds}), flush=True)
