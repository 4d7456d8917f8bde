"""Calls the command in a process of its own, on a corpus and a GloVe of a few kilobytes."""

import csv
import os
import re
import subprocess
import sys

ALL_STEPS = [
    "ingest", "validate", "build_vocabulary", "drift", "embed", "encode", "linear_floor", "train", "evaluate", "push",
]  # fmt: skip
HEAVY = ("tensorflow", "keras", "apache_beam", "pyarrow", "sklearn", "tensorflow_datasets", "numpy")

CONFIG = """\
[ingest]
source = "reviews.csv"
test_fraction = 0.3
validation_fraction = 0.2

[text]
max_length = 6

[embed]
source = "glove.txt"
min_coverage = 0.2

[train]
units = 4
bidirectional = false
ngrams = 0
batch_size = 8
epochs = 3
learning_rate = 0.05
dropout = 0.0
"""
WORDS = {"good": ("good", "great", "fine", "lovely"), "bad": ("bad", "dull", "poor", "awful")}


def write_reviews(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])


def tiny_reviews(number=120):
    """Each text once; the first word tells the label, but for one text in ten."""
    for i in range(number):
        label = ("bad", "good")[i % 2]
        told = label if i % 10 else "good"
        yield f"{WORDS[told][i // 2 % 4]} film {i}", label


def glovebeam(*arguments, cwd, stdin="", **environment):
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *arguments],
        cwd=cwd, env={**os.environ, "COLUMNS": "80", **environment}, input=stdin, capture_output=True, text=True,
    )  # fmt: skip


def run_config(folder, *options, **environment):
    return glovebeam("run", "-c", "glovebeam.toml", "--root", "root", *options, cwd=folder, **environment)


def steps(out):
    """Step -> cached, run or would run."""
    return dict(re.findall(r"^(\w+): (cached|run|would run) \(", out, re.MULTILINE))


def one_paragraph(done):
    """The message of a run that failed; asserts that it is one and no traceback."""
    assert "Traceback" not in done.stderr + done.stdout
    (message,) = done.stderr.splitlines()
    assert message.startswith("glovebeam: ")
    return message
