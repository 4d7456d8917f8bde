"""The schema's bounds on how far new data may be from what the serving model was trained on.

``drift_comparator`` is for new training examples, ``skew_comparator`` for texts that the model was asked for; each may
bound the L-infinity distance and the Jensen-Shannon divergence of a feature.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from schemas.errors import UsageError

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0.schema_pb2 import Feature

Kind = Literal["drift", "skew"]

CLASS_NAME, TOKEN, UNKNOWN_TOKEN_SHARE = "class_name", "token", "unknown_token_share"
COMPARED = (CLASS_NAME, "text_characters", "text_words", UNKNOWN_TOKEN_SHARE, TOKEN)
NORMS = ("infinity_norm", "jensen_shannon_divergence")


class Bounds(NamedTuple):
    """The largest allowed distances; None where nothing is asked."""

    infinity_norm: float | None = None
    jensen_shannon_divergence: float | None = None


def comparator_fields(name: str) -> set[str]:
    """The comparators that a derived feature may have; requests carry no label."""
    if name not in COMPARED:
        return set()
    return {"drift_comparator"} if name == CLASS_NAME else {"drift_comparator", "skew_comparator"}


def refuse_unchecked_norms(path: Path, feature: "Feature") -> None:
    """Raise ``UsageError`` where a comparator bounds what is not measured, or has no threshold."""
    for field in comparator_fields(feature.name):
        for descriptor, norm in getattr(feature, field).ListFields():
            if descriptor.name not in NORMS or not norm.HasField("threshold"):
                raise UsageError(
                    f"{path}: feature {feature.name!r} has {field} with {descriptor.name!r}; expected "
                    f"{' or '.join(NORMS)}, each with a threshold."
                )


def bounds(feature: "Feature", kind: Kind) -> Bounds:
    """What the schema allows the feature."""
    comparator: Any = getattr(feature, f"{kind}_comparator")
    return Bounds(*(getattr(comparator, norm).threshold if comparator.HasField(norm) else None for norm in NORMS))
