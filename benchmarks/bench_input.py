"""How much quicker the TFRecords are read than the default model is trained on them: ``make bench-input``.

Reading, parsing, shuffling and batching the sample's training rows by ``components.dataset``, the same with one thing
done otherwise, and a short training. Every measurement is a process of its own; they take turns, and each round begins
with another one. Prints a table and writes ``build/bench-input.json``: ``benchmarks/DATA.md`` explains it.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from measured_process import FailedProcessError, run_measured
from run_artifacts import artifact_folder

FOLDER = Path(__file__).parent
ROOT = Path("build/bench-input")
ENVIRONMENT = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
DEFAULT, TRAINER, GZIP = "default", "trainer", "gzip"
EXPLANATIONS = {
    DEFAULT: "components.dataset.training_dataset",
    "no_interleave": "one file after the other",
    "interleave_blocks": "files take turns after 16 rows, not after every one",
    "interleave_in_threads": "files are read by several threads",
    "interleave_blocks_in_threads": "both",
    "parse_rows": "rows are parsed one by one, before they are batched",
    "parse_in_one_thread": "one batch is parsed at a time",
    "no_prefetch": "no batch is made ready before it is asked for",
    GZIP: "compressed records",
    "no_shuffle": "what shuffling costs",
    "cached_records": "records kept in memory from the second epoch on",
    "cached_rows": "parsed rows kept in memory from the second epoch on",
    TRAINER: "the default model's recurrent part, fit on batches from memory",
}
# The ways that train could read by as well: none of them may be quicker than the default by more than what noise is.
CHOICES = (
    "interleave_blocks",
    "interleave_in_threads",
    "interleave_blocks_in_threads",
    "parse_rows",
    "parse_in_one_thread",
    "no_prefetch",
    GZIP,
)
BARS = {TRAINER: 20.0, **dict.fromkeys(CHOICES, 0.9)}

Measured = Mapping[str, Sequence[Mapping[str, float]]]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="processes of each")
    parser.add_argument("--epochs", type=int, default=3, help="of each process, after one that is not counted")
    parser.add_argument("--steps", type=int, default=100, help="of the training")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a bar is missed")
    parser.add_argument("--output", type=Path, default=Path("build/bench-input.json"))
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    commands = prepare(arguments)
    measured: dict[str, list[dict[str, Any]]] = {}
    found: dict[str, float] = {}
    for number in range(arguments.rounds):
        for way in _rotated(list(commands), number):
            try:
                _, printed = run_measured(commands[way], ENVIRONMENT, timeout=3600)
            except FailedProcessError as error:
                print(f"round {number + 1}/{arguments.rounds}, {way}: FAILED: {error}", flush=True)
                continue
            figures = json.loads(printed.splitlines()[-1])
            measured.setdefault(way, []).append(figures)
            rate = f"{figures['examples_per_second']:,.0f} examples/s"
            print(f"round {number + 1}/{arguments.rounds}, {way}: {rate}", flush=True)
            found = ratios(measured)
            arguments.output.write_text(
                json.dumps({"ratios": found, "bars": BARS, "measured": measured}, indent=1) + "\n"
            )
    print("\n".join(["", *lines(measured, found)]), f"\n\neverything measured: {arguments.output}", sep="")
    missed = [name for name, bar in BARS.items() if found.get(name, 0) < bar]
    if arguments.check and missed:
        sys.exit(f"below the bar: {', '.join(missed)}")


def prepare(arguments: argparse.Namespace) -> dict[str, list[str]]:
    """The sample through our own pipeline, twice, and what to run on its artifacts."""
    glovebeam = str(Path(sys.executable).with_name("glovebeam"))
    shutil.rmtree(ROOT, ignore_errors=True)
    encoded = {}
    for compression in ("gzip", "none"):
        setting = f"encode.compression={compression}"
        run_measured([glovebeam, "run", "--root", str(ROOT), "--to", "encode", "--set", setting], ENVIRONMENT, 3600)
        encoded[compression] = str(artifact_folder(ROOT, "encode"))
    script = [sys.executable, str(FOLDER / "input_speed.py")]
    epochs, matrix = ["--epochs", str(arguments.epochs)], ["--matrix", str(artifact_folder(ROOT, "embed"))]
    commands = {way: [*script, way, encoded["none"], *epochs] for way in EXPLANATIONS if way not in (GZIP, TRAINER)}
    commands[GZIP] = [*script, DEFAULT, encoded["gzip"], *epochs]
    commands[TRAINER] = [*script, TRAINER, encoded["none"], *matrix, "--steps", str(arguments.steps)]
    return commands


def ratios(measured: Measured) -> dict[str, float]:
    """The others' time for an example over the default's, of whatever was measured: above 1 the default is quicker."""
    if DEFAULT not in measured:
        return {}
    ours = _median(measured, DEFAULT, "wall_microseconds")
    return {
        way: round(_median(measured, way, "wall_microseconds") / ours, 3) for way in EXPLANATIONS if way in measured
    }


def lines(measured: Measured, found: Mapping[str, float]) -> list[str]:
    """One for each way."""
    processes = min(map(len, measured.values()))
    head = (
        f"examples a second, batches of 128; medians of {processes} processes each; time / the default's time, its bar"
    )
    table = [head, f"  {'':28}{'examples/s':>10}  {'wall':>9}  {'CPU':>9}  {'ratio':>6}"]
    for way in found:
        wall, cpu = (_median(measured, way, f"{name}_microseconds") for name in ("wall", "cpu"))
        bar = BARS.get(way)
        verdict = "" if bar is None else f"{bar:5.1f}  {'met' if found[way] >= bar else 'MISSED'}"
        figures = f"{1e6 / wall:10,.0f}  {wall:6.1f} µs  {cpu:6.1f} µs  {found[way]:6.2f}"
        table.append(f"  {way:28}{figures}  {verdict:15}{EXPLANATIONS[way]}")
    return table


def _median(measured: Measured, way: str, name: str) -> float:
    return median(its[name] for its in measured[way])


def _rotated(names: Sequence[str], number: int) -> Iterable[str]:
    """All names, beginning with another one each time."""
    first = number % len(names)
    return [*names[first:], *names[:first]]


if __name__ == "__main__":
    main()
