"""Evaluate: how good the model is on every example of the test split, and whether it may be pushed.

In: a Model, the EncodedExamples it was made for, the Examples behind them, the LinearFloor measured on the same split,
if any, and the model that is being served, if any.
Out: an Evaluation. A candidate is blessed when every check passes:

    accuracy          at least ``min_accuracy``
    class_recall      each class that the test split holds is found in at least ``min_class_recall`` of its examples
    beats_constant    more right than a model that always answers the most frequent class of the train split
    beats_linear      at least as many right as the linear model that sees the same ``tokens``, or the full ``text``, as
                      ``linear_floor`` says. No test of significance: a model that is no better than a bag of words is
                      not worth its cost, and one that is equal gets the benefit of the doubt
    not_worse         with ``equal_model`` "accept": not significantly worse than the serving model on the same examples
    better            with ``equal_model`` "refuse", in its place: significantly better than the serving model

Significant, in the last two, is what an exact one-sided McNemar test calls so at ``significance``, among the examples
that just one of the two models gets right. So an equal model, or one whose difference may be chance, is accepted or
refused as ``equal_model`` says; a significantly worse one is refused either way. What cannot be compared passes, and
the reason says so: there is no serving model, it has other class names, or the linear model could not be fitted.

Two more checks are there where the parameters ask for them:

    gain              accuracy at least ``min_gain`` above that of the serving model on the same examples
    slices            not significantly worse than the serving model in any of the ``guarded_slices``, ``significance``
                      shared out among them

An alarm is no check: it says that the serving model itself fails ``min_accuracy``, ``min_class_recall`` or the constant
answer on these examples, whatever the candidate is like.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from components.evaluation.blessing import (
    accuracy_check,
    constant_check,
    linear_check,
    recall_check,
)
from components.evaluation.champion import NO_GAIN, alarms, ask_champion, gain_check, paired_check, slices_check
from components.evaluation.floor import compare_with_floor
from components.evaluation.metrics import Predictions, classification_metrics
from components.evaluation.records import record_batches
from components.evaluation.slices import Sizes, accuracy_slices, guarded_slices
from schemas.artifacts import EncodedExamples, Examples, write_json
from schemas.errors import DataError
from schemas.examples import EXAMPLE_ID
from schemas.model_artifacts import Evaluation, LinearFloor, Model
from schemas.params import Params
from schemas.vocabulary import PAD_ID, UNK_ID

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SPLIT = "test"
_ROWS_PER_BATCH = 1000


class EvaluateParams(Params):
    """What a model must reach."""

    min_accuracy: float = Field(default=0.5, ge=0, le=1)
    min_class_recall: float = Field(default=0.0, ge=0, le=1)
    linear_floor: Literal["tokens", "text", "none"] = "tokens"  # what the linear model to beat sees
    significance: float = Field(default=0.05, gt=0, lt=1)
    equal_model: Literal["accept", "refuse"] = "accept"  # one that is neither significantly worse nor better
    min_gain: float = Field(default=NO_GAIN, ge=-1, le=1)  # of accuracy; -1 asks for none
    guarded_slices: tuple[str, ...] = ()  # "class", "tokens", "unknown_share", "characters", or kept columns


def evaluate(
    model: Model,
    encoded: EncodedExamples,
    examples: Examples,
    floor: LinearFloor | None,
    baseline: Model | None,
    params: EvaluateParams,
    out: Path,
) -> Evaluation:
    """Write ``metrics.json``, ``predictions.parquet`` and ``blessing.json`` into ``out``.

    Raises:
        DataError: when the test split is empty, or encoded examples, texts and floor are not of the same examples.
        UsageError: when a guarded slice is not there.
        GlovebeamError: when the baseline cannot be loaded.
    """
    encoding = encoded.encoding
    class_names = encoding.class_names
    if not encoding.rows.get(_SPLIT):
        raise DataError(
            "evaluate: the test split has no rows, so nothing shows how good the model is. Give the source a test "
            "split, raise ingest.test_fraction, or add rows."
        )
    predictions, tokens, unknown = predict_split(model, encoded)
    sizes = Sizes(tokens, unknown, _check_same_examples(predictions, encoded, examples))
    metrics = classification_metrics(predictions.labels, predictions.probabilities, class_names)
    metrics["slices"] = accuracy_slices(predictions.is_right, sizes, encoding.max_length)
    metrics["linear_floor"] = comparison = compare_with_floor(predictions, floor)
    champion = ask_champion(baseline, examples, predictions, class_names)
    metrics["serving_model"] = of_champion = _metrics_of(champion, class_names)
    checks = [
        accuracy_check(metrics, params.min_accuracy),
        recall_check(metrics, params.min_class_recall),
        constant_check(predictions, examples, class_names),
        linear_check(comparison, params.linear_floor),
        *_checks_against(champion, predictions, sizes, encoded, examples, params),
    ]
    told = alarms(champion, of_champion, examples, class_names, params.min_accuracy, params.min_class_recall)
    write_predictions(out / "predictions.parquet", predictions)
    write_json(out / "metrics.json", metrics)
    blessed = all(check["passed"] for check in checks)
    write_json(out / "blessing.json", {"blessed": blessed, "checks": checks, "alarms": told})
    return Evaluation(out)


def _checks_against(
    champion: Predictions | str,
    predictions: Predictions,
    sizes: Sizes,
    encoded: EncodedExamples,
    examples: Examples,
    params: EvaluateParams,
) -> list[dict[str, Any]]:
    """The comparisons with the serving model that the parameters ask for."""
    checks = [paired_check(predictions, champion, params.significance, params.equal_model)]
    if params.min_gain != NO_GAIN:
        checks.append(gain_check(predictions, champion, params.min_gain))
    if params.guarded_slices:
        slices = guarded_slices(params.guarded_slices, sizes, predictions.labels, encoded.encoding, examples)
        checks.append(slices_check(predictions, champion, slices, params.significance))
    return checks


def _metrics_of(champion: Predictions | str, class_names: Sequence[str]) -> dict[str, Any] | None:
    """The serving model's figures on the same examples, measured now; None where it was not asked."""
    if isinstance(champion, str):
        return None
    return classification_metrics(champion.labels, champion.probabilities, class_names)


def predict_split(model: Model, encoded: EncodedExamples) -> "tuple[Predictions, NDArray[np.int64], NDArray[np.int64]]":
    """Score every test example, in the order of the records.

    Returns:
        The predictions, and of each example how many ids are not padding, [n], and how many are unknown tokens, [n].

    Raises:
        DataError: when records are missing or damaged.
    """
    import keras
    import numpy as np
    import tensorflow as tf

    encoding = encoded.encoding
    classifier = keras.models.load_model(model.keras_file)

    logits_of = tf.function(  # int64 [b, t] => [b], [b, 1] or [b, c]
        lambda token_ids: classifier(token_ids, training=False),
        input_signature=[tf.TensorSpec([None, encoding.max_length], tf.int64)],
    )

    ids: list[str] = []
    labels, logits, tokens, unknown = [], [], [], []
    for token_ids, label, example_ids in record_batches(encoded, _SPLIT):
        logits.append(logits_of(token_ids).numpy())
        labels.append(label)
        tokens.append((token_ids != PAD_ID).sum(axis=1))
        unknown.append((token_ids == UNK_ID).sum(axis=1))
        ids += example_ids
    probabilities = to_probabilities(np.concatenate(logits), len(encoding.class_names))
    predictions = Predictions(ids, np.concatenate(labels), probabilities)
    return predictions, np.concatenate(tokens), np.concatenate(unknown)


def to_probabilities(logits: "NDArray[np.float32]", classes: int) -> "NDArray[np.float32]":
    """Logits [n] or [n, 1] of the second of two classes, or [n, c] => probabilities float32 [n, c].

    >>> import numpy as np
    >>> to_probabilities(np.float32([0.0, 200.0]), classes=2).tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    """
    import numpy as np

    if classes == 2:
        logits = np.stack([np.zeros(len(logits)), logits.reshape(-1)], axis=1)  # [n] => [n, 2]
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32)


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write one row an example."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        "example_id": pa.array(predictions.example_ids, pa.string()),
        "label": pa.array(predictions.labels, pa.int64()),
        "predicted": pa.array(predictions.predicted, pa.int64()),
        "probability": pa.array(list(predictions.probabilities), pa.list_(pa.float32())),
    }
    pq.write_table(pa.table(columns), path, compression="zstd")


def _check_same_examples(predictions: Predictions, encoded: EncodedExamples, examples: Examples) -> "NDArray[np.int64]":
    """The texts that push verifies, and that a baseline is judged by, are those that were scored.

    Returns:
        The length of each text in characters, [n].
    """
    import numpy as np

    ids, characters = [], [np.empty(0, np.int64)]
    for shard_ids, shard_characters in _read_texts(examples):
        ids += shard_ids
        characters.append(shard_characters)
    scored, expected = len(predictions.example_ids), encoded.encoding.rows[_SPLIT]
    if scored != expected or predictions.example_ids != ids:
        raise DataError(
            f"evaluate: the encoded test split holds {scored:,} examples, its encoding.json says {expected:,}, and the "
            f"texts beside it are {len(ids):,}; they must be the same examples in the same order. Run encode "
            "again."
        )
    return np.concatenate(characters)


def _read_texts(examples: Examples) -> "Iterator[tuple[list[str], NDArray[np.int64]]]":
    """Ids and lengths in characters, some texts at a time."""
    import numpy as np
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    for shard in examples.shards(_SPLIT):
        for batch in pq.ParquetFile(shard).iter_batches(_ROWS_PER_BATCH, columns=[EXAMPLE_ID.name, "text"]):
            yield batch[EXAMPLE_ID.name].to_pylist(), pc.utf8_length(batch["text"]).to_numpy().astype(np.int64)
