"""Ingest: labelled texts of any source to Parquet shards by split, every row accounted for.

In: ``IngestParams``. Out: ``Examples``, of the whole source or of one of its spans. Two Beam jobs: units of the source
to parts (see ``components.reading.parts``), then, once all labels are known, parts to final shards
(``components.reading.shards``).
"""

import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from components.beam_options import BeamOptions, beam_job
from components.reading.labels import Classes, discover_classes, fixed_classes
from components.reading.merging import merge_spans
from components.reading.parts import MAX_CLASSES, Part, PartRules, write_unit
from components.reading.shards import Shard, plan_shards, write_shard
from components.reading.units import plan_units
from components.sources import ClassNames, Source, find_source
from components.sources import IngestParams as IngestParams
from schemas.artifacts import Examples, IngestSummary
from schemas.errors import DataError, GlovebeamError, UsageError
from schemas.examples import SPLITS

_PARTS = "parts"  # a temporary folder inside ``out``


def ingest(params: IngestParams, out: Path, beam: BeamOptions, spans: Mapping[str, Examples] | None = None) -> Examples:
    """Read the source and write its examples; where those of its spans are given, merge these and read nothing.

    Raises:
        UsageError: the parameters name a file or a column that is not there, or a key without effect.
        DataError: a broken file, more than ``max_rejected`` broken rows (listed in rejected.jsonl), or nothing left.
    """
    summary = _read(params, out, beam) if spans is None else merge_spans(spans, out)
    _check_rows(params, summary)
    summary.save(out / "summary.json")
    return Examples(out)


def ingest_span(params: IngestParams, out: Path, beam: BeamOptions) -> Examples:
    """Read the one span that ``params.window`` names; it may be empty, or hold a single class.

    Raises:
        UsageError, DataError: as of ``ingest``, naming the span.
    """
    try:
        summary = _read(params, out, beam)
    except DataError as error:
        span = params.window.removeprefix("only ")
        raise DataError(f"span {span}: {error} Or leave it out: ingest.without = [{span!r}].") from error
    summary.save(out / "summary.json")
    return Examples(out)


def _read(params: IngestParams, out: Path, beam: BeamOptions) -> IngestSummary:
    """Write all files of the examples but ``summary.json``, whose content is returned."""
    source = find_source(params)
    examples = Examples(out)
    parts_folder = out / _PARTS
    parts_folder.mkdir()
    try:
        read = _read_tfds if source.folder else _read_files
        classes = read(source, params, parts_folder, beam)
        parts = [Part.load(path.parent) for path in sorted(parts_folder.glob("*/summary.json"))]
        _collect_rejected(parts, examples.rejected)
        classes = classes or _discover_classes(parts, params)
        summary = _summarise(parts, params, classes)
        _check_parts(parts, params, summary)
        shards = {split: plan_shards(parts, split, params.rows_per_shard, out) for split in SPLITS}
        _write_shards(shards, classes, params, beam)
        _check_shards(shards, summary)
    finally:
        shutil.rmtree(parts_folder)
    return summary


def _read_files(source: Source, params: IngestParams, folder: Path, options: BeamOptions) -> Classes | None:
    """Write the parts of a source of files; returns its classes where they are known without reading it."""
    import apache_beam as beam

    units = plan_units(source, params)
    classes = _known_classes(params.class_names or source.classes)
    rules = _part_rules(params, folder, source.splits, classes, options)
    with beam_job(options) as pipeline:
        _ = (
            pipeline
            | "Units" >> beam.Create(list(enumerate(units)))  # (number, Unit)
            | "WriteParts" >> beam.Map(partial(write_unit, rules=rules))
        )
    return classes


def _read_tfds(source: Source, params: IngestParams, folder: Path, options: BeamOptions) -> Classes | None:
    """Write the parts of a TensorFlow data set; returns its classes where they are known without reading it."""
    from components.reading import tfds_source

    assert source.folder is not None
    builder = tfds_source.load_builder(source.folder, params)
    classes = _known_classes(params.class_names or tfds_source.class_names(builder, params))
    rules = _part_rules(params, folder, tfds_source.splits(builder), classes, options)
    with beam_job(options) as pipeline:
        tfds_source.write_tfds_parts(pipeline, builder, rules)
    return classes


def _known_classes(class_names: ClassNames | None) -> Classes | None:
    return fixed_classes(class_names) if class_names else None


def _part_rules(
    params: IngestParams, folder: Path, own_splits: frozenset[str], classes: Classes | None, options: BeamOptions
) -> PartRules:
    known_labels = tuple(classes.label_of) if classes else None
    return PartRules(params, folder, own_splits, known_labels, options.progress_file)


def _collect_rejected(parts: Sequence[Part], rejected_file: Path) -> None:
    with rejected_file.open("wb") as file:
        for part in parts:
            with part.rejected_file.open("rb") as rejected:
                shutil.copyfileobj(rejected, file)


def _discover_classes(parts: Sequence[Part], params: IngestParams) -> Classes:
    classes = discover_classes({label for part in parts for label in part.summary.labels})
    if len(classes.names) > MAX_CLASSES:
        raise UsageError(
            f"The label column {params.label_column!r} of {params.source} holds more than {MAX_CLASSES} distinct "
            f"labels, such as {classes.names[0]!r}; is it free text? Set ingest.label_column."
        )
    return classes


def _summarise(parts: Sequence[Part], params: IngestParams, classes: Classes) -> IngestSummary:
    return IngestSummary(
        class_names=classes.names,
        kept_columns=params.keep_columns,
        rows_in=sum(part.summary.rows_in for part in parts),
        rejected=sum(part.summary.rejected for part in parts),
        rows={split: sum(part.summary.rows.get(split, 0) for part in parts) for split in SPLITS},
    )


def _check_parts(parts: Sequence[Part], params: IngestParams, summary: IngestSummary) -> None:
    """Whether the rows could be read."""
    for part in parts:
        if part.summary.broken_file:
            raise DataError(f"{part.summary.broken_file}. Replace the file.")
    if summary.rejected > params.max_rejected:
        first = next(part.first_reject() for part in parts if part.summary.rejected)
        raise DataError(
            f"{summary.rejected} of {summary.rows_in} rows were rejected, ingest.max_rejected allows "
            f"{params.max_rejected}. First: {first['place']}: {first['reason']}. Mend the rows, all listed in "
            f"rejected.jsonl, or set ingest.max_rejected = {summary.rejected} to go on without them."
        )


def _check_rows(params: IngestParams, summary: IngestSummary) -> None:
    """Whether the examples are something to learn from."""
    if summary.rows_in == 0:
        raise DataError(f"{params.source}: holds no rows. Set ingest.source to a file with rows.")
    if summary.rows_in == summary.rejected:
        raise DataError(f"{params.source}: all of its {summary.rows_in} rows were rejected; see rejected.jsonl.")
    if not summary.rows["train"]:
        raise DataError(
            f"{params.source}: none of {summary.rows_in - summary.rejected} examples fell into the train split. "
            "Add rows, or lower ingest.test_fraction and ingest.validation_fraction."
        )
    if len(summary.class_names) < 2:
        raise DataError(
            f"{params.source}: all rows have the label {summary.class_names[0]!r}; there is nothing to tell apart. "
            "Add rows of another class, or set ingest.label_column."
        )


def _write_shards(
    shards: Mapping[str, Sequence[Shard]], classes: Classes, params: IngestParams, options: BeamOptions
) -> None:
    import apache_beam as beam

    for shards_of_split in shards.values():
        if shards_of_split:
            shards_of_split[0].path.parent.mkdir()
    with beam_job(options) as pipeline:
        _ = (
            pipeline
            | "Shards" >> beam.Create([shard for split in SPLITS for shard in shards[split]])  # Shard
            | "WriteShards" >> beam.Map(partial(write_shard, classes=classes, kept_columns=params.keep_columns))
        )


def _check_shards(shards: Mapping[str, Sequence[Shard]], summary: IngestSummary) -> None:
    """Rows in = rows out + rejected, by what the files on disk say."""
    import pyarrow.parquet as pq

    written = {split: sum(pq.read_metadata(shard.path).num_rows for shard in shards[split]) for split in SPLITS}
    if written != summary.rows or summary.rows_in != sum(written.values()) + summary.rejected:
        raise GlovebeamError(f"Rows were lost: read {summary}, but the files hold {written}. Please report this.")
