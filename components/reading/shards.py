"""The second half of ingest: parts to the final shards, with integer labels, full shards and final names.

In: parts in reading order. Out: ``<split>/examples-00000-of-0000N.parquet``, each row in its place whatever the parts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.reading.chunks import BATCH_ROWS
from components.reading.labels import Classes
from components.reading.parts import Part
from schemas.disk import replacing
from schemas.examples import EXAMPLE_ID, LABEL, LABELLED_TEXT, arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Piece:
    """Rows [start, stop) of one part file."""

    path: Path
    start: int
    stop: int


@dataclass(frozen=True)
class Shard:
    """One output file and the rows that go into it, in order."""

    path: Path
    pieces: tuple[Piece, ...]

    @property
    def rows(self) -> int:
        """How many rows it will hold."""
        return sum(piece.stop - piece.start for piece in self.pieces)


def plan_shards(parts: Sequence[Part], split: str, rows_per_shard: int, out: Path) -> list[Shard]:
    """The split's shards, all but the last one full."""
    total = sum(part.summary.rows.get(split, 0) for part in parts)
    count = -(-total // rows_per_shard)
    pieces: list[list[Piece]] = [[] for _ in range(count)]
    position = 0
    for part in parts:
        for shard, piece in _cut(part, split, position, rows_per_shard):
            pieces[shard].append(piece)
        position += part.summary.rows.get(split, 0)
    return [
        Shard(out / split / f"examples-{shard:05}-of-{count:05}.parquet", tuple(pieces[shard]))
        for shard in range(count)
    ]


def _cut(part: Part, split: str, position: int, rows_per_shard: int) -> Iterator[tuple[int, Piece]]:
    """The pieces of a part whose first row has the given position in its split, each with its shard."""
    rows, start = part.summary.rows.get(split, 0), 0
    while start < rows:
        shard, offset = divmod(position + start, rows_per_shard)
        stop = min(rows, start + rows_per_shard - offset)
        yield shard, Piece(part.folder / f"{split}.arrow", start, stop)
        start = stop


def write_shard(shard: Shard, classes: Classes, kept_columns: tuple[str, ...]) -> None:
    """Write one shard."""
    import pyarrow as pa

    table = pa.concat_tables([_read_piece(piece) for piece in shard.pieces])
    table = table.combine_chunks()  # pages end where chunks do, and these depend on how the source was read
    column = table.schema.get_field_index(LABEL.name)
    labels = _to_labels(table.column(column), classes)
    schema = arrow_schema(LABELLED_TEXT, kept_columns)
    write_examples(table.set_column(column, schema.field(LABEL.name), labels).cast(schema), shard.path, kept_columns)


def write_examples(table: "pa.Table", path: Path, kept_columns: tuple[str, ...]) -> None:
    """Write a table of labelled texts as a Parquet file."""
    import pyarrow.parquet as pq

    with replacing(path) as unfinished:
        pq.write_table(
            table,
            unfinished,
            row_group_size=BATCH_ROWS,
            compression="zstd",
            use_dictionary=[LABEL.name, *kept_columns],
            write_statistics=[EXAMPLE_ID.name, LABEL.name],
        )


def _read_piece(piece: Piece) -> "pa.Table":
    import pyarrow as pa

    with pa.memory_map(str(piece.path)) as file:  # the table keeps the mapping, not the file handle
        return pa.ipc.open_file(file).read_all().slice(piece.start, piece.stop - piece.start)


def _to_labels(raw_labels: "pa.ChunkedArray", classes: Classes) -> "pa.ChunkedArray":
    """String [n] => int64 [n]."""
    import pyarrow as pa
    import pyarrow.compute as pc

    positions = pc.index_in(raw_labels, value_set=pa.array(list(classes.label_of)))
    return pc.take(pa.array(list(classes.label_of.values()), pa.int64()), positions)
