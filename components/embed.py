"""Join the vocabulary with word vectors: a row of the embedding matrix for each token id.

In: a VocabularyArtifact and a source of vectors. Out: an EmbeddingMatrix.
The vectors are the big side: workers read them in units and keep the rows whose token is in the vocabulary, which is
small and goes to every worker. What they found lies in part files, so memory holds one unit's finds and the matrix.
Letters: v vocabulary size, d vector dimension.
"""

import itertools
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field

from components.beam_options import BeamOptions, beam_job, count_rows
from components.vectors import glove
from components.vectors.embedding_matrix import assemble, fill_missing, known_tokens, part_files, write_coverage
from schemas.artifacts import EmbeddingMatrix, VocabularyArtifact, read_json, write_json
from schemas.errors import DataError
from schemas.params import Params
from schemas.vocabulary import FIRST_TOKEN_ID


class EmbedParams(Params):
    """Where the vectors come from, and what stands in for a missing one."""

    source: str = "package"
    missing: Literal["normal", "zeros"] = "normal"
    seed: int = Field(default=0, ge=0)  # of the normal vectors
    min_coverage: float = Field(default=0.3, ge=0, le=1)  # share of the vocabulary's token mass


@dataclass(frozen=True)
class Unit:
    """Rows [start, end) of the package, or bytes [start, end) of a text file, for one worker."""

    number: int
    start: int
    end: int


class WantedTokens(dict[bytes, int]):
    """The id of each token that a vector is wanted for; a class of its own, since a plain dict cannot be shared."""

    @classmethod
    def load(cls, vocabulary_file: Path) -> Self:
        """Those of a vocabulary."""
        return cls(zip(known_tokens(vocabulary_file), itertools.count(FIRST_TOKEN_ID), strict=False))


def source_files(params: EmbedParams) -> list[Path]:
    """The files that hold the vectors.

    Raises:
        UsageError: when they are not there.
    """
    return list(glove.package_files()) if params.source == "package" else [glove.locate(params.source).path]


def embed(vocabulary: VocabularyArtifact, params: EmbedParams, out: Path, beam: BeamOptions) -> EmbeddingMatrix:
    """Write ``embedding_matrix.npy`` (float32 [v, d]), ``coverage.json`` and ``missing_tokens.txt`` into ``out``.

    PAD, START and UNUSED are zero, UNK is the mean of the vectors found. A token without a vector is zero, or drawn
    from a normal distribution with the mean and deviation of the vectors found.

    Raises:
        UsageError: no such source.
        DataError: a row of the wrong width, a file that is cut, or a coverage below ``params.min_coverage``.
    """
    parts = out / "parts"
    parts.mkdir()
    text = None if params.source == "package" else glove.locate(params.source)
    layout = None if text is None else glove.read_layout(text)
    _join(vocabulary.vocabulary_file, text, layout, parts, beam)
    findings = [read_json(path) for path in sorted(parts.glob("*.json"))]
    _check(findings, text, layout)
    artifact = EmbeddingMatrix(out)
    size = FIRST_TOKEN_ID + len(known_tokens(vocabulary.vocabulary_file))
    dimension = glove.package_dimension() if layout is None else layout.dimension
    is_found, repeated_rows = assemble(parts, (size, dimension), artifact.matrix_file)
    fill_missing(artifact.matrix_file, is_found, params.missing, params.seed)
    shutil.rmtree(parts)
    source = {
        "source_rows": sum(finding["rows"] for finding in findings),
        "repeated_rows": repeated_rows,
        "last_row_ends_with_newline": findings[-1]["is_terminated"],
    }
    write_coverage(artifact, vocabulary, is_found, source)
    if (found := artifact.coverage["tokens"]["share"]) < params.min_coverage:
        missing = ", ".join((out / "missing_tokens.txt").read_text().split("\n")[:5])
        raise DataError(
            f"embed: only {found:.1%} of the vocabulary's token mass has a vector in {params.source}, expected at "
            f"least {params.min_coverage:.1%}. The most frequent tokens without one: {missing}. "
            "Do the vectors fit the language and the tokenizer of the texts? If so, lower embed.min_coverage."
        )
    return artifact


def _join(
    vocabulary_file: Path,
    text: glove.VectorFile | None,
    layout: glove.Layout | None,
    parts: Path,
    options: BeamOptions,
) -> None:
    import apache_beam as beam
    from apache_beam.utils.shared import Shared

    if text is None or layout is None:
        units, join_unit = _package_units(), partial(join_package_rows, vocabulary_file, parts, options.progress_file)
    else:
        wanted = partial(Shared().acquire, partial(WantedTokens.load, vocabulary_file))  # once in each process
        units, join_unit = _text_units(text), partial(join_text, wanted, text, layout, parts, options.progress_file)
    with beam_job(options) as pipeline:
        (
            pipeline
            | "Units" >> beam.Create(units)  # -> Unit
            | "JoinUnit" >> beam.Map(join_unit)  # Unit -> None, one part with token ids and vectors written
        )


def _text_units(text: glove.VectorFile) -> list[Unit]:
    if not text.is_splittable:
        return [Unit(0, 0, sys.maxsize)]
    starts = range(0, text.path.stat().st_size, glove.UNIT_BYTES)
    return [Unit(number, start, start + glove.UNIT_BYTES) for number, start in enumerate(starts)]


def _package_units() -> list[Unit]:
    import pyarrow.parquet as pq

    rows = pq.read_metadata(glove.package_files()[0]).num_rows
    starts = range(0, rows, glove.UNIT_ROWS)
    return [Unit(number, start, min(start + glove.UNIT_ROWS, rows)) for number, start in enumerate(starts)]


def join_text(
    wanted: Callable[[], WantedTokens],
    text: glove.VectorFile,
    layout: glove.Layout,
    parts: Path,
    progress_file: Path | None,
    unit: Unit,
) -> None:
    """Write what one unit of a text file holds for the vocabulary; a broken row ends the unit and is told too."""
    import numpy as np

    id_of = wanted()
    rows, is_terminated, problem = 0, True, None
    with part_files(parts, unit.number) as (ids_file, vectors_file):
        try:
            for block in glove.read_blocks(text, layout, id_of, unit.start, unit.end):
                ids_file.write(np.array([id_of[token] for token in block.tokens], np.int64).data)
                vectors_file.write(block.vectors.data)
                rows, is_terminated = rows + block.rows, block.is_terminated
                count_rows(progress_file, block.rows)
        except DataError as error:
            problem = {"message": str(error), "offset": error.offset if isinstance(error, glove.RowError) else None}
    _write_finding(parts, unit, {"rows": rows, "is_terminated": is_terminated, "problem": problem})


def join_package_rows(vocabulary_file: Path, parts: Path, progress_file: Path | None, unit: Unit) -> None:
    """Write what one range of the package's rows holds for the vocabulary."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    index_file, matrix_file = glove.package_files()
    tokens = pq.read_table(index_file, columns=["index"])["index"].slice(unit.start, unit.end - unit.start)
    known = pa.array(known_tokens(vocabulary_file), pa.binary()).cast(pa.string())
    positions = pc.index_in(tokens.combine_chunks(), value_set=known)
    rows = np.flatnonzero(positions.is_valid().to_numpy(zero_copy_only=False))
    with part_files(parts, unit.number) as (ids_file, vectors_file):
        ids_file.write((positions.drop_null().to_numpy().astype(np.int64) + FIRST_TOKEN_ID).data)
        vectors_file.write(np.load(matrix_file, mmap_mode="r")[rows + unit.start].astype(np.float32).data)  # [found, d]
    count_rows(progress_file, len(tokens))
    _write_finding(parts, unit, {"rows": len(tokens), "is_terminated": True, "problem": None})


def _write_finding(parts: Path, unit: Unit, finding: Mapping[str, Any]) -> None:
    write_json(parts / f"{unit.number:05d}.json", finding)


def _check(findings: list[dict[str, Any]], text: glove.VectorFile | None, layout: glove.Layout | None) -> None:
    """Stop at the first broken row in file order, or at a file shorter than its header says."""
    if text is None or layout is None:
        return
    for problem in (finding["problem"] for finding in findings if finding["problem"]):
        if problem["offset"] is None:
            raise DataError(problem["message"])
        line = glove.line_number(text, problem["offset"])
        raise DataError(f"{text.name} line {line}: {problem['message']}. Is the download complete?")
    rows = sum(finding["rows"] for finding in findings)
    if layout.header_rows not in (None, rows):
        raise DataError(
            f"{text.name}: its header announces {layout.header_rows} rows, got {rows}. Is the download complete?"
        )
