"""The candidate against the linear floor, on the same test examples."""

from typing import TYPE_CHECKING, Any

from components.evaluation.paired import compare
from schemas.errors import DataError
from schemas.model_artifacts import LinearFloor

if TYPE_CHECKING:
    from components.evaluation.metrics import Predictions

VARIANTS = {"tokens": "the tokens the model sees", "text": "the full texts"}


def compare_with_floor(predictions: "Predictions", floor: LinearFloor | None) -> dict[str, Any] | None:
    """Both linear models' figures and the paired comparison with each; None without a floor.

    A model that could not be fitted has ``not_compared`` with the reason instead.

    Raises:
        DataError: when the floor was measured on other examples.
    """
    import pyarrow.parquet as pq

    if floor is None:
        return None
    answers, metrics = pq.read_table(floor.predictions_file), floor.metrics
    if answers["example_id"].to_pylist() != predictions.example_ids:
        raise DataError(
            f"evaluate: {floor.predictions_file} holds other examples than the {len(predictions.example_ids):,} of the "
            "encoded test split. Run linear_floor again."
        )
    comparison: dict[str, Any] = {}
    for variant in VARIANTS:
        if reason := metrics[variant].get("not_fitted"):
            comparison[variant] = {"not_compared": reason}
            continue
        is_right = answers[f"{variant}_predicted"].to_numpy() == predictions.labels
        interval = metrics[variant]["intervals_95"]["accuracy"]
        paired = compare(predictions.is_right, is_right, "floor")
        comparison[variant] = {**paired, "intervals_95": {"floor_accuracy": interval}}
    return comparison
