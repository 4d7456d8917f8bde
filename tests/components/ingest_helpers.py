"""Running ingest in a test and looking at what it wrote."""

import hashlib
import itertools
import json

import pyarrow as pa
import pyarrow.parquet as pq

from components.beam_options import BeamOptions
from components.ingest import IngestParams, ingest
from schemas.artifacts import Examples
from schemas.examples import SPLITS

ALL_IN_TRAIN = {"validation_fraction": 0, "test_fraction": 0}
_folder_numbers = itertools.count()


def run(tmp_path, source, beam=None, **params) -> Examples:
    """Ingest into a folder of its own below ``tmp_path``."""
    out = tmp_path / f"out-{next(_folder_numbers)}"
    out.mkdir()
    return ingest(IngestParams(source=str(source), **params), out, beam or BeamOptions())


def run_unsplit(tmp_path, source, **params) -> Examples:
    """Ingest with every row in train."""
    return run(tmp_path, source, **ALL_IN_TRAIN, **params)


def rows(examples, *splits) -> list[dict]:
    """The rows of the splits, in order."""
    tables = [pq.read_table(shard) for split in splits or SPLITS for shard in examples.shards(split)]
    return pa.concat_tables(tables).to_pylist() if tables else []


def triples(examples, *splits) -> list[tuple]:
    """(example_id, text, class name) of each row."""
    names = examples.summary.class_names
    return [(row["example_id"], row["text"], names[row["label"]]) for row in rows(examples, *splits)]


def texts(examples, *splits) -> list[str]:
    return [row["text"] for row in rows(examples, *splits)]


def rejects(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "rejected.jsonl").read_text().splitlines()]


def newest_out(tmp_path):
    """Where the last ``run`` wrote, also if it failed."""
    return max(tmp_path.glob("out-*"), key=lambda path: int(path.name.partition("-")[2]))


def digests(examples) -> dict[str, str]:
    """SHA-256 of each file of the artifact."""
    return {
        path.relative_to(examples.path).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(examples.path.rglob("*"))
        if path.is_file()
    }
