"""What a split of labelled texts is like, measured shard by shard and added up.

In: Parquet shards. Out: ``SplitStatistics`` of a shard, merged to those of a split; and, through files of sorted text
hashes, how many texts repeat within a split and between splits.
Lengths are counted by value, so every quantile is exact; n characters hold at most sqrt(2 n) different lengths, which
keeps the counts small for any corpus.

>>> describe(Counter({2: 3, 10: 1}))["mean"]
4.0
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.beam_options import count_rows
from components.reading.splits import text_hashes
from schemas.disk import replacing
from schemas.examples import EXAMPLE_ID, LABEL, SPLITS

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

ROWS_PER_BATCH = 1000
TEXT = "text"
LENGTHS = ("text_characters", "text_words")
PERCENTILES = (5, 25, 50, 75, 95, 99)

_FURTHER_SPACES = r"[\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]"  # the class Z of Unicode
_HASH_BYTES = 8
_HASHES_PER_BUCKET = 4_000_000  # what one process holds at a time: 32 MB, and as much again while sorting


@dataclass
class SplitStatistics:
    """Counts that add up, of one shard or of a whole split."""

    rows: int = 0
    types: dict[str, str] = field(default_factory=dict)  # column -> BYTES, INT, FLOAT or the name of another type
    missing: Counter[str] = field(default_factory=Counter)  # column -> nulls
    labels: Counter[int] = field(default_factory=Counter)
    lengths: dict[str, Counter[int]] = field(default_factory=lambda: {name: Counter() for name in LENGTHS})
    longest: tuple[int, str] = (-1, "")  # characters and example_id
    shortest: tuple[int, str] | None = None
    invalid_utf8: int = 0

    def __add__(self, other: "SplitStatistics") -> "SplitStatistics":
        """The statistics of the rows of both."""
        return SplitStatistics(
            rows=self.rows + other.rows,
            types={**other.types, **self.types},
            missing=self.missing + other.missing,
            labels=self.labels + other.labels,
            lengths={name: self.lengths[name] + other.lengths[name] for name in LENGTHS},
            longest=max(self.longest, other.longest),
            shortest=min((end for end in (self.shortest, other.shortest) if end is not None), default=None),
            invalid_utf8=self.invalid_utf8 + other.invalid_utf8,
        )

    def to_json(self) -> str:
        """All counts, as pairs where JSON would turn the keys into strings."""
        pairs = {name: sorted(counts.items()) for name, counts in self.lengths.items()}
        return json.dumps({**vars(self), "labels": sorted(self.labels.items()), "lengths": pairs}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "SplitStatistics":
        """Read what ``to_json`` wrote."""
        values: dict[str, Any] = json.loads(text)
        values["missing"] = Counter(values["missing"])
        values["labels"] = Counter(dict(values["labels"]))
        values["lengths"] = {name: Counter(dict(pairs)) for name, pairs in values["lengths"].items()}
        values["longest"] = tuple(values["longest"])
        values["shortest"] = values["shortest"] and tuple(values["shortest"])
        return cls(**values)


def merge_statistics(parts: Iterable[SplitStatistics]) -> SplitStatistics:
    """The statistics of all parts together."""
    return sum(parts, SplitStatistics())


def measure_shard(
    columns: Sequence[str], hash_folder: Path, progress_file: Path | None, split: str, shard: str
) -> tuple[str, SplitStatistics]:
    """Measure one Parquet shard and write the sorted hashes of its texts, uint64 [n], for ``count_repeats``.

    Columns that are missing or of an unforeseen type are left out; ``types`` tells.
    """
    import numpy as np
    import pyarrow.parquet as pq

    file = pq.ParquetFile(shard)
    types = {column.name: _type_name(column.type) for column in file.schema_arrow}
    statistics, hashes = SplitStatistics(types=types), [np.empty(0, np.uint64)]
    for batch in file.iter_batches(ROWS_PER_BATCH, columns=[name for name in columns if name in types]):
        measured, text_hashes = _measure_batch(batch, types)
        statistics += measured
        hashes.append(text_hashes)
        count_rows(progress_file, len(batch))
    with replacing(hash_folder / f"{split}-{Path(shard).stem}.npy") as unfinished, unfinished.open("wb") as hash_file:
        np.save(hash_file, np.sort(np.concatenate(hashes)))
    return split, statistics


def _type_name(arrow_type: "pa.DataType") -> str:
    """The type as tensorflow-metadata calls it."""
    import pyarrow.types as pt

    if any(is_bytes(arrow_type) for is_bytes in (pt.is_string, pt.is_large_string, pt.is_binary, pt.is_large_binary)):
        return "BYTES"
    if pt.is_integer(arrow_type):
        return "INT"
    return "FLOAT" if pt.is_floating(arrow_type) else str(arrow_type)


def _measure_batch(batch: "pa.RecordBatch", types: dict[str, str]) -> tuple[SplitStatistics, "NDArray[np.uint64]"]:
    import numpy as np

    missing = Counter({name: batch[name].null_count for name in batch.schema.names})
    statistics = SplitStatistics(rows=len(batch), missing=+missing)
    if types.get(LABEL.name) == "INT":
        labels, counts = batch[LABEL.name].drop_null().value_counts().flatten()
        statistics.labels = Counter(dict(zip(labels.to_pylist(), counts.to_pylist(), strict=True)))
    if types.get(TEXT) != "BYTES" or types.get(EXAMPLE_ID.name) != "BYTES":
        return statistics, np.empty(0, np.uint64)
    present = batch.filter(batch[TEXT].is_valid())
    texts, statistics.invalid_utf8 = _as_unicode(present[TEXT])
    ids, _ = _as_unicode(present[EXAMPLE_ID.name])
    _measure_lengths(statistics, texts, ids)
    return statistics, text_hashes(texts)


def _as_unicode(values: "pa.Array") -> "tuple[pa.StringArray, int]":
    """Strings with U+FFFD for what is not valid UTF-8, and how many those are; a Parquet file may hold such strings."""
    import pyarrow as pa

    octets = values.cast(pa.binary())
    try:
        return octets.cast(pa.string()), 0
    except pa.ArrowInvalid:
        texts = [(value or b"").decode(errors="replace") for value in octets.to_pylist()]
        invalid = sum(text.encode() != (value or b"") for text, value in zip(texts, octets.to_pylist(), strict=True))
        return pa.array(texts, pa.string()), invalid


def _measure_lengths(statistics: SplitStatistics, texts: "pa.StringArray", ids: "pa.StringArray") -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    characters, words = pc.utf8_length(texts), pa.array(count_words(texts))
    for name, lengths in zip(LENGTHS, (characters, words), strict=True):
        values, counts = lengths.value_counts().flatten()
        statistics.lengths[name] = Counter(dict(zip(values.to_pylist(), counts.to_pylist(), strict=True)))
    ends = [(length, str(name)) for length, name in zip(characters.to_pylist(), ids.to_pylist(), strict=True)]
    statistics.longest, statistics.shortest = max(ends, default=(-1, "")), min(ends, default=None)


def count_words(texts: "pa.StringArray") -> "NDArray[np.int64]":
    """How many runs of characters other than spaces each text has, [n]."""
    from components.octets import SPACE, change_further, join, runs, translation

    spaced = join(change_further(texts, [(_FURTHER_SPACES, " ")])).translated(translation({b"\t\n\f\r": b" "}))
    return runs(spaced.octets != SPACE, spaced.ends)


def number_of_buckets(rows: int) -> int:
    """Into how many ranges the hashes of a corpus are divided, so that one range fits in memory."""
    return rows // _HASHES_PER_BUCKET + 1


def count_repeats(hash_folders: Sequence[Path], buckets: int, bucket: int) -> Counter[str]:
    """Repeated texts among the hashes of one of ``buckets`` equal ranges.

    Returns:
        "distinct/<split>": different texts; "leaked/<split>": rows whose text an earlier split holds as well;
        "shared/<split>/<earlier split>": different texts that both hold.
    """
    import numpy as np

    first, last = (2 ** (8 * _HASH_BYTES) * end // buckets for end in (bucket, bucket + 1))
    found: Counter[str] = Counter()
    texts_of: dict[str, NDArray[np.uint64]] = {}  # earlier split -> its different texts
    for split in SPLITS:
        paths = [path for folder in hash_folders for path in sorted(folder.glob(f"{split}-*.npy"))]
        files = [np.load(path, mmap_mode="r") for path in paths]
        hashes = np.concatenate([np.empty(0, np.uint64), *(_between(hashes, first, last - 1) for hashes in files)])
        texts = np.unique(hashes)
        found[f"distinct/{split}"] += len(texts)
        for earlier, others in texts_of.items():
            found[f"shared/{split}/{earlier}"] += len(np.intersect1d(texts, others, assume_unique=True))
        earlier_texts = reduce(np.union1d, texts_of.values(), np.empty(0, np.uint64))
        found[f"leaked/{split}"] += int(np.isin(hashes, earlier_texts).sum())
        texts_of[split] = texts
    return found


def _between(hashes: "NDArray[np.uint64]", first: int, last: int) -> "NDArray[np.uint64]":
    import numpy as np

    start = np.searchsorted(hashes, np.uint64(first), "left")
    return np.asarray(hashes[start : np.searchsorted(hashes, np.uint64(last), "right")])


def merge_counts(parts: Iterable[Counter[str]]) -> Counter[str]:
    """All counts added up."""
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return total


def describe(counts: Counter[Any]) -> dict[str, float]:
    """Minimum, mean, maximum, standard deviation and quantiles of values counted by value; empty without values."""
    import numpy as np

    if not counts:
        return {}
    values = np.array(sorted(counts), np.float64)
    weights = np.array([counts[value] for value in sorted(counts)], np.float64)
    mean = float(np.average(values, weights=weights))
    std_dev = float(np.sqrt(np.average((values - mean) ** 2, weights=weights)))
    percentiles = {f"p{percent}": quantile(counts, percent / 100) for percent in PERCENTILES}
    return {"min": float(values[0]), "max": float(values[-1]), "mean": mean, "std_dev": std_dev, **percentiles}


def quantile(counts: Counter[Any], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    import numpy as np

    values = sorted(counts)
    cumulative = np.cumsum([counts[value] for value in values])
    return float(values[int(np.searchsorted(cumulative, share * cumulative[-1]))])
