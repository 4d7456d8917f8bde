"""Raw labelled reviews to a vocabulary, padded ids and TFRecords, beside what a user would otherwise pick.

``make bench-data``. Every measurement is a process of its own, from its start to its exit; the competitors take turns,
and each round begins with another one. Prints tables, and writes everything measured to ``build/bench-data.json``, also
while it is at work; ``--resume`` goes on from there. What is compared, and why that is fair: ``benchmarks/DATA.md``.
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench_data_report import BARS, growth_lines, ratio_lines, ratios, speed_lines
from data_check import agreement, disagreements
from data_corpus import reviews_folder
from measured_process import FailedProcessError, run_measured

FOLDER = Path(__file__).parent
CACHE = Path("build/bench-data")
SCHEMA = FOLDER.parent / "schemas/reviews.pbtxt"
OURS = ("ours", "ours_glove")
PEERS = {
    "tf_transform": "tf_transform.py",
    "keras": "keras_text_vectorization.py",
    "huggingface": "huggingface.py",
    "notebook": "notebook.py",
    "python": "plain_python.py",
    "floor": "arrow_kernels.py",
}
ALL = (*OURS, *PEERS)
COMPETITORS_OF = {25_000: ALL, 100_000: OURS[:1], 400_000: ALL, 1_600_000: OURS[:1]}
WARM_UP_REVIEWS = 2000
ENVIRONMENT = {
    **os.environ,
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "HF_HUB_OFFLINE": "1",
}
# The same work as the peers': all texts are counted but one in a thousand, since validate insists on a test split; no
# GloVe vectors are joined, and a text makes one row.
SETTINGS = (
    "ingest.validation_fraction=0",
    "ingest.test_fraction=0.001",
    "train.embedding=random",
    "encode.windows=kept",
    f"validate.schema_file={CACHE / 'reviews.pbtxt'}",
)

Results = dict[str, Any]  # what is written as JSON


def parsed_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tf-transform-python", required=True, help="the Python of an environment that has it")
    parser.add_argument("--huggingface-python", required=True, help="likewise")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each competitor and size")
    parser.add_argument("--sizes", type=int, nargs="*", default=list(COMPETITORS_OF), help="reviews")
    parser.add_argument("--only", nargs="*", default=list(ALL), choices=ALL, help="competitors; all if left out")
    parser.add_argument("--timeout", type=float, default=7200, help="seconds after which a process has failed")
    parser.add_argument("--resume", action="store_true", help="keep what --output holds and measure what is missing")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a bar is missed or outputs differ")
    parser.add_argument("--output", type=Path, default=Path("build/bench-data.json"))
    return parser.parse_args()


def main() -> None:
    """Measure, print, write."""
    arguments = parsed_arguments()
    started = time.perf_counter()
    results = load_results(arguments)
    print(", ".join(f"{name} {value}" for name, value in results["machine"].items()), flush=True)
    reviews = {size: reviews_folder(CACHE, size) for size in (WARM_UP_REVIEWS, *arguments.sizes)}
    write_schema()
    results["bytes"] |= {str(size): sum(map(len, read_all(folder))) for size, folder in reviews.items()}
    for competitor in arguments.only:
        measure(results, competitor, WARM_UP_REVIEWS, reviews[WARM_UP_REVIEWS], 1, arguments)
    for number in range(arguments.rounds):
        for size in arguments.sizes:
            competitors = [its for its in COMPETITORS_OF.get(size, ALL) if its in arguments.only]
            for competitor in _rotated(competitors, number):
                measure(results, competitor, size, reviews[size], number + 1, arguments)
    print("\n".join(["", *speed_lines(results), *growth_lines(results), *ratio_lines(results)]))
    print(f"\n{(time.perf_counter() - started) / 60:.0f} minutes; everything measured: {arguments.output}")
    if arguments.check and (faults := find_faults(results)):
        sys.exit("\n".join(faults))


def load_results(arguments: argparse.Namespace) -> Results:
    """Those of a run that was broken off, or none yet. From here on, this process and its children have two cores."""
    load = os.getloadavg()[0]
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    if arguments.resume and arguments.output.exists():
        return {**json.loads(arguments.output.read_text()), "failed": []}
    for reports in CACHE.glob("check-*"):
        shutil.rmtree(reports)
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    processor = models[0].partition(": ")[2] if models else "unknown"
    machine = {"processor": processor, "cores": len(os.sched_getaffinity(0)), "load before": round(load, 2)}
    return {
        "ratios": {}, "bars": BARS, "machine": machine, "bytes": {}, "measured": {}, "agreement": {}, "failed": [],
    }  # fmt: skip


def write_schema() -> None:
    """The rules as they are shipped, but for the one that takes a corpus of copies for something loaded twice."""
    rules = SCHEMA.read_text()
    bound = rules.index("max: 0.5", rules.index('deriver_name: "duplicate_share"'))
    (CACHE / "reviews.pbtxt").write_text(rules[:bound] + "max: 1.0" + rules[bound + len("max: 0.5") :])


def measure(
    results: Results, competitor: str, size: int, reviews: Path, number: int, arguments: argparse.Namespace
) -> None:
    """One process, its figures kept and written; one that fails is noted, and the others go on."""
    done = results["measured"].setdefault(str(size), {}).setdefault(competitor, [])
    has_failed = any((its["competitor"], its["reviews"]) == (competitor, size) for its in results["failed"])
    if len(done) >= number or (has_failed and not done):
        return
    out = CACHE / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    for _ in read_all(reviews):  # so that each finds its files in memory
        pass
    what = f"{size:,} reviews, {competitor}"
    try:
        usage, printed = run_measured(command(competitor, reviews, out, arguments), ENVIRONMENT, arguments.timeout)
        done.append({**asdict(usage), **reported(out, printed)})
        print(f"{what}, {number}/{arguments.rounds}: {usage.wall_seconds:,.1f} s", flush=True)
        if len(done) == 1 and size != WARM_UP_REVIEWS:
            compare(results, competitor, size, out, arguments.timeout)
    except (FailedProcessError, OSError, ValueError) as error:
        results["failed"].append({"reviews": size, "competitor": competitor, "round": number, "reason": str(error)})
        print(f"{what}, {number}/{arguments.rounds}: FAILED: {error}", flush=True)
    results["ratios"] = ratios(results["measured"])
    written = arguments.output.with_suffix(".part")
    written.write_text(json.dumps(results, indent=1) + "\n")
    written.replace(arguments.output)
    shutil.rmtree(out)


def command(competitor: str, reviews: Path, out: Path, arguments: argparse.Namespace) -> list[str]:
    """What to run."""
    if competitor in OURS:
        glovebeam = str(Path(sys.executable).with_name("glovebeam"))
        tokenizer = "glove" if competitor == "ours_glove" else "keras"
        settings = (f"ingest.source={reviews}/*.jsonl", f"text.tokenizer={tokenizer}", *SETTINGS)
        changes = [argument for setting in settings for argument in ("--set", setting)]
        return [glovebeam, "run", "--root", str(out / "root"), "--to", "encode", *changes]
    pythons = {"tf_transform": arguments.tf_transform_python, "huggingface": arguments.huggingface_python}
    script = FOLDER / "data_peers" / PEERS[competitor]
    return [pythons.get(competitor, sys.executable), str(script), str(reviews), str(out)]


def reported(out: Path, printed: str) -> Results:
    """Job time: of the peers since their imports, of ours all of the run, Beam's import in its first step included."""
    runs = list((out / "root" / "runs").glob("*/run.json"))
    if runs:
        run = json.loads(runs[0].read_text())
        steps = {step["name"]: step["seconds"] for step in run["steps"]}
        return {"framework": f"glovebeam {run['glovebeam']}", "job_seconds": run["seconds"], "steps": steps}
    last = (printed.splitlines() or [""])[-1]
    if not last.startswith("{"):
        raise FailedProcessError(f"it ended without a report: {last}")
    return json.loads(last)


def compare(results: Results, competitor: str, size: int, out: Path, timeout: float) -> None:
    """Hold what a competitor has written against what ours wrote, which has to be measured before."""
    encoded = next(out.glob("root/artifacts/encode/*"), out)
    vocabulary = next(out.glob("root/artifacts/build_vocabulary/*/vocabulary.txt"), out / "vocabulary.txt")
    reports = CACHE / f"check-{size}"
    reports.mkdir(exist_ok=True)
    report = reports / f"{competitor}.json"
    script = [sys.executable, str(FOLDER / "data_check.py")]
    run_measured([*script, str(encoded), str(vocabulary), str(report)], ENVIRONMENT, timeout)
    ours = reports / "ours.json"
    if ours.exists() and report != ours:
        pair = [json.loads(file.read_text()) for file in (ours, report)]
        results["agreement"].setdefault(str(size), {})[competitor] = agreement(*pair)


def find_faults(results: Results) -> list[str]:
    """Bars that were missed, outputs that differ, processes that failed."""
    missed = [
        f"{name} at {size} reviews: {results['ratios'][name][size]} is below the bar of {bar}"
        for name, bars in BARS.items()
        for size, bar in bars.items()
        if results["ratios"].get(name, {}).get(size, bar) < bar
    ]
    differ = [
        f"{competitor} at {size} reviews differs from ours: {fault}"
        for size, found in results["agreement"].items()
        for competitor, its in found.items()
        if competitor != "ours_glove"
        for fault in disagreements(int(size), its)
    ]
    failed = [f"{its['competitor']} at {its['reviews']} reviews failed" for its in results["failed"]]
    return missed + differ + failed


def read_all(folder: Path) -> Iterable[bytes]:
    """The content of each file."""
    return (file.read_bytes() for file in sorted(folder.iterdir()))


def _rotated(names: Sequence[str], number: int) -> Iterable[str]:
    """All names, beginning with another one each time."""
    first = number % max(len(names), 1)
    return [*names[first:], *names[:first]]


if __name__ == "__main__":
    main()
