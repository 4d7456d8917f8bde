from pathlib import Path

from toy.artifacts import Lines

from components.beam_options import BeamOptions, count_rows
from schemas.artifacts import write_json
from schemas.errors import DataError, UsageError
from schemas.params import Params


class IngestParams(Params):
    source: str = "reviews.txt"
    max_rejected: int = 0


def source_files(params: IngestParams) -> list[Path]:
    if not Path(params.source).is_file():
        raise UsageError(f"{params.source}: no such file")
    return [Path(params.source)]


def ingest(params: IngestParams, out: Path, beam: BeamOptions) -> Lines:
    # a comment
    lines = Path(params.source).read_text().splitlines()
    bad = [line for line in lines if not line]
    if len(bad) > params.max_rejected:
        write_json(out / "rejected.jsonl", bad)
        raise DataError(f"{params.source}: empty line.")
    (out / "lines.txt").write_text("\n".join(line for line in lines if line))
    count_rows(beam.progress_file, len(lines))
    return Lines(out)
