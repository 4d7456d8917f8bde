"""How far the texts that a model is asked for are from those that it was trained on.

In: a file of logged requests, the ValidationReport and the VocabularyArtifact that the model came from, and a schema,
whose skew comparators are the bounds. Out: ``Skew``. Requests have no labels, so label balance is not compared.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.prediction.input_rows import TEXT, read_tables
from components.text import tokenize
from components.validation.comparison import Profile, add_up, compare
from components.validation.contract import load_schema
from components.validation.statistics import LENGTHS, count_words
from components.validation.verdict import figures, judge
from schemas.artifacts import ValidationReport, VocabularyArtifact
from schemas.errors import DataError
from schemas.vocabulary import Tokenizer

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Skew:
    """What was found of a file of requests."""

    rows: int
    without_text: int
    anomalies: list[str]
    figures: dict[str, Any]  # "features" and "moved_tokens", as in DriftReport


def skew(
    requests: Path,
    text_column: str,
    delimiter: str | None,
    encoding: str,
    trained_report: ValidationReport,
    trained_vocabulary: VocabularyArtifact,
    schema_file: Path,
) -> Skew:
    """Compare every text of the file with the train split.

    Raises:
        UsageError: there is no such file or column, or the schema cannot be read.
        DataError: the file cannot be read to its end, or holds no text.
    """
    import pyarrow.parquet as pq

    schema, vocabulary = load_schema(schema_file), trained_vocabulary.load()
    new, rows, without_text = _measure(read_tables(requests, text_column, delimiter, encoding), vocabulary.tokenizer)
    if rows == without_text:
        raise DataError(f"{requests}: no text in {rows:,} rows. Is --text-column right?")
    trained = Profile({}, trained_report.lengths("train"), pq.read_table(trained_vocabulary.counts_file))
    comparison = compare(trained, new, vocabulary.known_tokens)
    anomalies = [finding.message for finding in judge(schema, "skew", "serving", comparison)]
    return Skew(rows, without_text, anomalies, figures(schema, "skew", comparison))


def _measure(tables: "Iterable[pa.Table]", tokenizer: Tokenizer) -> tuple[Profile, int, int]:
    """The profile of the texts, the number of rows, and how many of them have no usable text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = without_text = 0
    lengths: dict[str, Counter[int]] = {name: Counter() for name in LENGTHS}
    tokens = pa.table({"token": pa.array([], pa.string()), "count": pa.array([], pa.int64())})
    for table in tables:
        texts = table[TEXT].drop_null().combine_chunks().cast(pa.string())
        rows, without_text = rows + len(table), without_text + table[TEXT].null_count
        for name, measured in zip(LENGTHS, (pc.utf8_length(texts), pa.array(count_words(texts))), strict=True):
            lengths[name].update(measured.to_pylist())
        values, counts = tokenize(texts, tokenizer).flatten().value_counts().flatten()
        tokens = add_up([tokens, pa.table({"token": values, "count": counts}).cast(tokens.schema)])
    return Profile({}, lengths, tokens), rows, without_text
