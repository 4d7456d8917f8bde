"""What a GB of text costs in each Beam step, from JSON Lines to TFRecords, and what a terabyte then takes.

The CPU time of one worker on 25 and on 100 thousand reviews; the difference between the two, since what is there
before the first row is paid once for each worker. Prints the tables of docs/when-one-machine-is-not-enough.md.
"""

import json
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from data_corpus import reviews_folder

from components.beam_options import BeamOptions
from components.build_vocabulary import BuildVocabularyParams, build_vocabulary
from components.encode import EncodeParams, encode
from components.ingest import IngestParams, ingest
from components.validate import ValidateParams, validate
from schemas.vocabulary import Tokenizer

T = TypeVar("T")
FEW, MANY = 25_000, 100_000
STEPS = ("ingest", "validate", "build_vocabulary", "encode")
REPOSITORY = Path(__file__).parents[1]
CACHE, FIGURES = REPOSITORY / "build/bench-data", REPOSITORY / "build/cost-per-gb.json"
TERABYTE, BUSY = 1000, 0.8  # GB; the share of its time that a worker's core works, for what a cluster costs


def main() -> None:
    """Measure and print."""
    few, many = (measure(reviews_folder(CACHE, rows)) for rows in (FEW, MANY))
    gigabytes = (text_bytes(MANY) - text_bytes(FEW)) / 1e9
    cost = {step: (many[step] - few[step]) / gigabytes for step in STEPS}
    total = sum(cost.values())
    print("| step | CPU seconds a GB of text |\n| --- | ---: |")
    for step in STEPS:
        print(f"| {step} | {cost[step]:.0f} |")
    print(f"| all | {total:.0f} |\n")
    print("| cores | hours for a terabyte |\n| ---: | ---: |")
    for cores in (8, 32, 128):
        print(f"| {cores} | {total * TERABYTE / cores / BUSY / 3600:.1f} |")
    FIGURES.write_text(json.dumps({"cpu_seconds_per_gb": cost, "gigabytes": gigabytes}, indent=1) + "\n")


def text_bytes(rows: int) -> int:
    """How long the JSON Lines are."""
    return sum(path.stat().st_size for path in reviews_folder(CACHE, rows).iterdir())


def measure(reviews: Path) -> dict[str, float]:
    """Step -> CPU seconds of all threads."""
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        outs = {step: Path(name) / step for step in STEPS}
        for out in outs.values():
            out.mkdir()
        beam = BeamOptions(workers=1)
        params = IngestParams(source=f"{reviews}/*.jsonl")
        examples = timed(seconds, "ingest", lambda: ingest(params, outs["ingest"], beam))
        timed(seconds, "validate", lambda: validate(examples, ValidateParams(), outs["validate"], beam))
        vocabulary = timed(
            seconds,
            "build_vocabulary",
            lambda: build_vocabulary(examples, Tokenizer(), BuildVocabularyParams(), outs["build_vocabulary"], beam),
        )
        timed(seconds, "encode", lambda: encode(examples, vocabulary, None, EncodeParams(), outs["encode"], beam))
    return seconds


def timed(seconds: dict[str, float], step: str, run: Callable[[], T]) -> T:
    """The result of a step; its CPU seconds go to ``seconds``."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    result = run()
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds[step] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return result


if __name__ == "__main__":
    main()
