"""make bench-warm-start: epochs and seconds until a warm start is as accurate as a cold one, on the simulated month.

The days are those of ``make month``, the corrupt one delivered again and the flipped one left out. What the last night
but one trains and publishes serves. In the last night a day is new: trained once from the beginning and once with
``train.warm_start``, otherwise alike, by the real command line. The target is the best validation accuracy that the
cold start ever reaches. The linear part is left out (``train.ngrams=0``): it is fitted to the same weights either way,
and would hide the difference.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

from measured_process import run_measured
from month_days import days, deliver

_BAR = 2.0  # cold epochs over warm ones


@dataclass(frozen=True)
class Training:
    """One training: its validation accuracy and the seconds since its step began, after each epoch."""

    accuracies: list[float]
    seconds: list[float]
    cpu_seconds: float  # of the whole process
    remark: str

    def epochs_to(self, target: float) -> int | None:
        """The first epoch, from 1, that is as accurate; None where none is."""
        return next((epoch for epoch, accuracy in enumerate(self.accuracies, 1) if accuracy >= target), None)


def main() -> None:
    """Run all, print the table, write build/bench-warm-start.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("build/bench-warm-start"))
    arguments = parser.parse_args()
    shutil.rmtree(arguments.folder, ignore_errors=True)
    arguments.folder.mkdir(parents=True)
    *earlier, last = [day for day in days(arguments.days) if day.what != "flipped"]
    for day in earlier:
        deliver(arguments.folder / "data", day, version=2)
    changes = [f"train.epochs={arguments.epochs}", f"train.patience={arguments.epochs}"]
    train(arguments.folder, changes, last_step="push")
    deliver(arguments.folder / "data", last)
    found = []
    for seed in range(arguments.seeds):
        seeded = [*changes, f"train.seed={seed}"]
        cold = train(arguments.folder, seeded)
        warm = train(arguments.folder, [*seeded, "train.warm_start=true"])
        found.append((cold, warm))
        print("\n".join(_lines(seed, cold, warm)), flush=True)
    ratios = {"cold_start_epochs": median(_ratio(cold, warm, "epochs") for cold, warm in found)}
    ratios["cold_start_seconds"] = median(_ratio(cold, warm, "seconds") for cold, warm in found)
    verdict = "met" if ratios["cold_start_epochs"] >= _BAR else "MISSED"
    print(
        f"epochs, cold / warm: {ratios['cold_start_epochs']:.1f}, bar {_BAR:.1f} {verdict}; "
        f"seconds, cold / warm: {ratios['cold_start_seconds']:.1f}"
    )
    trainings = [{"cold": asdict(cold), "warm": asdict(warm)} for cold, warm in found]
    report = {"ratios": ratios, "bars": {"cold_start_epochs": _BAR}, "trainings": trainings}
    Path("build/bench-warm-start.json").write_text(json.dumps(report, indent=1) + "\n")


def train(folder: Path, changes: list[str], last_step: str = "train") -> Training:
    """One ``glovebeam run``."""
    source = folder / "data/{YYYY}-{MM}-{DD}/v{VERSION}/*.csv.gz"
    settings = [f"ingest.source={source}", "encode.windows=kept", "train.ngrams=0", "evaluate.linear_floor=none"]
    sets = [argument for change in (*settings, *changes) for argument in ("--set", change)]
    command = [sys.executable, "-m", "pipeline.cli", "run", "--root", str(folder / "root"), "--to", last_step]
    usage, output = run_measured([*command, "--log-format", "json", *sets], os.environ, timeout=3600)
    events = [json.loads(line) for line in output.splitlines()]
    epochs = [event for event in events if event["event"] == "epoch"]
    (began,) = (_time(event) for event in events if event["event"] == "step_started" and event["step"] == "train")
    (ended,) = (event for event in events if event["event"] == "step_finished" and event["step"] == "train")
    return Training(
        [epoch["val_accuracy"] for epoch in epochs],
        [round(_time(epoch) - began, 1) for epoch in epochs],
        round(usage.cpu_seconds, 1),
        ended["remark"],
    )


def _time(event: dict[str, str]) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()


def _ratio(cold: Training, warm: Training, what: str) -> float:
    """How many times as long the cold start took; 0 where the warm one was never as accurate."""
    target = max(cold.accuracies)
    cold_epochs, warm_epochs = cold.epochs_to(target), warm.epochs_to(target)
    assert cold_epochs is not None
    if warm_epochs is None:
        return 0.0
    if what == "epochs":
        return cold_epochs / warm_epochs
    return cold.seconds[cold_epochs - 1] / warm.seconds[warm_epochs - 1]


def _lines(seed: int, cold: Training, warm: Training) -> Iterator[str]:
    target = max(cold.accuracies)
    yield f"seed {seed}: target, the cold start's best validation accuracy: {target:.4f}"
    for name, training in (("cold", cold), ("warm", warm)):
        epochs = training.epochs_to(target)
        reached = "never" if epochs is None else f"epoch {epochs}, {training.seconds[epochs - 1]:.0f} s"
        curve = " ".join(f"{accuracy:.4f}" for accuracy in training.accuracies)
        yield f"  {name}: {reached:16} {curve}  ({training.cpu_seconds:.0f} CPU s in all; {training.remark})"


if __name__ == "__main__":
    main()
