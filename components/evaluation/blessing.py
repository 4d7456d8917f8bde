"""The checks that a candidate must pass by itself; each says yes or no, with its figures and the reason.

In: metrics and predictions. Out: one dictionary a check, as in ``blessing.json``. Those against the model that serves
are in ``components.evaluation.champion``.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from components.evaluation.floor import VARIANTS
from components.evaluation.metrics import Predictions
from components.evaluation.paired import in_words
from schemas.artifacts import Examples
from schemas.examples import LABEL

Check = dict[str, Any]


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


def linear_check(comparison: Mapping[str, Any] | None, variant: Literal["tokens", "text", "none"]) -> Check:
    """Whether the model is right at least as often as the linear model that sees the same tokens, or the full texts."""
    name = "beats_linear"
    if comparison is None or variant == "none":
        return {"name": name, "passed": True, "reason": "there is no linear floor to compare with"}
    figures = comparison[variant]
    if reason := figures.get("not_compared"):
        return {"name": name, "passed": True, "reason": f"not compared, the linear floor was not fitted: {reason}"}
    passed = figures["candidate_only"] >= figures["floor_only"]
    reason = (
        f"{in_words(figures, 'floor', f'the linear floor on {VARIANTS[variant]},')}: "
        f"{'at least as good' if passed else 'less accurate'} "
        f"(p = {figures['p_better']:.4g} for better, {figures['p_worse']:.4g} for worse)"
    )
    if not passed:
        reason += "; train longer, add examples, or leave this check out with evaluate.linear_floor = 'none'"
    return {"name": name, "passed": passed, "reason": reason, "variant": variant, **figures}
