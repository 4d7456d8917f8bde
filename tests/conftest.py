"""A corpus and a GloVe that a person can check by eye, and the folder layout of an Examples artifact for them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.artifacts import Examples, IngestSummary
from schemas.examples import LABELLED_TEXT, SPLITS, arrow_schema

Rows = Sequence[tuple[str, int]]

TINY_CORPUS: Mapping[str, Rows] = {
    "train": [
        ("A good film, a good cast.", 1),
        ("Not good. It's a <b>bad</b> film!<br />", 0),
        ("Good good good", 1),
        ("Bad, bad, BAD.", 0),
    ],
    "validation": [("A bad cast", 0), ("good film", 1)],
    "test": [("A good, good film", 1), ("", 0), ("zyzzyva", 0)],
}

TINY_GLOVE = """\
the 0.1 0.2 0.3 0.4
good 1 0 0 0.5
bad -1 0 0 0.5
film 0 1 0 0
a 0 0 1 0
's 0.25 0 0 -0.5
"""

WriteExamples = Callable[..., Examples]


@pytest.fixture
def write_examples(tmp_path: Path) -> WriteExamples:
    """``write_examples(corpus, rows_per_shard=2)`` writes an Examples artifact and returns it."""

    def write(
        corpus: Mapping[str, Rows] = TINY_CORPUS,
        rows_per_shard: int = 2,
        class_names: Sequence[str] = ("negative", "positive"),
        name: str = "examples",
    ) -> Examples:
        folder = tmp_path / name
        for split in SPLITS:
            (folder / split).mkdir(parents=True)
            rows = corpus.get(split, ())
            shards = range(0, len(rows), rows_per_shard)
            for number, start in enumerate(shards):
                values = [
                    {"example_id": f"{split}:{start + i}", "text": text, "label": label}
                    for i, (text, label) in enumerate(rows[start : start + rows_per_shard])
                ]
                table = pa.Table.from_pylist(values, schema=arrow_schema(LABELLED_TEXT))
                pq.write_table(table, folder / split / f"examples-{number:05d}-of-{len(shards):05d}.parquet")
        counts = {split: len(corpus.get(split, ())) for split in SPLITS}
        IngestSummary(tuple(class_names), (), sum(counts.values()), 0, counts).save(folder / "summary.json")
        (folder / "rejected.jsonl").touch()
        return Examples(folder)

    return write


@pytest.fixture
def tiny_glove(tmp_path: Path) -> Path:
    """The tiny GloVe as a text file."""
    path = tmp_path / "glove.tiny.4d.txt"
    path.write_text(TINY_GLOVE)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[str], Path]:
    """``folder("out")`` makes an empty folder, as the runner gives one to a step."""

    def make(name: str) -> Path:
        path = tmp_path / name
        path.mkdir()
        return path

    return make
