"""Hold the labels of a new span against the model that serves, before anything is learned from them.

In: Examples of a span that the model has not learned from, the model, and what was published with it. Out: LabelCheck.
On texts like those it knows a model is right about as often as it was on its own test split. Where it is right far less
often, either the labels are wrong (flipped, shifted by a row, drawn at random) or the texts are of another kind.

>>> round(tail_probability(6, 10, 0.9), 4)
0.0128
"""

import math
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from schemas.artifacts import Examples, read_json, write_json
from schemas.examples import SPLITS
from schemas.model_artifacts import Model, PushedModel
from schemas.params import Params
from schemas.span_artifacts import LabelCheck

_MOST_ROWS = 2000  # a share of 2,000 rows is known to 3 points
_SURE = 0.001  # how improbable so few right answers must be


class CheckLabelsParams(Params):
    """How much the labels must agree with the serving model."""

    min_agreement: float = Field(default=0.75, ge=0, le=1)  # as a share of the model's own accuracy; 0 asks nothing


def check_labels(
    examples: Examples, model: Model, pushed: PushedModel, params: CheckLabelsParams, out: Path
) -> LabelCheck:
    """Answer the first 2,000 texts of the span and write ``label_check.json``; the verdict is up to the caller."""
    from components.serving.servable import Servable

    texts, labels = _rows(examples)
    right = 0
    if texts:
        answers, _ = Servable.load(model.saved_model).classify(texts)
        right = sum(answer == label for answer, label in zip(answers, labels, strict=True))
    own_accuracy = float(read_json(pushed.path / "pushed.json")["metrics"]["accuracy"])
    at_least = params.min_agreement * own_accuracy
    p_value = tail_probability(right, len(texts), at_least)
    figures = {
        "rows": len(texts),
        "right": right,
        "agreement": right / len(texts) if texts else None,
        "own_accuracy": own_accuracy,
        "at_least": at_least,
        "p_value": p_value,
        "passed": p_value >= _SURE,
    }
    write_json(out / "label_check.json", figures)
    return LabelCheck(out)


def _rows(examples: Examples) -> tuple[list[bytes], list[str]]:
    """Texts and class names of the first rows."""
    import pyarrow.parquet as pq

    class_names = examples.summary.class_names
    texts: list[bytes] = []
    labels: list[str] = []
    for shard in _shards(examples):
        for batch in pq.ParquetFile(shard).iter_batches(_MOST_ROWS, columns=["text", "label"]):
            room = _MOST_ROWS - len(texts)
            texts += [text.encode() for text in batch["text"].to_pylist()[:room]]
            labels += [class_names[label] for label in batch["label"].to_pylist()[:room]]
            if len(texts) == _MOST_ROWS:
                return texts, labels
    return texts, labels


def _shards(examples: Examples) -> Iterator[Path]:
    return (shard for split in SPLITS for shard in examples.shards(split))


def tail_probability(right: int, rows: int, share: float) -> float:
    """The probability of at most so many right answers in so many rows, if each is right with this probability."""
    if right >= rows or share <= 0:
        return 1.0
    if share >= 1:
        return 0.0
    logarithms = (
        math.lgamma(rows + 1)
        - math.lgamma(k + 1)
        - math.lgamma(rows - k + 1)
        + k * math.log(share)
        + (rows - k) * math.log1p(-share)
        for k in range(right + 1)
    )
    return min(1.0, math.fsum(map(math.exp, logarithms)))
