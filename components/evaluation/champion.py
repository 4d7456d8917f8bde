"""The candidate against the champion, the model that serves: both answer the same raw test texts now.

In: what both say of the test examples. Out: one dictionary a check, as in ``blessing.json``, and alarms. The champion
is asked through its SavedModel, so it reads the texts with its own tokenizer and vocabulary. Letter: n examples.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from components.evaluation.blessing import Check, accuracy_check, constant_check, recall_check
from components.evaluation.metrics import Predictions
from components.evaluation.paired import compare, in_words
from schemas.artifacts import Examples
from schemas.model_artifacts import Model

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Slices = Mapping[str, NDArray[np.bool_]]  # name -> which examples are in it, [n]

EqualModel = Literal["accept", "refuse"]
NO_GAIN = -1.0  # of ``min_gain``: nothing is asked for

_ROWS_PER_BATCH = 1000


def ask_champion(
    champion: Model | None, examples: Examples, predictions: Predictions, class_names: Sequence[str]
) -> Predictions | str:
    """What the serving model says of the same test examples, or why the two cannot be compared.

    Raises:
        GlovebeamError: when the serving model cannot be loaded.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from components.serving.servable import Servable

    if champion is None:
        return "there is no serving model to compare with"
    servable = Servable.load(champion.saved_model)
    if set(servable.class_names) != set(class_names):
        known, new = ", ".join(servable.class_names), ", ".join(class_names)
        return f"not compared: the serving model knows the classes {known}, this one {new}"
    answers = [
        servable.classify(batch["text"].cast(pa.binary()).to_pylist())[1]
        for shard in examples.shards("test")
        for batch in pq.ParquetFile(shard).iter_batches(_ROWS_PER_BATCH, columns=["text"])
    ]
    columns = [servable.class_names.index(name) for name in class_names]  # its classes may come in another order
    return Predictions(predictions.example_ids, predictions.labels, np.concatenate(answers)[:, columns])


def paired_check(
    predictions: Predictions, champion: Predictions | str, significance: float, equal_model: EqualModel
) -> Check:
    """Whether the candidate is not significantly worse than the champion, or better, on the same test examples."""
    name = "not_worse" if equal_model == "accept" else "better"
    if isinstance(champion, str):
        return {"name": name, "passed": True, "reason": champion}
    figures = compare(predictions.is_right, champion.is_right, "baseline")
    if equal_model == "accept":
        p_value, is_significant, direction = figures["p_worse"], figures["p_worse"] < significance, "worse"
        passed, rule = not is_significant, ""
    else:
        p_value, is_significant, direction = figures["p_better"], figures["p_better"] < significance, "better"
        passed, rule = is_significant, ", evaluate.equal_model = 'refuse'"
    verdict = "significantly" if is_significant else "not significantly"
    return {
        "name": name,
        "passed": passed,
        "reason": f"{in_words(figures, 'baseline', 'the serving model')}: {verdict} {direction} "
        f"(p = {p_value:.4g}, evaluate.significance = {significance:g}{rule})",
        "significance": significance,
        **figures,
    }


def gain_check(predictions: Predictions, champion: Predictions | str, minimum: float) -> Check:
    """Whether the candidate's accuracy exceeds the champion's by the minimum; a negative one is a loss put up with."""
    if isinstance(champion, str):
        return {"name": "gain", "passed": True, "reason": champion}
    more_right = int(predictions.is_right.sum()) - int(champion.is_right.sum())
    gain = more_right / len(predictions.labels)
    passed = gain >= minimum
    verdict = "at least" if passed else "below"
    return {
        "name": "gain",
        "passed": passed,
        "reason": f"accuracy {gain:+.4f} against the serving model on the same examples is {verdict} "
        f"evaluate.min_gain = {minimum:g}",
        "gain": gain,
        "minimum": minimum,
    }


def slices_check(predictions: Predictions, champion: Predictions | str, slices: "Slices", significance: float) -> Check:
    """Whether the candidate is significantly worse than the champion in no slice.

    With so many tests one would fail by chance; so the significance is shared out among the slices (Bonferroni).
    """
    name = "slices"
    if isinstance(champion, str):
        return {"name": name, "passed": True, "reason": champion}
    bound = significance / len(slices)
    compared = [
        {
            "slice": slice_name,
            "examples": int(is_in.sum()),
            **compare(predictions.is_right[is_in], champion.is_right[is_in], "baseline"),
        }
        for slice_name, is_in in slices.items()
    ]
    worse = [figures for figures in compared if figures["p_worse"] < bound]
    told = "; ".join(
        f"{figures['slice']} ({figures['examples']:,} examples): "
        f"{in_words(figures, 'baseline', 'the serving model')} (p = {figures['p_worse']:.4g})"
        for figures in worse
    )
    rule = f"evaluate.significance = {significance:g} shared out among {len(slices)} slices"
    reason = f"significantly worse than the serving model in {told}" if worse else "significantly worse in no slice"
    return {
        "name": name,
        "passed": not worse,
        "reason": f"{reason} ({rule})",
        "significance": bound,
        "slices": compared,
    }


def alarms(
    champion: Predictions | str,
    metrics: dict[str, Any] | None,
    examples: Examples,
    class_names: Sequence[str],
    min_accuracy: float,
    min_class_recall: float,
) -> list[str]:
    """Why the model that serves would not be blessed today, whatever the candidate is like: a reason a failed check."""
    if isinstance(champion, str) or metrics is None:
        return []
    checks = [
        accuracy_check(metrics, min_accuracy),
        recall_check(metrics, min_class_recall),
        constant_check(champion, examples, class_names),
    ]
    return [check["reason"].partition(";")[0] for check in checks if not check["passed"]]
