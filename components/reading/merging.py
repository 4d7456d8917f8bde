"""The examples of several spans as those of one source.

In: ``Examples`` of each span. Out: the same files under new numbers; where the file system can, they are further links
to what is there already, and take no room.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from components.reading.labels import merged_names
from components.reading.shards import write_examples
from schemas.artifacts import Examples, IngestSummary, write_json
from schemas.examples import LABEL, SPLITS


def merge_spans(spans: Mapping[str, Examples], out: Path) -> IngestSummary:
    """Write all files of the merged examples but ``summary.json``, whose content is returned."""
    summaries = {name: examples.summary for name, examples in spans.items()}
    class_names = merged_names(summary.class_names for summary in summaries.values())
    for split in SPLITS:
        shards = [(shard, name) for name, examples in spans.items() for shard in examples.shards(split)]
        if shards:
            (out / split).mkdir()
        for number, (shard, name) in enumerate(shards):
            place = out / split / f"examples-{number:05}-of-{len(shards):05}.parquet"
            _place(shard, place, summaries[name], class_names)
    with (out / "rejected.jsonl").open("wb") as rejected:
        for examples in spans.values():
            with examples.rejected.open("rb") as lines:
                shutil.copyfileobj(lines, rejected)
    figures = [
        {"name": name, "rows_in": summary.rows_in, "rejected": summary.rejected, "rows": dict(summary.rows)}
        for name, summary in summaries.items()
    ]
    write_json(out / "spans.json", figures)
    return IngestSummary(
        class_names,
        next(iter(summaries.values())).kept_columns,
        rows_in=sum(summary.rows_in for summary in summaries.values()),
        rejected=sum(summary.rejected for summary in summaries.values()),
        rows={split: sum(summary.rows[split] for summary in summaries.values()) for split in SPLITS},
    )


def _place(shard: Path, place: Path, summary: IngestSummary, class_names: tuple[str, ...]) -> None:
    """A link to the shard; or a copy with other labels, where other spans have classes that this one has not."""
    if summary.class_names != class_names:
        _write_relabelled(shard, place, summary, class_names)
        return
    try:
        os.link(shard, place)
    except OSError:  # this file system has no links
        shutil.copyfile(shard, place)


def _write_relabelled(shard: Path, place: Path, summary: IngestSummary, class_names: tuple[str, ...]) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(shard)
    column = table.schema.get_field_index(LABEL.name)
    label_of = pa.array([class_names.index(name) for name in summary.class_names], pa.int64())
    labels = pc.take(label_of, table.column(column))
    write_examples(table.set_column(column, table.schema.field(column), labels), place, summary.kept_columns)
