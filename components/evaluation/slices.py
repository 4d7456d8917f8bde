"""How accurate the model is on short and long texts, and on those of which it knows few tokens; n examples.

>>> import numpy as np
>>> is_right, tokens = np.array([True, True, False]), np.array([1, 3, 4])
>>> [(part["over"], part["up_to"], part["examples"], part["accuracy"]) for part in sliced(is_right, tokens, (2, 3, 4))]
[(None, 2, 1, 1.0), (2, 3, 1, 1.0), (3, 4, 1, 0.0)]
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from components.evaluation.intervals import wilson_interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_UNKNOWN_SHARES = (0.0, 0.05, 0.1, 0.2, 1.0)


def accuracy_slices(
    is_right: "NDArray[np.bool_]",
    tokens: "NDArray[np.int64]",
    unknown: "NDArray[np.int64]",
    characters: "NDArray[np.int64]",
    max_length: int,
) -> dict[str, list[dict[str, Any]]]:
    """Accuracy by the tokens that the model sees, by the share of unknown ones, and by the characters of the full text.

    Tokens are sliced by quarters of ``max_length``, with the texts that fill it apart; characters by quartiles.

    Args:
        is_right: whether the answer was right, [n].
        tokens: ids that are not padding, [n].
        unknown: those of them that stand for tokens outside the vocabulary, [n].
        characters: of the text before it was cut, [n].
        max_length: the most tokens there can be.
    """
    import numpy as np

    quarters = {-(-max_length * quarter // 4) for quarter in (1, 2, 3)} | {max_length - 1, max_length}
    quartiles = np.quantile(characters, (0.25, 0.5, 0.75, 1), method="inverted_cdf")
    return {
        "tokens": sliced(is_right, tokens, sorted(quarters - {0})),
        "unknown_share": sliced(is_right, unknown / tokens, _UNKNOWN_SHARES),
        "characters": sliced(is_right, characters, np.unique(quartiles).tolist()),
    }


def sliced(is_right: "NDArray[np.bool_]", values: "NDArray[Any]", bounds: Sequence[float]) -> list[dict[str, Any]]:
    """One slice between each two bounds, the upper one included; those without examples are left out.

    Args:
        is_right: whether the answer was right, [n].
        values: what decides on the slice, [n]; none is above the last bound.
        bounds: ascending.
    """
    import numpy as np

    slice_of = np.searchsorted(bounds, values)  # [n]
    examples = np.bincount(slice_of, minlength=len(bounds)).tolist()
    right = np.bincount(slice_of, is_right, len(bounds)).astype(np.int64).tolist()
    return [
        {
            "over": bounds[i - 1] if i else None,
            "up_to": bounds[i],
            "examples": examples[i],
            "share": examples[i] / len(values),
            "accuracy": right[i] / examples[i],
            "intervals_95": {"accuracy": wilson_interval(right[i], examples[i])},
        }
        for i in range(len(bounds))
        if examples[i]
    ]
