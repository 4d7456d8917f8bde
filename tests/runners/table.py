"""``make test-runners``: one pipeline on every runner, and whether the artifacts are the same to the byte.

Each row is a run of its own, in a process of its own, from raw text to TFRecords. What is not installed is a row that
says so. Ends with 1 when a run failed or gave another digest than the first row.
"""

import csv
import hashlib
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from components.reading.source_paths import find_package_file
from components.sources import SAMPLE_FILE, SAMPLE_PACKAGE
from pipeline.execution.contents import combined_digest, content_files
from tests.runners.cases import CASES, REPOSITORY, Case

REVIEWS, FILES, ROWS_PER_SHARD = 3000, 6, 400
STEPS = ("ingest", "validate", "build_vocabulary", "embed", "encode")
FIGURES = REPOSITORY / "build/test-runners.json"
SECONDS_TO_RUN = 600


@dataclass(frozen=True)
class Row:
    """What came of one runner."""

    runner: str
    result: str
    digest: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        figures = f"{self.digest[:16]}  {self.seconds:5.1f} s  " if self.digest else ""
        return f"{self.runner:26}{figures}{self.result}"


def main() -> int:
    """Print the table, write its figures, return the exit code."""
    rows: list[Row] = []
    with TemporaryDirectory() as name:
        reviews = Path(name) / "reviews"
        write_reviews(reviews)
        say(f"{REVIEWS:,} reviews through {', '.join(STEPS)}; digest: SHA-256 over all files of the artifacts")
        for number, case in enumerate(CASES):
            row = row_of(case, reviews, Path(name) / str(number), rows[0].digest if rows else "")
            rows.append(row)
            say(str(row))
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps({"rows": [asdict(row) for row in rows]}, indent=1) + "\n")
    same = sum(row.result in ("first", "same") for row in rows)
    skipped = sum(row.result.startswith("skipped") for row in rows)
    failed = len(rows) - same - skipped
    say(f"{same} passed, {failed} failed, {skipped} skipped")
    return int(failed > 0)


def say(line: str) -> None:
    """Print a line at once, however long."""
    Console(soft_wrap=True, highlight=False, markup=False).print(line)


def write_reviews(folder: Path) -> None:
    """Reviews from all over the sample, in several files, so that each job has several units of work."""
    with find_package_file(SAMPLE_PACKAGE, SAMPLE_FILE).open(newline="", encoding="utf-8") as file:
        reviews = [{"text": row["text"], "label": row["label"]} for row in csv.DictReader(file)]
    reviews = [review for review in reviews if review["label"] in ("0", "1")]
    reviews = reviews[:: len(reviews) // REVIEWS][:REVIEWS]
    folder.mkdir()
    for number in range(FILES):
        lines = [json.dumps(review) for review in reviews[number::FILES]]
        (folder / f"{number}.jsonl").write_text("\n".join(lines) + "\n")


def row_of(case: Case, reviews: Path, folder: Path, expected: str) -> Row:
    """Run the pipeline on one runner, where it is installed."""
    if case.missing:
        return Row(case.name, f"skipped: {case.missing}")
    folder.mkdir()
    config = f'[ingest]\nsource = "{reviews}/*.jsonl"\nrows_per_shard = {ROWS_PER_SHARD}\n'
    (folder / "glovebeam.toml").write_text(config)
    began = time.monotonic()
    try:
        with case.settings(folder) as settings:
            done = run(folder, settings)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        return Row(case.name, f"failed: {error}")
    if done.returncode:
        return Row(case.name, f"failed: {done.stderr.strip().rpartition(chr(10))[2]}")
    digest = digest_of(folder / "root/artifacts")
    result = "same" if digest == expected else "DIFFERENT" if expected else "first"
    return Row(case.name, result, digest, round(time.monotonic() - began, 1))


def run(folder: Path, settings: list[str]) -> "subprocess.CompletedProcess[str]":
    """``glovebeam run`` up to the last Beam step before training."""
    command = [sys.executable, "-m", "pipeline.cli", "run", "-c", "glovebeam.toml", "--root", "root", "--to", STEPS[-1]]
    options = [word for setting in settings for word in ("--set", setting)]
    return subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True, timeout=SECONDS_TO_RUN)


def digest_of(artifacts: Path) -> str:
    """One digest of all files of all artifacts, by step, name and content."""
    digests = {}
    for path in content_files(artifacts):
        step, _, *name = path.relative_to(artifacts).parts  # the part left out is the artifact's id
        digests["/".join((step, *name))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return combined_digest(digests)


if __name__ == "__main__":
    sys.exit(main())
