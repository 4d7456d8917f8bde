"""How accurate the model is on short and long texts, and on those of which it knows few tokens; n examples.

>>> import numpy as np
>>> is_right, tokens = np.array([True, True, False]), np.array([1, 3, 4])
>>> [(part["over"], part["up_to"], part["examples"], part["accuracy"]) for part in sliced(is_right, tokens, (2, 3, 4))]
[(None, 2, 1, 1.0), (2, 3, 1, 1.0), (3, 4, 1, 0.0)]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.evaluation.intervals import wilson_interval
from schemas.artifacts import Encoding, Examples
from schemas.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_UNKNOWN_SHARES = (0.0, 0.05, 0.1, 0.2, 1.0)


@dataclass(frozen=True)
class Sizes:
    """What examples are sliced by, [n] each."""

    tokens: "NDArray[np.int64]"  # ids that are not padding
    unknown: "NDArray[np.int64]"  # those of them that stand for tokens outside the vocabulary
    characters: "NDArray[np.int64]"  # of the text before it was cut

    def bounded(self, max_length: int) -> "dict[str, tuple[NDArray[Any], Sequence[float]]]":
        """Of each way to slice the values and the bounds.

        Tokens are sliced by quarters of ``max_length``, with the texts that fill it apart; characters by quartiles.
        """
        import numpy as np

        quarters = {-(-max_length * quarter // 4) for quarter in (1, 2, 3)} | {max_length - 1, max_length}
        quartiles = np.quantile(self.characters, (0.25, 0.5, 0.75, 1), method="inverted_cdf")
        return {
            "tokens": (self.tokens, sorted(quarters - {0})),
            "unknown_share": (self.unknown / self.tokens, _UNKNOWN_SHARES),
            "characters": (self.characters, np.unique(quartiles).tolist()),
        }


def accuracy_slices(is_right: "NDArray[np.bool_]", sizes: Sizes, max_length: int) -> dict[str, list[dict[str, Any]]]:
    """Accuracy by the tokens that the model sees, by the share of unknown ones, and by the characters of the full text.

    Args:
        is_right: whether the answer was right, [n].
        sizes: of the same examples.
        max_length: the most tokens there can be.
    """
    return {name: sliced(is_right, values, bounds) for name, (values, bounds) in sizes.bounded(max_length).items()}


def guarded_slices(
    names: Sequence[str],
    sizes: Sizes,
    labels: "NDArray[np.int64]",
    encoding: Encoding,
    examples: Examples,
) -> "dict[str, NDArray[np.bool_]]":
    """Which examples are in each slice that holds some, bool [n] by ``<name> <slice>``.

    Args:
        names: "class", a way to slice of ``Sizes.bounded``, or a column that ingest has kept.
        sizes: of the test examples.
        labels: of the test examples, [n].
        encoding: how they were encoded.
        examples: whose test split it is.

    Raises:
        UsageError: when a name is none of these.
    """
    import numpy as np

    found: dict[str, NDArray[np.bool_]] = {}
    bounded, kept = sizes.bounded(encoding.max_length), examples.summary.kept_columns
    for name in names:
        if name == "class":
            members = {class_name: labels == label for label, class_name in enumerate(encoding.class_names)}
        elif name in bounded:
            values, bounds = bounded[name]
            slice_of = np.searchsorted(bounds, values)  # [n]
            members = {f"up to {bound:g}": slice_of == i for i, bound in enumerate(bounds)}
        elif name in kept:
            column = _read_column(examples, name)
            members = {value: column == value for value in np.unique(column).tolist()}
        else:
            raise UsageError(
                f"evaluate.guarded_slices: there is no {name!r}. Expected some of class, {', '.join(bounded)}, or a "
                f"column of ingest.keep_columns ({', '.join(kept) or 'none is kept'})."
            )
        found |= {f"{name} {value}": is_in for value, is_in in members.items() if is_in.any()}
    return found


def _read_column(examples: Examples, name: str) -> "NDArray[np.str_]":
    """A kept column of the test split, [n]; an empty string where the source has no value."""
    import numpy as np
    import pyarrow.parquet as pq

    shards = [pq.read_table(shard, columns=[name])[name].to_pylist() for shard in examples.shards("test")]
    return np.array([value or "" for values in shards for value in values])


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
