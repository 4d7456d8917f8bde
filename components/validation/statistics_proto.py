"""Statistics, schema and anomalies as tensorflow-metadata protos, in bytes that depend on their content alone.

In: the counts and figures of each split, and the findings. Out: the files that TensorFlow Data Validation's tools read.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.validation.comparators import CLASS_NAME
from components.validation.contract import ONLY_COMPARED, Figures, Finding
from components.validation.statistics import LENGTHS, TEXT, SplitStatistics, describe, quantile
from schemas.examples import LABEL

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0.schema_pb2 import Feature, Schema
    from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatistics

_BUCKETS = 10


def write_schema(path: Path, schema: "Schema") -> None:
    """Write a schema as text."""
    from google.protobuf import text_format  # type: ignore[import-untyped]

    path.write_text(text_format.MessageToString(schema, as_utf8=True))


def write_anomalies(path: Path, schema: "Schema", findings: Sequence[Finding]) -> None:
    """Write Anomalies as text: one ``anomaly_info`` a feature and split, with a reason for each finding."""
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies, AnomalyInfo

    anomalies = Anomalies(baseline=schema)
    for finding in findings:
        info = anomalies.anomaly_info[f"{finding.split}/{finding.feature}"]
        del info.path.step[:]
        info.path.step.append(finding.feature)
        info.severity = AnomalyInfo.ERROR
        info.reason.add(
            type=AnomalyInfo.Type.Value(finding.reason),
            short_description=finding.summary,
            description=f"{finding.split}: {finding.message}",
        )
    for info in anomalies.anomaly_info.values():
        info.short_description = info.reason[0].short_description if len(info.reason) == 1 else "Multiple errors"
        info.description = " ".join(f"{reason.description}." for reason in info.reason)
    path.write_text(text_format.MessageToString(anomalies, as_utf8=True))


def write_statistics(
    path: Path,
    schema: "Schema",
    statistics: Mapping[str, SplitStatistics],
    repeats: Counter[str],
    figures: Mapping[str, Figures],
) -> None:
    """Write a DatasetFeatureStatisticsList with one data set a split."""
    from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList

    datasets = DatasetFeatureStatisticsList()
    for split, counts in statistics.items():
        dataset = datasets.datasets.add(name=split, num_examples=counts.rows)
        for name in counts.types:
            if name in {feature.name for feature in schema.feature}:
                _add_column(dataset, name, counts, repeats[f"distinct/{split}"])
        for feature in schema.feature:
            if feature.HasField("validation_derived_source") and feature.name not in ONLY_COMPARED:
                _add_derived(dataset, feature, counts, figures[split])
    path.write_bytes(datasets.SerializeToString(deterministic=True))


def _add_column(dataset: "DatasetFeatureStatistics", name: str, counts: SplitStatistics, distinct: int) -> None:
    feature = _add_feature(dataset, name, counts.types[name])
    present = counts.rows - counts.missing[name]
    if name == LABEL.name and counts.labels:
        _set_numbers(feature.num_stats, counts.labels)
    strings = (
        feature.num_stats if feature.type == feature.INT or feature.type == feature.FLOAT else feature.string_stats
    )
    _set_presence(strings.common_stats, present, counts.missing[name])
    if name == TEXT:
        strings.unique, strings.invalid_utf8_count = distinct, counts.invalid_utf8
        strings.avg_length = describe(counts.lengths["text_characters"]).get("mean", 0.0)


def _add_derived(
    dataset: "DatasetFeatureStatistics", description: "Feature", counts: SplitStatistics, figures: Figures
) -> None:
    from tensorflow_metadata.proto.v0.schema_pb2 import FeatureType

    name = description.name
    feature = _add_feature(dataset, name, FeatureType.Name(description.type))
    feature.validation_derived_source.CopyFrom(description.validation_derived_source)
    if name == CLASS_NAME:
        _set_classes(feature.string_stats, figures.class_rows)
        return
    numbers = Counter(value.number for value in figures.values.get(name, ()))
    _set_numbers(feature.num_stats, counts.lengths[name] if name in LENGTHS else numbers)


def _add_feature(dataset: "DatasetFeatureStatistics", name: str, type_name: str) -> Any:
    feature = dataset.features.add()
    feature.path.step.append(name)
    types = {"BYTES": feature.STRING, "INT": feature.INT, "FLOAT": feature.FLOAT}
    feature.type = types.get(type_name, feature.BYTES)
    return feature


def _set_presence(common: Any, present: int, missing: int) -> None:
    """Every value is a scalar."""
    common.num_non_missing, common.num_missing, common.tot_num_values = present, missing, present
    if present:
        common.min_num_values = common.max_num_values = 1
        common.avg_num_values = 1.0


def _set_classes(strings: Any, class_rows: Mapping[str, int]) -> None:
    """The histogram of the labels, most frequent first."""
    _set_presence(strings.common_stats, sum(class_rows.values()), 0)
    strings.unique = sum(rows > 0 for rows in class_rows.values())
    ranked = sorted(class_rows.items(), key=lambda pair: (-pair[1], pair[0]))
    for rank, (name, rows) in enumerate(ranked):
        strings.rank_histogram.buckets.add(low_rank=rank, high_rank=rank, label=name, sample_count=rows)
        strings.top_values.add(value=name, frequency=rows)


def _set_numbers(numbers: Any, counts: "Counter[Any]") -> None:
    """Moments and two histograms of values counted by value."""
    _set_presence(numbers.common_stats, counts.total(), 0)
    if not counts:
        return
    figures = describe(counts)
    numbers.min, numbers.max, numbers.mean = figures["min"], figures["max"], figures["mean"]
    numbers.std_dev, numbers.median, numbers.num_zeros = figures["std_dev"], figures["p50"], counts[0]
    _add_standard_histogram(numbers.histograms.add(), counts)
    _add_quantile_histogram(numbers.histograms.add(), counts)


def _add_standard_histogram(histogram: Any, counts: "Counter[Any]") -> None:
    """Buckets of equal width."""
    import numpy as np

    histogram.type = histogram.STANDARD
    sizes, edges = np.histogram(sorted(counts), _BUCKETS, weights=[counts[value] for value in sorted(counts)])
    for size, low, high in zip(sizes, edges, edges[1:], strict=False):
        histogram.buckets.add(low_value=low, high_value=high, sample_count=size)


def _add_quantile_histogram(histogram: Any, counts: "Counter[Any]") -> None:
    """Buckets of equal size."""
    histogram.type = histogram.QUANTILES
    edges = [quantile(counts, step / _BUCKETS) for step in range(_BUCKETS + 1)]
    for low, high in pairwise(edges):
        histogram.buckets.add(low_value=low, high_value=high, sample_count=counts.total() / _BUCKETS)
