"""Evaluate: how good the model is on every example of the test split, and whether it may be pushed.

In: a Model, the EncodedExamples it was made for, the Examples behind them, and the model that is being served, if any.
Out: an Evaluation. A candidate is blessed when every check passes:

    accuracy          at least ``min_accuracy``
    class_recall      each class that the test split holds is found in at least ``min_class_recall`` of its examples
    beats_constant    more right than a model that always answers the most frequent class of the train split
    not_worse         not significantly worse than the serving model on the same examples: an exact one-sided
                      McNemar test, at ``significance``, among those that just one of the two gets right. An equal model
                      passes, and so does one with other class names, which cannot be compared; the reason says so.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from components.evaluation.blessing import accuracy_check, baseline_check, constant_check, recall_check
from components.evaluation.metrics import Predictions, classification_metrics
from schemas.artifacts import EncodedExamples, Evaluation, Examples, Model, write_json
from schemas.errors import DataError
from schemas.examples import EXAMPLE_ID
from schemas.params import Params

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BATCH_SIZE = 512
_SPLIT = "test"


class EvaluateParams(Params):
    """What a model must reach."""

    min_accuracy: float = Field(default=0.5, ge=0, le=1)
    min_class_recall: float = Field(default=0.0, ge=0, le=1)
    significance: float = Field(default=0.05, gt=0, lt=1)


def evaluate(
    model: Model,
    encoded: EncodedExamples,
    examples: Examples,
    baseline: Model | None,
    params: EvaluateParams,
    out: Path,
) -> Evaluation:
    """Write ``metrics.json``, ``predictions.parquet`` and ``blessing.json`` into ``out``.

    Raises:
        DataError: when the test split is empty, or the encoded examples are not those of ``examples``.
        GlovebeamError: when the baseline cannot be loaded.
    """
    class_names = encoded.encoding.class_names
    if not encoded.encoding.rows.get(_SPLIT):
        raise DataError(
            "evaluate: the test split has no rows, so nothing shows how good the model is. Give the source a test "
            "split, raise ingest.test_fraction, or add rows."
        )
    predictions = predict_split(model, encoded)
    _check_same_examples(predictions, encoded, examples)
    metrics = classification_metrics(predictions.labels, predictions.probabilities, class_names)
    checks = [
        accuracy_check(metrics, params.min_accuracy),
        recall_check(metrics, params.min_class_recall),
        constant_check(predictions, examples, class_names),
        baseline_check(predictions, baseline, examples, class_names, params.significance),
    ]
    write_predictions(out / "predictions.parquet", predictions)
    write_json(out / "metrics.json", metrics)
    write_json(out / "blessing.json", {"blessed": all(check["passed"] for check in checks), "checks": checks})
    return Evaluation(out)


def predict_split(model: Model, encoded: EncodedExamples) -> Predictions:
    """Score every test example, in the order of the records.

    Raises:
        DataError: when records are missing or damaged.
    """
    import keras
    import numpy as np
    import tensorflow as tf

    from components.dataset import evaluation_dataset

    encoding = encoded.encoding
    classifier = keras.models.load_model(model.keras_file)

    logits_of = tf.function(  # int64 [b, t] => [b], [b, 1] or [b, c]
        lambda token_ids: classifier(token_ids, training=False),
        input_signature=[tf.TensorSpec([None, encoding.max_length], tf.int64)],
    )

    labels, ids, logits = [], [], []
    try:
        for token_ids, label, example_id in evaluation_dataset(encoded, _SPLIT, _BATCH_SIZE):
            logits.append(logits_of(token_ids).numpy())
            labels.append(label.numpy())
            ids += [name.decode() for name in example_id.numpy()]
    except (tf.errors.DataLossError, tf.errors.FailedPreconditionError) as error:
        raise DataError(f"{encoded.path / _SPLIT}: cannot be read: {error.message} Run encode again.") from error
    return Predictions(ids, np.concatenate(labels), to_probabilities(np.concatenate(logits), len(encoding.class_names)))


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


def _check_same_examples(predictions: Predictions, encoded: EncodedExamples, examples: Examples) -> None:
    """The texts that push verifies, and that a baseline is judged by, are those that were scored."""
    scored, expected = len(predictions.example_ids), encoded.encoding.rows[_SPLIT]
    ids = _read_ids(examples)
    if scored != expected or predictions.example_ids != ids:
        raise DataError(
            f"evaluate: the encoded test split holds {scored:,} examples, its encoding.json says {expected:,}, and the "
            f"texts beside it are {len(ids):,}; they must be the same examples in the same order. Run encode "
            "again."
        )


def _read_ids(examples: Examples) -> list[str]:
    import pyarrow.parquet as pq

    name = EXAMPLE_ID.name
    return [
        value for shard in examples.shards(_SPLIT) for value in pq.read_table(shard, columns=[name])[name].to_pylist()
    ]
