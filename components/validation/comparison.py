"""New texts held against those that a model was trained on.

In: the ``Profile`` of both. Out: a ``Distance`` for each feature that the schema may bound, and the tokens that moved.
All distributions are over the categories of what the model knows: lengths fall into the tenths of the trained texts,
tokens into the model's vocabulary, and all others into one.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.validation.comparators import CLASS_NAME, TOKEN, UNKNOWN_TOKEN_SHARE
from components.validation.distance import infinity_norm, jensen_shannon_terms, shares
from components.validation.statistics import LENGTHS, describe, quantile

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

MOVED_TOKENS = 10
_LENGTH_BUCKETS = 10
_UNITS = {"text_characters": "characters", "text_words": "words"}
_UNKNOWN = "any unknown token"


@dataclass(frozen=True)
class Profile:
    """What is compared of a set of texts."""

    classes: Mapping[str, int]  # class name -> texts; empty where they have no labels
    lengths: Mapping[str, Counter[int]]  # one of LENGTHS -> length -> texts; empty where it was not counted
    tokens: "pa.Table | None"  # token string, count int64; None where they were split by another rule


@dataclass(frozen=True)
class Distance:
    """How far one feature moved."""

    feature: str
    infinity_norm: float
    jensen_shannon_divergence: float
    change: str  # from what to what, in words


@dataclass(frozen=True)
class _Counts:
    """The same categories in both sets of texts."""

    names: Sequence[str]
    trained: "NDArray[np.int64]"  # [n]
    new: "NDArray[np.int64]"  # [n]


@dataclass(frozen=True)
class Comparison:
    """All distances, and the tokens that moved most as (token, trained share, new share)."""

    distances: tuple[Distance, ...]
    moved_tokens: tuple[tuple[str, float, float], ...]


def compare(trained: Profile, new: Profile, known_tokens: Sequence[str]) -> Comparison:
    """Compare what both profiles hold; ``known_tokens`` is the vocabulary of the model, without the reserved ones."""
    distances = [*_compare_classes(trained, new), *_compare_lengths(trained, new)]
    if trained.tokens is None or new.tokens is None or not trained.tokens.num_rows or not new.tokens.num_rows:
        return Comparison(tuple(distances), ())
    tokens = _counts_of_tokens(trained.tokens, new.tokens)
    return Comparison((*distances, *_compare_tokens(tokens, known_tokens)), _moved_most(tokens))


def _distance(feature: str, counts: _Counts, change: str = "") -> Distance:
    """The distances of one feature; the change is that of the share that moved most, unless given."""
    p, q = shares(counts.trained), shares(counts.new)
    most = int(abs(p - q).argmax())
    change = change or f"{counts.names[most]} {_percent(p[most])} -> {_percent(q[most])}"
    divergence = min(float(jensen_shannon_terms(p, q).sum()), 1.0)  # rounding may exceed it
    return Distance(feature, infinity_norm(p, q), divergence, change)


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _counts(trained: Mapping[Any, int], new: Mapping[Any, int]) -> _Counts:
    import numpy as np

    names = sorted({*trained, *new})
    before, after = (np.array([counts.get(name, 0) for name in names], np.int64) for counts in (trained, new))
    return _Counts(names, before, after)


def _compare_classes(trained: Profile, new: Profile) -> Iterator[Distance]:
    if sum(trained.classes.values()) and sum(new.classes.values()):
        yield _distance(CLASS_NAME, _counts(trained.classes, new.classes))


def _compare_lengths(trained: Profile, new: Profile) -> Iterator[Distance]:
    for name in LENGTHS:
        before, after = trained.lengths.get(name), new.lengths.get(name)
        if before and after:
            ends = sorted({quantile(before, tenth / _LENGTH_BUCKETS) for tenth in range(1, _LENGTH_BUCKETS)})
            means = [describe(lengths)["mean"] for lengths in (before, after)]
            change = f"{means[0]:,.1f} {_UNITS[name]} on average -> {means[1]:,.1f}"
            yield _distance(name, _counts(_bucketed(before, ends), _bucketed(after, ends)), change)


def _bucketed(lengths: Counter[int], ends: Sequence[float]) -> Counter[int]:
    """Bucket -> texts; bucket i ends with and includes ``ends[i]``, and one more holds what is longer than all."""
    from bisect import bisect_left

    buckets: Counter[int] = Counter()
    for length, texts in lengths.items():
        buckets[bisect_left(ends, length)] += texts
    return buckets


def add_up(tables: "Sequence[pa.Table]") -> "pa.Table":
    """Tables of (token string, count int64) as one, each token once."""
    import pyarrow as pa

    summed = pa.concat_tables(tables).group_by("token").aggregate([("count", "sum")])
    return summed.rename_columns({"count_sum": "count"}).select(["token", "count"])


def _counts_of_tokens(trained: "pa.Table", new: "pa.Table") -> "pa.Table":
    """(token, trained int64, new int64) of all tokens of both, by token."""
    import pyarrow.compute as pc

    joined = trained.join(new, "token", join_type="full outer", right_suffix="_new", use_threads=False)
    joined = joined.rename_columns({"count": "trained", "count_new": "new"}).sort_by("token")
    for index, name in enumerate(("trained", "new"), start=1):
        joined = joined.set_column(index, name, pc.fill_null(joined[name], 0))
    return joined


def _compare_tokens(tokens: "pa.Table", known_tokens: Sequence[str]) -> Iterator[Distance]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    is_known = pc.is_in(tokens["token"], pa.array(known_tokens, pa.string())).to_numpy()
    before, after = tokens["trained"].to_numpy(), tokens["new"].to_numpy()
    unknown = _Counts(
        ("known tokens", _UNKNOWN),
        *(np.array([counts[is_known].sum(), counts[~is_known].sum()]) for counts in (before, after)),
    )
    unknown_share = [shares(counts)[1] for counts in (unknown.trained, unknown.new)]
    change = f"{_percent(unknown_share[0])} of the tokens are not in the vocabulary -> {_percent(unknown_share[1])}"
    yield _distance(UNKNOWN_TOKEN_SHARE, unknown, change)
    names = [repr(token) for token in tokens["token"].filter(pa.array(is_known)).to_pylist()]
    known = [np.append(counts[is_known], counts[~is_known].sum()) for counts in (before, after)]
    yield _distance(TOKEN, _Counts([*names, _UNKNOWN], *known))


def _moved_most(tokens: "pa.Table") -> tuple[tuple[str, float, float], ...]:
    """The tokens, also unknown ones, that add most to the Jensen-Shannon divergence over all tokens."""
    import numpy as np

    p, q = (shares(tokens[name].to_numpy()) for name in ("trained", "new"))
    terms = jensen_shannon_terms(p, q)
    order = np.argsort(-terms, kind="stable")[:MOVED_TOKENS]  # equal ones by token
    return tuple((tokens["token"][int(i)].as_py(), float(p[i]), float(q[i])) for i in order if terms[i] > 0)
