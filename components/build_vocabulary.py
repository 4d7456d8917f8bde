"""Count the tokens of the train split and keep the most frequent ones.

In: Examples. Out: a VocabularyArtifact, tokens in the order (-count, token), after the four reserved ids.
Each Parquet shard is counted where it is read, into a part file of counts; these are added up, so memory grows with the
number of distinct tokens and not with the text.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from components.beam_options import BeamOptions, beam_job, count_rows
from components.text import tokenize
from schemas.artifacts import Examples, VocabularyArtifact
from schemas.disk import replacing
from schemas.errors import DataError, naming
from schemas.params import Params
from schemas.span_artifacts import TokenCounts
from schemas.vocabulary import FIRST_TOKEN_ID, Tokenizer, Vocabulary

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_BATCH = 1000
_PARTS_AT_ONCE = 16


class BuildVocabularyParams(Params):
    """``size`` counts ids, the four reserved ones among them, as ``num_words`` does in Keras."""

    size: int = Field(default=10_000, gt=FIRST_TOKEN_ID)


def build_vocabulary(
    examples: Examples,
    tokenizer: Tokenizer,
    params: BuildVocabularyParams,
    out: Path,
    beam: BeamOptions,
    spans: Mapping[str, TokenCounts] | None = None,
) -> VocabularyArtifact:
    """Write ``vocabulary.txt``, ``counts.parquet`` (token string, count int64) and ``tokenizer.json`` into ``out``.

    Where the counts of the examples' spans are given, these are added up and no text is read.

    Raises:
        DataError: when the train split holds no token at all.
    """
    artifact = VocabularyArtifact(out)
    if spans is None:
        _count_tokens(examples, tokenizer, artifact.counts_file, beam)
    else:
        _add_up([span.counts_file for span in spans.values()], artifact.counts_file)
    tokens = _most_frequent_tokens(artifact.counts_file, params.size - FIRST_TOKEN_ID)
    if not tokens:
        raise DataError(
            "build_vocabulary: no token in the train split; each text is empty once the tokenizer has dropped markup "
            "and punctuation. Check [ingest] text_column, or try text.punctuation = 'keep'."
        )
    Vocabulary.from_tokens(tokens, tokenizer).save(artifact.vocabulary_file, artifact.tokenizer_file)
    return artifact


def count_span(examples: Examples, tokenizer: Tokenizer, out: Path, beam: BeamOptions) -> TokenCounts:
    """Count the tokens of one span's train split, which may be empty."""
    artifact = TokenCounts(out)
    _count_tokens(examples, tokenizer, artifact.counts_file, beam)
    return artifact


def _add_up(counts_files: Sequence[Path], added_up: Path) -> None:
    import pyarrow.parquet as pq

    counts = merge_counts([])
    for file in counts_files:
        counts = merge_counts([counts, pq.read_table(file)])
    write_counts(added_up, counts)


def _count_tokens(examples: Examples, tokenizer: Tokenizer, counts_file: Path, options: BeamOptions) -> None:
    import apache_beam as beam

    parts = counts_file.parent / "parts"
    parts.mkdir()
    with beam_job(options) as pipeline:
        (
            pipeline
            | "TrainShards" >> beam.Create([str(shard) for shard in examples.shards("train")])  # -> path
            | "CountShard" >> beam.Map(partial(count_shard, tokenizer, parts, options.progress_file))  # a part each
        )
    write_counts(counts_file, merge_parts(sorted(parts.iterdir())))
    shutil.rmtree(parts)


def count_shard(tokenizer: Tokenizer, parts: Path, progress_file: Path | None, shard: str) -> None:
    """Write the tokens of one Parquet shard with their counts to a part file of the same number."""
    import pyarrow as pa

    counts = merge_counts(_batch_counts(tokenizer, progress_file, shard))
    part = parts / f"{Path(shard).stem}.arrow"
    with replacing(part) as unfinished, pa.ipc.new_file(str(unfinished), counts.schema) as file:
        file.write_table(counts)


def _batch_counts(tokenizer: Tokenizer, progress_file: Path | None, shard: str) -> "Iterator[pa.Table]":
    import pyarrow as pa
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(shard).iter_batches(ROWS_PER_BATCH, columns=["text"]):
        with naming(shard):
            values, counts = tokenize(batch["text"], tokenizer).flatten().value_counts().flatten()
        yield pa.table({"token": values, "count": counts})
        count_rows(progress_file, len(batch))


def merge_parts(parts: Sequence[Path]) -> "pa.Table":
    """The counts of all parts, a few read at a time: memory holds the different tokens and not a row for each part."""
    import pyarrow as pa

    merged = merge_counts([])
    for start in range(0, len(parts), _PARTS_AT_ONCE):
        tables = [pa.ipc.open_file(part.read_bytes()).read_all() for part in parts[start : start + _PARTS_AT_ONCE]]
        merged = merge_counts([merged, *tables])
    return merged


def merge_counts(tables: "Iterable[pa.Table]") -> "pa.Table":
    """Add up tables of (token string, count int64); no tables make an empty one."""
    import pyarrow as pa

    schema = pa.schema([("token", pa.string()), ("count", pa.int64())])
    merged = pa.concat_tables([schema.empty_table(), *(table.cast(schema) for table in tables)])
    summed = merged.group_by("token").aggregate([("count", "sum")])
    return summed.rename_columns({"count_sum": "count"}).select(schema.names)


def write_counts(counts_file: Path, counts: "pa.Table") -> None:
    """Write all counts by (-count, token); tokens compare by code point."""
    import pyarrow.parquet as pq

    ordered = counts.sort_by([("count", "descending"), ("token", "ascending")])
    pq.write_table(ordered.combine_chunks(), counts_file, compression="zstd")


def _most_frequent_tokens(counts_file: Path, number: int) -> list[str]:
    """The first tokens of the counts, without those that would break ``vocabulary.txt``.

    The keras tokenizer leaves carriage returns and the like inside tokens. A token with a line separator cannot stand
    on one line for every reader (TensorFlow's drops carriage returns, Python splits at U+2028), so it stays unknown.
    """
    import pyarrow.parquet as pq

    tokens: list[str] = []
    for batch in pq.ParquetFile(counts_file).iter_batches(columns=["token"]):
        tokens += [token for token in batch["token"].to_pylist() if token.splitlines() == [token]]
        if len(tokens) >= number:
            break
    return tokens[:number]
