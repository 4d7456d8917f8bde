"""The days of the simulated month: reviews cut from the sample, and what goes wrong with some of them.

In: the number of days. Out: ``Day``s; ``deliver`` writes the file of one as a supplier would.
"""

import csv
import gzip
import io
import random
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from components.reading.source_paths import find_package_file
from components.sources import SAMPLE_FILE, SAMPLE_PACKAGE

Review = tuple[str, str]
ROWS_A_DAY = 400
_FIRST = date(2026, 11, 1)


@dataclass(frozen=True)
class Day:
    """One day: its reviews, and what is wrong with their delivery."""

    number: int  # from 1
    reviews: list[Review]
    what: str = ""  # drifted, corrupt, duplicated, flipped, two runs
    crashes: bool = False

    @property
    def name(self) -> str:
        """The name of its span."""
        return (_FIRST + timedelta(days=self.number - 1)).isoformat()


def days(count: int) -> list[Day]:
    """The month, always the same; with fewer days the same things happen closer together."""
    reviews = _sample()
    random.Random(0).shuffle(reviews)
    what = {
        round(count * share): name
        for share, name in (
            (0.3, "drifted"),
            (0.4, "corrupt"),
            (0.55, "duplicated"),
            (0.7, "flipped"),
            (0.8, "two runs"),
        )
    }
    found: list[Day] = []
    for number in range(1, count + 1):
        taken = reviews[(number - 1) * ROWS_A_DAY : number * ROWS_A_DAY]
        kind = what.get(number, "")
        if kind == "drifted":
            taken = [
                (" ".join(text.split()[:30]), label) for text, label in taken if label == "1" or len(text) % 4 == 0
            ]
        elif kind == "duplicated":
            taken = found[-1].reviews
        elif kind == "flipped":
            taken = [(text, "1" if label == "0" else "0") for text, label in taken]
        found.append(Day(number, taken, kind, crashes=number % 3 == 0))
    return found


def _sample() -> list[Review]:
    with find_package_file(SAMPLE_PACKAGE, SAMPLE_FILE).open(newline="", encoding="utf-8") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


def deliver(folder: Path, day: Day, version: int = 1) -> None:
    """Write ``<date>/v<version>/reviews.csv.gz``; the first version of a corrupt day is cut off."""
    rows = io.StringIO()
    csv.writer(rows).writerows([("text", "label"), *day.reviews])
    content = gzip.compress(rows.getvalue().encode(), mtime=0)
    if day.what == "corrupt" and version == 1:
        content = content[: len(content) // 2]
    place = folder / day.name / f"v{version}"
    place.mkdir(parents=True)
    unfinished = place / ".reviews"
    unfinished.write_bytes(content)
    unfinished.rename(place / "reviews.csv.gz")
