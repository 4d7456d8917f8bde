"""Measuring examples: the counts of each split, and how often texts repeat.

In: Examples, of a whole source or of one span. Out: a folder of counts and sorted text hashes; folders add up.

    {train,validation,test}.json    SplitStatistics
    hashes/<split>-*.npy            uint64 [n], sorted
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from components.beam_options import BeamOptions, beam_job
from components.validation.statistics import (
    SplitStatistics,
    count_repeats,
    measure_shard,
    merge_counts,
    merge_statistics,
    number_of_buckets,
)
from schemas.artifacts import Examples, read_json, write_json
from schemas.disk import replacing
from schemas.examples import SPLITS

_HASHES = "hashes"


def measure(examples: Examples, columns: Sequence[str], folder: Path, options: BeamOptions) -> None:
    """Write the counts of each split that has rows, and the hashes of its texts."""
    import apache_beam as beam

    hash_folder = folder / _HASHES
    hash_folder.mkdir(parents=True)
    shards = [(split, str(shard)) for split in SPLITS for shard in examples.shards(split)]
    with beam_job(options) as pipeline:
        (
            pipeline
            | "Shards" >> beam.Create(shards)  # -> (split, path)
            | "MeasureShard"
            >> beam.MapTuple(partial(measure_shard, columns, hash_folder, options.progress_file))  # -> (split, counts)
            | "MergeStatistics" >> beam.CombinePerKey(merge_statistics)  # -> (split, counts)
            | "WriteStatistics" >> beam.MapTuple(partial(_write_statistics, folder))
        )


def read_measured(folder: Path, label_of: Mapping[int, int] | None = None) -> dict[str, SplitStatistics]:
    """The counts that ``measure`` wrote; with ``label_of``, by what the labels are called elsewhere."""
    measured = {}
    for split in SPLITS:
        path = folder / f"{split}.json"
        statistics = SplitStatistics.from_json(path.read_text()) if path.exists() else SplitStatistics()
        if label_of is not None:
            statistics.labels = Counter({label_of[label]: count for label, count in statistics.labels.items()})
        measured[split] = statistics
    return measured


def add_up(parts: Sequence[Mapping[str, SplitStatistics]]) -> dict[str, SplitStatistics]:
    """The counts of all parts together, by split."""
    return {split: merge_statistics(part[split] for part in parts) for split in SPLITS}


def measure_repeats(folders: Sequence[Path], rows: int, work: Path, options: BeamOptions) -> Counter[str]:
    """The counts of repeated texts, within and between splits, over all that was measured into these folders."""
    import apache_beam as beam

    hash_folders = [folder / _HASHES for folder in folders]
    buckets = number_of_buckets(rows)
    counted = work / "repeats.json"
    with beam_job(options) as pipeline:
        (
            pipeline
            | "Buckets" >> beam.Create(range(buckets))  # -> bucket
            | "CountRepeats" >> beam.Map(partial(count_repeats, hash_folders, buckets))  # -> name -> count
            | "MergeCounts" >> beam.CombineGlobally(merge_counts)
            | "WriteCounts" >> beam.Map(partial(write_json, counted))
        )
    return Counter(read_json(counted))


def _write_statistics(folder: Path, split: str, statistics: SplitStatistics) -> None:
    with replacing(folder / f"{split}.json") as unfinished:
        unfinished.write_text(statistics.to_json())
