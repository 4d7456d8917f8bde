"""A comparison held against the schema's comparators: findings, figures for summary.json, tensorflow-metadata's proto.

In: a ``Comparison`` and the schema. Out: a ``Finding`` for each bound that is exceeded, and the files that tell of it.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.validation.comparators import NORMS, Bounds, Kind, bounds
from components.validation.comparison import Comparison, Distance
from components.validation.contract import Finding

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0.schema_pb2 import Schema

_REASONS = {
    "infinity_norm": ("COMPARATOR_L_INFTY_HIGH", "High L-infinity distance", "L-infinity distance"),
    "jensen_shannon_divergence": (
        "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
        "High Jensen-Shannon divergence",
        "Jensen-Shannon divergence",
    ),
}
_MEASURES = {"infinity_norm": "L_INFTY", "jensen_shannon_divergence": "JENSEN_SHANNON_DIVERGENCE"}


def judge(schema: "Schema", kind: Kind, split: str, comparison: Comparison) -> list[Finding]:
    """Every bound that is exceeded, in the order of the features."""
    return [
        Finding(split, distance.feature, reason, summary, _message(distance, got, bound, words))
        for distance in comparison.distances
        for norm, bound in _bounds(schema, kind, distance.feature)._asdict().items()
        if bound is not None and (got := getattr(distance, norm)) > bound
        for reason, summary, words in [_REASONS[norm]]
    ]


def _message(distance: Distance, got: float, bound: float, words: str) -> str:
    return f"{distance.feature} has moved, {distance.change} ({words} {got:.4f}, expected at most {bound:g})"


def _bounds(schema: "Schema", kind: Kind, feature: str) -> Bounds:
    return next((bounds(its, kind) for its in schema.feature if its.name == feature), Bounds())


def figures(schema: "Schema", kind: Kind, comparison: Comparison) -> dict[str, Any]:
    """The features and tokens, as in ``DriftReport``."""
    return {
        "features": {
            distance.feature: {
                "infinity_norm": distance.infinity_norm,
                "jensen_shannon_divergence": distance.jensen_shannon_divergence,
                "jensen_shannon_distance": math.sqrt(distance.jensen_shannon_divergence),
                "bounds": _bounds(schema, kind, distance.feature)._asdict(),
                "change": distance.change,
            }
            for distance in comparison.distances
        },
        "moved_tokens": [
            {"token": token, "trained": before, "new": after} for token, before, after in comparison.moved_tokens
        ],
    }


def add_measurements(path: Path, schema: "Schema", kind: Kind, comparison: Comparison) -> None:
    """Add every distance to an Anomalies file, as ``drift_skew_info``."""
    from google.protobuf import text_format  # type: ignore[import-untyped]
    from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies, DriftSkewInfo

    anomalies: Any = text_format.Parse(path.read_text(), Anomalies())
    for distance in comparison.distances:
        info = anomalies.drift_skew_info.add()
        info.path.step.append(distance.feature)
        measurements = getattr(info, f"{kind}_measurements")
        for norm, bound in zip(NORMS, _bounds(schema, kind, distance.feature), strict=True):
            kind_of_measure = DriftSkewInfo.Measurement.Type.Value(_MEASURES[norm])
            measurements.add(type=kind_of_measure, value=getattr(distance, norm), threshold=bound)
    path.write_text(text_format.MessageToString(anomalies, as_utf8=True))
