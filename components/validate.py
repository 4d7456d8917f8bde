"""Look at the data before anything is learned from it, and hold it against the reviewed contract.

In: Examples. Out: a ValidationReport: statistics of each split, the schema, and every rule that is broken.
The report is written also when rules are broken; stopping the run is up to the caller.
"""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from components.beam_options import BeamOptions
from components.validation.contract import Figures, Finding, Value, check_split, fill_domains, load_schema
from components.validation.measuring import add_up, measure, measure_repeats, read_measured
from components.validation.statistics import (
    LENGTHS,
    SplitStatistics,
    describe,
)
from schemas import artifacts
from schemas.artifacts import Examples, ValidationReport, write_json
from schemas.errors import UsageError
from schemas.examples import LABELLED_TEXT, SPLITS
from schemas.params import Params
from schemas.span_artifacts import SpanStatistics

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

_SHIPPED_SCHEMA = Path(artifacts.__file__).with_name("reviews.pbtxt")


class ValidateParams(Params):
    """Which contract the data must keep."""

    schema_file: str = ""  # a tensorflow-metadata Schema in text format; empty for the shipped schemas/reviews.pbtxt


def source_files(params: ValidateParams) -> list[Path]:
    """The schema file, whose content shapes the report.

    Raises:
        UsageError: when there is no such file.
    """
    if not params.schema_file:
        return [_SHIPPED_SCHEMA]
    path = Path(params.schema_file).expanduser()
    if not path.is_file():
        raise UsageError(
            f"validate.schema_file = {params.schema_file!r}: there is no such file. Copy schemas/reviews.pbtxt there, "
            "or remove the key to use the shipped one."
        )
    return [path]


def validate(
    examples: Examples,
    params: ValidateParams,
    out: Path,
    beam: BeamOptions,
    spans: Mapping[str, SpanStatistics] | None = None,
) -> ValidationReport:
    """Write the files of a ValidationReport into ``out``.

    Raises:
        UsageError: when the schema file is missing, broken, or holds a rule that is not checked.
    """
    from components.validation.statistics_proto import write_anomalies, write_schema, write_statistics

    class_names = examples.summary.class_names
    schema = fill_domains(load_schema(source_files(params)[0]), class_names)
    statistics, repeats = _measure(examples, spans, _columns(schema), out / "work", beam)
    figures = {split: _figures(split, statistics[split], repeats, class_names) for split in SPLITS}
    findings = [finding for split in SPLITS for finding in check_split(schema, split, figures[split])]
    write_schema(out / "schema.pbtxt", schema)
    write_anomalies(out / "anomalies.pbtxt", schema, findings)
    write_statistics(out / "statistics.pb", schema, statistics, repeats, figures)
    write_json(out / "lengths.json", {split: statistics[split].lengths for split in SPLITS})
    splits = {split: _summary(split, statistics[split], repeats, class_names) for split in SPLITS}
    write_json(out / "summary.json", {"anomalies": [_message(finding) for finding in findings], "splits": splits})
    return ValidationReport(out)


def measure_span(examples: Examples, params: ValidateParams, out: Path, beam: BeamOptions) -> SpanStatistics:
    """Count what ``validate`` needs to know of one span; nothing is judged yet.

    Raises:
        UsageError: as of ``validate``.
    """
    measure(examples, _columns(load_schema(source_files(params)[0])), out, beam)
    write_json(out / "class_names.json", examples.summary.class_names)
    return SpanStatistics(out)


def _columns(schema: "schema_pb2.Schema") -> list[str]:
    return sorted({feature.name for feature in (*LABELLED_TEXT, *schema.feature)})


def _message(finding: Finding) -> str:
    return f"{finding.split}: {finding.message}"


def _measure(
    examples: Examples,
    spans: Mapping[str, SpanStatistics] | None,
    columns: Sequence[str],
    work: Path,
    options: BeamOptions,
) -> tuple[dict[str, SplitStatistics], Counter[str]]:
    """Statistics of each split, and the counts of repeated texts."""
    class_names = examples.summary.class_names
    if spans is None:
        folders = [work / "measured"]
        measure(examples, columns, folders[0], options)
        parts = [read_measured(folders[0])]
    else:
        work.mkdir()
        folders = [span.path for span in spans.values()]
        parts = [
            read_measured(span.path, {label: class_names.index(name) for label, name in enumerate(span.class_names)})
            for span in spans.values()
        ]
    statistics = add_up(parts)
    rows = sum(counts.rows for counts in statistics.values())
    repeats = measure_repeats(folders, rows, work, options)
    shutil.rmtree(work)
    return statistics, repeats


def _class_rows(statistics: SplitStatistics, class_names: tuple[str, ...]) -> dict[str, int]:
    return {name: statistics.labels[label] for label, name in enumerate(class_names)}


def _figures(split: str, statistics: SplitStatistics, repeats: Counter[str], class_names: tuple[str, ...]) -> Figures:
    """The values that the contract bounds."""
    rows, class_rows = statistics.rows, _class_rows(statistics, class_names)
    values = {"rows": [Value(rows)], "label": [Value(label) for label in sorted(statistics.labels)]}
    for name in LENGTHS:
        lengths = statistics.lengths[name]
        values[name] = [Value(end, _extreme(statistics, name, end)) for end in _ends(lengths)]
    if rows:
        values["class_balance"] = [
            Value(count / rows * len(class_names), f"class {name!r}, {count:,} of {rows:,} rows")
            for name, count in class_rows.items()
        ]
        hashed = statistics.lengths[LENGTHS[0]].total()
        for name, count in (
            ("invalid_utf8_share", statistics.invalid_utf8),
            ("duplicate_share", hashed - repeats[f"distinct/{split}"]),
            ("leaked_share", repeats[f"leaked/{split}"]),
        ):
            values[name] = [Value(count / rows, f"{count:,} of {rows:,} rows")]
    return Figures(rows, statistics.types, statistics.missing, values, class_rows)


def _ends(lengths: Counter[int]) -> list[int]:
    return sorted({min(lengths), max(lengths)}) if lengths else []


def _extreme(statistics: SplitStatistics, name: str, length: int) -> str:
    """Which text that is, as far as it is known, and how many have that length."""
    ends = (statistics.longest, statistics.shortest)
    example_id = next((f", such as {end[1]}" for end in ends if end and name == LENGTHS[0] and end[0] == length), "")
    return f"{statistics.lengths[name][length]:,} of {statistics.rows:,} rows{example_id}"


def _summary(
    split: str, statistics: SplitStatistics, repeats: Counter[str], class_names: tuple[str, ...]
) -> dict[str, object]:
    """The figures of a split, for people and reports."""
    distinct = repeats[f"distinct/{split}"]
    earlier = SPLITS[: SPLITS.index(split)]
    return {
        "rows": statistics.rows,
        "classes": _class_rows(statistics, class_names),
        "characters": describe(statistics.lengths["text_characters"]),
        "words": describe(statistics.lengths["text_words"]),
        "empty": statistics.lengths["text_words"][0],
        "missing": dict(statistics.missing),
        "invalid_utf8": statistics.invalid_utf8,
        "distinct_texts": distinct,
        "duplicates": statistics.lengths["text_characters"].total() - distinct,
        "leaked": repeats[f"leaked/{split}"],
        "texts_shared_with": {other: repeats[f"shared/{split}/{other}"] for other in earlier},
    }
