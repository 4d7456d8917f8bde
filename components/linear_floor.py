"""The linear floor: how good a bag of words is on the same split, so that a network that loses to it is not published.

In: Examples and their EncodedExamples. Out: a LinearFloor, the answers of two models of the same kind to every test
example: TF-IDF of uni- and bigrams with logistic regression (C = 10).

    tokens    sees what the network sees: the token ids of the records, cut to max_length, padding left out
    text      sees the full texts, split into tokens by the glove tokenizer, whatever the network's own is

Both are fitted on the train split alone, each on the same rows: all of them, or a seeded draw of at most
``max_examples`` rows and 100 MB of text from all shards. ``metrics.json`` says how many. It is a step of its own, so
that another network is measured against the same floor without fitting it again.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from schemas.artifacts import EncodedExamples, Examples, write_json
from schemas.errors import DataError
from schemas.examples import EXAMPLE_ID, LABEL
from schemas.model_artifacts import LinearFloor
from schemas.params import Params

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from components.linear.rows import SplitRows

    Probabilities = NDArray[np.float32]


class LinearFloorParams(Params):
    """How much the linear models are fitted on."""

    max_examples: int = Field(default=100_000, ge=1)  # rows of the train split


def linear_floor(examples: Examples, encoded: EncodedExamples, params: LinearFloorParams, out: Path) -> LinearFloor:
    """Write ``metrics.json`` and ``predictions.parquet`` into ``out``.

    A model that cannot be fitted, since the train split holds one class or no token, is no error: its answers are null
    and ``metrics.json`` says why.

    Raises:
        DataError: when the test split is empty, or the encoded examples are not those of ``examples``.
    """
    from components.linear import rows

    class_names = encoded.encoding.class_names
    is_taken = rows.sampled(examples, "train", params.max_examples)
    ids = rows.read_column(examples, "test", EXAMPLE_ID.name).to_pylist()
    labels = {split: rows.read_column(examples, split, LABEL.name).to_numpy() for split in ("train", "test")}
    _check_rows(encoded, {split: len(column) for split, column in labels.items()})
    answers = {
        variant: _answers(rows_of, labels["train"][is_taken], class_names)
        for variant, rows_of in (
            ("tokens", rows.encoded_rows(encoded, is_taken)),
            ("text", rows.text_rows(examples, is_taken)),
        )
    }
    figures = {variant: _figures(answer, labels["test"], class_names) for variant, answer in answers.items()}
    counts = {"train_examples": {"used": int(is_taken.sum()), "of": len(is_taken)}, "test_examples": len(ids)}
    write_json(out / "metrics.json", {**figures, **counts})
    _write_predictions(out / "predictions.parquet", ids, labels["test"], answers)
    return LinearFloor(out)


def _check_rows(encoded: EncodedExamples, rows: Mapping[str, int]) -> None:
    """The records are those of the texts, as far as their number tells, and there are some to measure on."""
    for split, expected in rows.items():
        if (held := encoded.encoding.rows[split]) != expected:
            raise DataError(
                f"linear_floor: the encoded {split} split holds {held:,} examples, and the texts beside it are "
                f"{expected:,}; they must be the same examples in the same order. Run encode again."
            )
    if not rows["test"]:
        raise DataError(
            "linear_floor: the test split has no rows, so there is nothing to measure on. Give the source a test "
            "split, raise ingest.test_fraction, or add rows."
        )


def _answers(rows: "SplitRows", labels: "NDArray[np.int64]", class_names: Sequence[str]) -> "Probabilities | str":
    """Fit to the train rows; probabilities float32 [n, c] of the test rows, or why there are none."""
    import numpy as np

    from components.linear.model import LinearModel, unfit_reason

    if reason := unfit_reason(rows.train, labels, class_names):
        return reason
    model = LinearModel.fit(rows.train, labels, rows.ids_in_use, len(class_names))
    return np.concatenate([model.predict(batch) for batch in rows.test])


def _figures(answer: "Probabilities | str", labels: "NDArray[np.int64]", class_names: Sequence[str]) -> dict[str, Any]:
    """The metrics of one model, as evaluate's of the network; or why there are none."""
    from components.evaluation.metrics import classification_metrics

    if isinstance(answer, str):
        return {"not_fitted": answer}
    return classification_metrics(labels, answer, class_names)


def _write_predictions(
    path: Path, ids: Sequence[str], labels: "NDArray[np.int64]", answers: "Mapping[str, Probabilities | str]"
) -> None:
    """Write one row an example; null where a model could not be fitted."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"example_id": pa.array(ids, pa.string()), "label": pa.array(labels, pa.int64())}
    for variant, answer in answers.items():
        columns |= _answer_columns(variant, [None] * len(ids) if isinstance(answer, str) else list(answer))
    pq.write_table(pa.table(columns), path, compression="zstd")


def _answer_columns(variant: str, answers: "Sequence[NDArray[np.float32] | None]") -> "dict[str, pa.Array]":
    """The probabilities of each example, and the class that has the highest."""
    import pyarrow as pa

    predicted = [None if answer is None else int(answer.argmax()) for answer in answers]
    return {
        f"{variant}_predicted": pa.array(predicted, pa.int64()),
        f"{variant}_probability": pa.array(answers, pa.list_(pa.float32())),
    }
