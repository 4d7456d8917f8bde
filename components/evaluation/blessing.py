"""The checks that a candidate must pass before it is pushed; each says yes or no, with its figures and the reason.

In: metrics, predictions, and the model that is being served. Out: one dictionary a check, as in ``blessing.json``.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from components.evaluation.metrics import Predictions, worse_p_value
from schemas.artifacts import Examples, Model
from schemas.examples import LABEL

if TYPE_CHECKING:
    from components.serving.servable import Servable

Check = dict[str, Any]

ROWS_PER_BATCH = 1000


def accuracy_check(metrics: dict[str, Any], minimum: float) -> Check:
    """Whether the accuracy reaches the minimum."""
    accuracy = metrics["accuracy"]
    passed = accuracy >= minimum
    verdict = "at least" if passed else "below"
    return {
        "name": "accuracy",
        "passed": passed,
        "reason": f"accuracy {accuracy:.4f} is {verdict} evaluate.min_accuracy = {minimum:g}",
        "accuracy": accuracy,
        "minimum": minimum,
    }


def recall_check(metrics: dict[str, Any], minimum: float) -> Check:
    """Whether each class that the test split holds is found often enough."""
    recalls = {name: figures["recall"] for name, figures in metrics["per_class"].items() if figures["examples"]}
    name = min(recalls, key=lambda name: recalls[name])
    passed = recalls[name] >= minimum
    verdict = "at least" if passed else "below"
    return {
        "name": "class_recall",
        "passed": passed,
        "reason": f"the lowest recall, {recalls[name]:.4f} of class {name!r}, is {verdict} "
        f"evaluate.min_class_recall = {minimum:g}",
        "class": name,
        "recall": recalls[name],
        "minimum": minimum,
    }


def constant_check(predictions: Predictions, examples: Examples, class_names: Sequence[str]) -> Check:
    """Whether the model is more often right than the most frequent class of the train split, given as every answer."""
    counts = _count_labels(examples, "train")
    constant = max(range(len(class_names)), key=lambda label: counts[label])
    accuracy, floor = float(predictions.is_right.mean()), float((predictions.labels == constant).mean())
    passed = accuracy > floor
    reason = f"accuracy {accuracy:.4f} against {floor:.4f} for always answering {class_names[constant]!r}"
    if not passed:
        reason += "; train longer, add examples, or enlarge the test split if it hardly holds another class"
    return {
        "name": "beats_constant",
        "passed": passed,
        "reason": reason,
        "accuracy": accuracy,
        "constant_accuracy": floor,
        "constant_class": class_names[constant],
    }


def _count_labels(examples: Examples, split: str) -> Counter[int]:
    import pyarrow.parquet as pq

    counts: Counter[int] = Counter()
    for shard in examples.shards(split):
        for batch in pq.ParquetFile(shard).iter_batches(columns=[LABEL.name]):
            counts.update(batch[LABEL.name].to_pylist())
    return counts


def baseline_check(
    predictions: Predictions,
    baseline: Model | None,
    examples: Examples,
    class_names: Sequence[str],
    significance: float,
) -> Check:
    """Whether the model is not significantly worse than the serving one on the same test examples.

    Raises:
        GlovebeamError: when the baseline cannot be loaded.
    """
    from components.serving.servable import Servable

    name = "not_worse"
    if baseline is None:
        return {"name": name, "passed": True, "reason": "there is no serving model to compare with"}
    servable = Servable.load(baseline.saved_model)
    if set(servable.class_names) != set(class_names):
        known, new = ", ".join(servable.class_names), ", ".join(class_names)
        reason = f"not compared: the serving model knows the classes {known}, this one {new}"
        return {"name": name, "passed": True, "reason": reason}
    return {"name": name, **_compare(predictions, _answers(servable, examples), class_names, significance)}


def _answers(servable: "Servable", examples: Examples) -> list[str]:
    """The labels that a model gives the raw test texts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    return [
        label
        for shard in examples.shards("test")
        for batch in pq.ParquetFile(shard).iter_batches(ROWS_PER_BATCH, columns=["text"])
        for label in servable.classify(batch["text"].cast(pa.binary()).to_pylist())[0]
    ]


def _compare(
    predictions: Predictions, baseline_answers: Sequence[str], class_names: Sequence[str], significance: float
) -> Check:
    """The paired test: examples that both models get right, or both wrong, say nothing."""
    import numpy as np

    baseline_right = np.array(baseline_answers) == np.array(class_names)[predictions.labels]
    candidate_only = int((predictions.is_right & ~baseline_right).sum())
    baseline_only = int((baseline_right & ~predictions.is_right).sum())
    p_value = worse_p_value(candidate_only, baseline_only)
    passed = p_value >= significance
    accuracy, baseline_accuracy = float(predictions.is_right.mean()), float(baseline_right.mean())
    verdict = "not significantly" if passed else "significantly"
    return {
        "passed": passed,
        "reason": f"accuracy {accuracy:.4f} against {baseline_accuracy:.4f} of the serving model on the same examples; "
        f"{candidate_only:,} right where that is wrong, {baseline_only:,} wrong where that is right: {verdict} worse "
        f"(p = {p_value:.4g}, evaluate.significance = {significance:g})",
        "accuracy": accuracy,
        "baseline_accuracy": baseline_accuracy,
        "candidate_only": candidate_only,
        "baseline_only": baseline_only,
        "p_value": p_value,
        "significance": significance,
    }
