"""A month of nightly runs through the real command, with and without crashes: ``make month``.

Each day brings reviews cut from the sample: one drifted day, one with a file cut off, one that repeats the day before,
one with flipped labels, one on which two runs start at once; in one of the two months every third run is killed at a
random instant of a random step and started again. A person does what the messages say: has the cut file delivered
again, and leaves out the flipped day. At last comes a night without anything new. Prints a line a day and writes
``build/month.json``; exit code 1 where a promise is broken.
"""

import argparse
import hashlib
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from month_days import Day, days, deliver

FOLDER = Path("build/month")
WINDOW = 7
MIN_DAYS = 7
KEEP = ("--keep-runs", "3", "--keep-versions", "2")
MOST_GROWTH = 1.5  # of the disk a root takes, once the window is full
NOTHING_NEW_SECONDS = 2.0
KILLED_IN = (
    "ingest_span", "measure_span", "count_span", "ingest", "validate", "build_vocabulary", "encode", "train",
    "evaluate", "push",
)  # fmt: skip
LEAST_KILLED = 0.6  # of the nights with a crash: bad days end before their later steps begin
CONFIG = f"""\
[ingest]
source = "data/{{YYYY}}-{{MM}}-{{DD}}/v{{VERSION}}/*.csv.gz"
window = "last {WINDOW}"
class_names = {{ "0" = "negative", "1" = "positive" }}
[text]
max_length = 40
[build_vocabulary]
size = 2000
[encode]
windows = "kept"
[train]
units = 4
bidirectional = false
embedding = "random"
embedding_dimension = 8
ngrams = 1
ngram_buckets = 10007
epochs = 1
batch_size = 64
implementation = "layer"
[evaluate]
linear_floor = "none"
[push]
verify_examples = 50
"""


@dataclass
class Night:
    """What one night came to."""

    day: str
    what: str
    crashes: bool
    exit_codes: list[int]  # of each start of the command; -9 where it was killed
    rows: str | None
    version: int | None  # that serves in the morning
    message: str
    seconds: float
    megabytes: float  # of the root, after glovebeam clean
    broken: list[str] = field(default_factory=list)


class Month:
    """One root and its data."""

    def __init__(self, folder: Path, crashes: bool, seed: int) -> None:
        self.folder, self.crashes, self.random = folder, crashes, random.Random(seed)
        self.without: list[str] = []
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "glovebeam.toml").write_text(CONFIG)

    def night(self, day: Day, before: Day | None) -> Night:
        """Deliver, do what the last message asked for, run, clear up, and look at what is there."""
        if before is not None and before.what == "corrupt":
            deliver(self.folder / "data", before, version=2)
        if before is not None and before.what == "flipped":
            self.without.append(before.name)
        deliver(self.folder / "data", day)
        began, codes = time.monotonic(), list[int]()
        broken: list[str] = []
        if self.crashes and day.crashes:
            codes.append(self._killed())
            broken += self._half_work()
        if self.crashes and day.what == "two runs":
            codes += self._two_at_once()
            broken += [] if sorted(codes)[-1] == 5 else [f"two runs at once gave the exit codes {codes}"]
        codes.append(self._start().wait())
        run = json.loads(self._glovebeam("show", "--json"))
        broken += [*self._half_work(), *self._told(day, codes[-1], run)]
        self._glovebeam("clean", *KEEP)
        rows = next((step["remark"] for step in run["steps"] if step["name"] == "ingest"), None)
        message = run["error"] or "; ".join(run["notes"])
        took = round(time.monotonic() - began, 1)
        megabytes = _megabytes(self.root)
        return Night(day.name, day.what, day.crashes, codes, rows, self.version, message, took, megabytes, broken)

    @property
    def root(self) -> Path:
        """The root."""
        return self.folder / "root"

    @property
    def version(self) -> int | None:
        """What serves."""
        return max((int(path.name) for path in (self.root / "serving").glob("[0-9]*")), default=None)

    def model_digest(self) -> str:
        """Of all files of the model that serves."""
        folder = self.root / "serving" / str(self.version)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return hashlib.sha256(b"".join(str(p.relative_to(folder)).encode() + p.read_bytes() for p in files)).hexdigest()

    def _start(self) -> subprocess.Popen[bytes]:
        without = ("--set", f"ingest.without={json.dumps(self.without)}") if self.without else ()
        command = (sys.executable, "-m", "pipeline.cli", "run", "-c", "glovebeam.toml", "--root", "root", *without)
        return subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _killed(self) -> int:
        """Started, and killed a moment after a random step has begun; its exit code."""
        step, process = self.random.choice(KILLED_IN), self._start()
        while process.poll() is None and not any((self.root / "artifacts" / step).glob(".*.partial")):
            time.sleep(0.002)
        time.sleep(self.random.uniform(0, 0.2))
        process.kill()
        return process.wait()

    def _two_at_once(self) -> list[int]:
        first, second = self._start(), self._start()
        return [first.wait(), second.wait()]

    def nothing_new(self) -> tuple[float, list[str]]:
        """A night on which nothing was delivered: its seconds, and what of it is not as promised."""
        began, version = time.monotonic(), self.version
        code = self._start().wait()
        seconds = round(time.monotonic() - began, 2)
        kept = code == 0 and self.version == version and seconds < NOTHING_NEW_SECONDS
        return seconds, [] if kept else [f"nothing new: exit code {code}, version {self.version}, {seconds} s"]

    def _glovebeam(self, *arguments: str) -> str:
        command = (sys.executable, "-m", "pipeline.cli", *arguments, "--root", "root")
        return subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True).stdout

    def _half_work(self) -> list[str]:
        """Whatever stands where others look must be whole, to the byte."""
        if not (self.root / "metadata.sqlite").exists():
            return []
        db = sqlite3.connect(f"file:{self.root / 'metadata.sqlite'}?mode=ro", uri=True)
        recorded = dict(db.execute("SELECT path, sha256 FROM artifact_files ORDER BY artifact_id"))
        db.close()
        places = [*self.root.glob("serving/[0-9]*"), *self.root.glob("artifacts/*/[0-9a-f]*")]
        files = [
            path for place in places for path in place.rglob("*") if path.is_file() and "tensorboard" not in path.parts
        ]
        return [
            f"{path} is not what was recorded"
            for path in files
            if recorded.get(path.relative_to(self.root).as_posix()) != hashlib.sha256(path.read_bytes()).hexdigest()
        ]

    def _told(self, day: Day, code: int, run: dict[str, Any]) -> list[str]:
        """Whether the right thing was said about a bad day, and no such day is behind what was published."""
        causes = {"corrupt": "cannot be read to its end", "flipped": "label noise"}
        broken = []
        if day.what in causes:
            told = run["error"] or ""
            if code != 3 or run["pushed_version"] or f"span {day.name}" not in told or causes[day.what] not in told:
                broken.append(f"{day.what}: exit code {code}, {told!r}")
        elif code not in (0, 4):
            broken.append(f"exit code {code}: {run['error']}")
        if day.what == "duplicated" and not any(
            f"span {day.name} holds the very files" in note for note in run["notes"]
        ):
            broken.append("the copy was not noticed")
        if self.version is not None:
            lineage = self._glovebeam("lineage", f"serving/{self.version}", "--json")
            bad = [one for one in days_left_out(self.without) if one in lineage]
            broken += [f"version {self.version} has learned from {one}" for one in bad]
        return broken


def days_left_out(without: list[str]) -> list[str]:
    """How the files of spans are called in lineage."""
    return [f"{name}/v1" for name in without]


def _megabytes(folder: Path) -> float:
    stats = {(s.st_dev, s.st_ino): s.st_size for path in folder.rglob("*") if path.is_file() for s in [path.lstat()]}
    return round(sum(stats.values()) / 1e6, 2)


def simulate(count: int, crashes: bool, seed: int) -> tuple[Month, list[Night]]:
    """One month; prints a line a day."""
    name = "crashes" if crashes else "calm"
    month = Month(FOLDER / name, crashes, seed)
    nights: list[Night] = []
    before = None
    for day in days(count):
        night = month.night(day, before)
        nights.append(night)
        before = day
        exits = " ".join(map(str, night.exit_codes))
        lines = [
            f"{name:7}  {night.day}  {night.what:10}  {exits:8}  {night.version or '-':>6}  {night.seconds:5}  "
            f"{night.megabytes:5}  {night.rows or ''}; {night.message[:110]}",
            *(f"         BROKEN: {line}" for line in night.broken),
        ]
        print("\n".join(lines), flush=True)
    return month, nights


def main() -> None:
    """Both months, and what they have to have in common."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.days < MIN_DAYS:
        parser.error(f"--days: at least {MIN_DAYS}, so that each thing that goes wrong has a day of its own")
    print(f"{'month':7}  {'day':10}  {'what':10}  {'exits':8}  {'serves':6}  {'s':>5}  {'MB':>5}  rows; message")
    with ThreadPoolExecutor(2) as pool:  # a month each, side by side
        months = [pool.submit(simulate, options.days, crashes, options.seed) for crashes in (False, True)]
        (calm, nights), (crashed, others) = (month.result() for month in months)
    seconds, broken = calm.nothing_new()
    print(f"calm     a night without anything new: {seconds} s")
    broken += promises_broken(calm, nights, crashed, others)
    months_told = {"calm": [*map(asdict, nights)], "crashes": [*map(asdict, others)]}
    report = {"broken": broken, "nothing_new_seconds": seconds, **months_told}
    Path("build/month.json").write_text(json.dumps(report, indent=1) + "\n")
    print(f"\nbroken promises: {len(broken)}", *broken, sep="\n  ")
    sys.exit(bool(broken))


def promises_broken(calm: Month, nights: list[Night], crashed: Month, others: list[Night]) -> list[str]:
    """What was found on the way, and what shows only in the end."""
    broken = [f"{night.day}: {line}" for night in (*nights, *others) for line in night.broken]
    if calm.model_digest() != crashed.model_digest() or calm.version != crashed.version:
        broken.append(f"versions {calm.version} and {crashed.version} serve, which differ")
    tries = [night.exit_codes[0] for night in others if night.crashes]
    landed = sum(code == -signal.SIGKILL for code in tries)
    print(f"crashes  killed {landed} times in {len(tries)} nights, on which the other month had no crash")
    if landed < LEAST_KILLED * len(tries):
        broken.append("most runs that were to be killed ended by themselves")
    for month in (nights, others):
        full = [night.megabytes for night in month[WINDOW:]]
        if full and max(full) > MOST_GROWTH * full[0]:
            broken.append(f"the root grew from {full[0]} to {max(full)} MB")
    return broken


if __name__ == "__main__":
    main()
