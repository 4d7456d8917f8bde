"""The first half of ingest: one unit of the source to a part folder, its rows checked and divided among the splits.

    parts/<key>/{train,validation,test}.arrow   example_id, text, label (as the source has it), kept columns
    parts/<key>/rejected.jsonl                  rows not taken
    parts/<key>/summary.json                    PartSummary

Keys sort in reading order. Each part depends on its unit alone, so any worker may write it, in any order.
"""

import difflib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO

from components.beam_options import count_rows
from components.reading.chunks import BATCH_ROWS, BrokenFileError, Chunk, Taken, Unit, take_columns
from components.reading.readers import read_unit
from components.reading.rows import Accepted, Reject, Row, accept
from components.reading.splits import Fractions, assign_splits
from components.sources import IngestParams
from schemas.artifacts import read_json, write_json
from schemas.disk import replacing
from schemas.examples import LABEL, LABELLED_TEXT, SPLITS, arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

MAX_CLASSES = 1000
_BATCH_CHARACTERS = 32 * 1024 * 1024


@dataclass(frozen=True)
class PartRules:
    """What all parts of one ingest have in common."""

    params: IngestParams
    folder: Path  # of all parts
    own_splits: frozenset[str]
    known_labels: tuple[str, ...] | None  # None: any label is a class
    progress_file: Path | None

    @property
    def fractions(self) -> Fractions:
        """What to take out of train for the splits that the source does not have."""
        return Fractions(
            validation=0 if "validation" in self.own_splits else self.params.validation_fraction,
            test=0 if "test" in self.own_splits else self.params.test_fraction,
        )

    @property
    def schema(self) -> "pa.Schema":
        """Labelled texts with the label still a string."""
        import pyarrow as pa

        schema = arrow_schema(LABELLED_TEXT, self.params.keep_columns)
        return schema.set(schema.get_field_index(LABEL.name), pa.field(LABEL.name, pa.string(), nullable=False))


@dataclass(frozen=True)
class PartSummary:
    """What became of the rows of one unit."""

    rows_in: int
    rejected: int
    rows: dict[str, int]  # split -> rows
    labels: list[str]  # distinct, sorted; no more than MAX_CLASSES + 1 of them
    broken_file: str = ""  # why the unit could not be read to its end


@dataclass
class _Tally:
    rows_in: int = 0
    rejected: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    labels: set[str] = field(default_factory=set)

    def summary(self, broken_file: str) -> PartSummary:
        return PartSummary(self.rows_in, self.rejected, dict(self.rows), sorted(self.labels), broken_file)


@dataclass(frozen=True)
class Part:
    """A finished part folder."""

    folder: Path
    summary: PartSummary

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the summary that ``write_part`` left."""
        return cls(folder, PartSummary(**read_json(folder / "summary.json")))

    @property
    def rejected_file(self) -> Path:
        """The rows not taken."""
        return self.folder / "rejected.jsonl"

    def first_reject(self) -> dict[str, Any]:
        """Place, reason and raw of the first row not taken."""
        with self.rejected_file.open(encoding="utf-8") as file:
            return dict(json.loads(file.readline()))


def write_unit(numbered_unit: tuple[int, Unit], rules: PartRules) -> None:
    """Read one unit and write its part."""
    number, unit = numbered_unit
    write_part(f"{number:08}", read_unit(unit, rules.params), unit.file.split, rules)


def write_part(key: str, chunks: Iterable[Chunk], own_split: str | None, rules: PartRules) -> None:
    """Write the rows as the part ``key``; what breaks the file on the way is noted in the summary."""
    folder = rules.folder / key
    folder.mkdir(exist_ok=True)
    tally = _Tally()
    broken_file = _write_rows(chunks, folder, own_split, rules, tally)
    write_json(folder / "summary.json", asdict(tally.summary(broken_file)))


def _write_rows(chunks: Iterable[Chunk], folder: Path, own_split: str | None, rules: PartRules, tally: _Tally) -> str:
    """Write the rows up to the end of the unit, or to where its file breaks; returns what breaks it."""
    import pyarrow as pa

    writers: dict[str, pa.ipc.RecordBatchFileWriter] = {}
    with ExitStack() as files:
        unfinished = files.enter_context(replacing(folder / "rejected.jsonl"))
        rejected = files.enter_context(unfinished.open("w", encoding="utf-8"))
        try:
            for taken in _taken(chunks, rules, rejected, tally):
                for split, examples in _divide(taken, own_split, rules):
                    if split not in writers:
                        unfinished = files.enter_context(replacing(folder / f"{split}.arrow"))
                        writers[split] = files.enter_context(pa.ipc.new_file(str(unfinished), rules.schema))
                    writers[split].write_batch(examples)
                    tally.rows[split] += examples.num_rows
                if len(tally.labels) <= MAX_CLASSES:
                    tally.labels.update(taken.labels)
        except BrokenFileError as error:
            return str(error)
    return ""


def _taken(chunks: Iterable[Chunk], rules: PartRules, rejected: TextIO, tally: _Tally) -> Iterator[Taken]:
    """The rows that become examples; the others go to the file."""
    for chunk in chunks:
        columns = chunk.columns
        taken = columns and take_columns(columns, rules.params.encoding, rules.known_labels)
        if taken:
            yield taken
            tally.rows_in += len(taken.columns[0])
            count_rows(rules.progress_file, len(taken.columns[0]))
            continue
        for batch in _batches(chunk.rows()):
            accepted: list[Accepted] = []
            for row in batch:
                outcome = row if isinstance(row, Reject) else _accept_labelled(row, rules)
                if isinstance(outcome, Reject):
                    rejected.write(outcome.to_json())
                    tally.rejected += 1
                else:
                    accepted.append(outcome)
            if accepted:
                yield _as_columns(accepted)
            tally.rows_in += len(batch)
            count_rows(rules.progress_file, len(batch))


def _batches(rows: Iterable[Row | Reject]) -> Iterator[list[Row | Reject]]:
    """Up to BATCH_ROWS rows at a time, fewer where texts are very long."""
    batch: list[Row | Reject] = []
    characters = 0
    for row in rows:
        batch.append(row)
        value = row.raw if isinstance(row, Reject) else row.text
        characters += len(value) if isinstance(value, str | bytes) else 0
        if len(batch) == BATCH_ROWS or characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _accept_labelled(row: Row, rules: PartRules) -> Accepted | Reject:
    """The row as strings if its label is known."""
    outcome = accept(row, rules.params.encoding)
    known = rules.known_labels
    if isinstance(outcome, Reject) or known is None or outcome.label in known:
        return outcome
    nearest = difflib.get_close_matches(outcome.label, known, n=1)
    hint = f" (nearest: {nearest[0]!r})" if nearest else ""
    reason = f"unknown label {outcome.label!r}; known are {', '.join(map(repr, known[:20]))}{hint}"
    return Reject(row.place, reason, row.raw)


def _as_columns(accepted: list[Accepted]) -> Taken:
    import pyarrow as pa

    ids, texts, labels, kept = zip(*accepted, strict=True)
    columns = (ids, texts, labels, *zip(*kept, strict=True))
    return Taken([pa.array(values, pa.string()) for values in columns], set(labels))


def _divide(taken: Taken, own_split: str | None, rules: PartRules) -> "Iterator[tuple[str, pa.RecordBatch]]":
    """The rows of each split: the source's own, but what is train or has none goes by the hash of its text."""
    import pyarrow as pa

    batch = pa.record_batch(taken.columns, schema=rules.schema)
    if own_split not in (None, "train"):
        yield own_split, batch
        return
    split_of_row = assign_splits(taken.columns[1], rules.fractions)
    for split in SPLITS:
        if (is_in := split_of_row == split).any():
            yield split, batch.filter(pa.array(is_in))
