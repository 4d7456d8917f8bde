"""Two models on the same examples: those that both get right, or both wrong, say nothing about which is better.

>>> round(worse_p_value(first_only=2, second_only=8), 7)
0.0546875
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def compare(is_right: "NDArray[np.bool_]", other_is_right: "NDArray[np.bool_]", other: str) -> dict[str, Any]:
    """The figures of a candidate and another model, by which answers were right, bool [n] each.

    ``p_better`` is the chance of such a lead, or a larger one, if both were equally good; ``p_worse`` of such a lag.
    """
    candidate_only = int((is_right & ~other_is_right).sum())
    other_only = int((other_is_right & ~is_right).sum())
    return {
        "accuracy": float(is_right.mean()),
        f"{other}_accuracy": float(other_is_right.mean()),
        "candidate_only": candidate_only,
        f"{other}_only": other_only,
        "p_better": worse_p_value(other_only, candidate_only),
        "p_worse": worse_p_value(candidate_only, other_only),
    }


def worse_p_value(first_only: int, second_only: int) -> float:
    """Exact one-sided McNemar test that the first model is worse.

    Args:
        first_only: examples that the first model got right and the second wrong.
        second_only: the other way round.

    Returns:
        The chance of ``second_only`` or more among them if both models were equally good; 1 where there are none.
    """
    from scipy.special import bdtr

    return float(bdtr(first_only, first_only + second_only, 0.5))


def in_words(figures: dict[str, Any], other: str, name: str) -> str:
    """Both accuracies and the examples that tell the models apart, for a reason that people read."""
    accuracy, other_accuracy = figures["accuracy"], figures[f"{other}_accuracy"]
    return (
        f"accuracy {accuracy:.4f} against {other_accuracy:.4f} of {name} on the same examples; "
        f"{figures['candidate_only']:,} right where that is wrong, "
        f"{figures[f'{other}_only']:,} wrong where that is right"
    )
