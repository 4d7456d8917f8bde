"""The data contract: a tensorflow-metadata Schema, read from its file and held against the figures of each split.

In: the schema file, class names, and the ``Figures`` of a split. Out: findings, one for each broken rule.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.validation.comparators import (
    CLASS_NAME,
    TOKEN,
    UNKNOWN_TOKEN_SHARE,
    comparator_fields,
    refuse_unchecked_norms,
)
from schemas.errors import UsageError
from schemas.examples import LABEL, SPLITS

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0.schema_pb2 import Feature, Schema

ROWS = "rows"
ONLY_COMPARED = (UNKNOWN_TOKEN_SHARE, TOKEN)  # with the data of another model, once tokens are counted
DERIVED = (
    CLASS_NAME, ROWS, "class_balance", "text_characters", "text_words", "invalid_utf8_share", "duplicate_share",
    "leaked_share", *ONLY_COMPARED,
)  # fmt: skip

_DESCRIBING = {"name", "type", "in_environment", "not_in_environment", "annotation"}
_COLUMN_FIELDS = _DESCRIBING | {"presence", "lifecycle_stage"}
_DERIVED_FIELDS = _DESCRIBING | {"lifecycle_stage", "validation_derived_source"}
_SCHEMA_FIELDS = {"feature", "default_environment", "annotation"}


@dataclass(frozen=True)
class Value:
    """A figure that a rule bounds, and what it is about."""

    number: float
    about: str = ""


@dataclass(frozen=True)
class Figures:
    """What the rules look at, of one split."""

    rows: int
    types: Mapping[str, str]  # column -> tensorflow-metadata type
    missing: Mapping[str, int]  # column -> nulls
    values: Mapping[str, Sequence[Value]]  # feature with a numeric domain -> its extreme values
    class_rows: Mapping[str, int]  # class name -> rows


@dataclass(frozen=True)
class Finding:
    """A broken rule; ``reason`` is a name of tensorflow-metadata's AnomalyInfo.Type."""

    split: str
    feature: str
    reason: str
    summary: str
    message: str


def load_schema(path: Path) -> "Schema":
    """Read a schema in text format.

    Raises:
        UsageError: when the file is no schema (with its line), or asks for something that is not checked.
    """
    from google.protobuf import text_format  # type: ignore[import-untyped]
    from tensorflow_metadata.proto.v0.schema_pb2 import Schema

    try:
        schema: Schema = text_format.Parse(path.read_text("utf-8"), Schema())
    except text_format.ParseError as error:
        place = f"line {error.GetLine()}, column {error.GetColumn()}: " if error.GetLine() else ""
        reason = str(error).partition(" : ")[2] or str(error)
        raise UsageError(
            f"{path}: not a tensorflow-metadata Schema in text format: {place}{reason} Correct that line, or start "
            "again from a copy of schemas/reviews.pbtxt."
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not a text file: {error}. Is [validate] schema_file right?") from error
    _refuse_unchecked(path, schema)
    return schema


def _refuse_unchecked(path: Path, schema: "Schema") -> None:
    """A rule that nobody checks is worse than none."""
    from tensorflow_metadata.proto.v0.schema_pb2 import VALIDATION_DERIVED

    _refuse_fields(path, "the schema", schema, _SCHEMA_FIELDS)
    names = [feature.name for feature in schema.feature]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"{path}: feature {twice[0]!r} is described twice. Remove one of the two.")
    for feature in schema.feature:
        is_derived = feature.lifecycle_stage == VALIDATION_DERIVED
        if is_derived and feature.name not in DERIVED:
            raise UsageError(
                f"{path}: derived feature {feature.name!r} is not known; validate derives {', '.join(DERIVED)}."
            )
        checked = _domain_field(feature.name, is_derived) | (
            _DERIVED_FIELDS | comparator_fields(feature.name) if is_derived else _COLUMN_FIELDS
        )
        _refuse_fields(path, f"feature {feature.name!r}", feature, checked)
        refuse_unchecked_norms(path, feature)
        for environment in (*feature.in_environment, *feature.not_in_environment):
            if environment not in SPLITS:
                raise UsageError(
                    f"{path}: feature {feature.name!r} names the environment {environment!r}; they are "
                    f"{', '.join(SPLITS)}."
                )


def _domain_field(name: str, is_derived: bool) -> set[str]:
    if name in ONLY_COMPARED:
        return set()
    if name == CLASS_NAME and is_derived:
        return {"string_domain"}
    return {"int_domain", "float_domain"} if is_derived or name == LABEL.name else set()


def _refuse_fields(path: Path, owner: str, message: Any, checked: set[str]) -> None:
    for descriptor, _ in message.ListFields():
        if descriptor.name not in checked:
            raise UsageError(
                f"{path}: {owner} uses {descriptor.name!r}, which validate does not check; it checks "
                f"{', '.join(sorted(checked))}. Remove it, so that nobody relies on it."
            )


def fill_domains(schema: "Schema", class_names: Sequence[str]) -> "Schema":
    """The schema with the label's domain filled in where it is open."""
    from tensorflow_metadata.proto.v0.schema_pb2 import Schema

    filled = Schema()
    filled.CopyFrom(schema)
    for feature in filled.feature:
        if feature.name == LABEL.name and feature.WhichOneof("domain_info") in (None, "int_domain"):
            domain = feature.int_domain
            domain.min = domain.min if domain.HasField("min") else 0
            domain.max = domain.max if domain.HasField("max") else len(class_names) - 1
        if feature.name == CLASS_NAME and not feature.string_domain.value:
            feature.string_domain.name = feature.string_domain.name or CLASS_NAME
            feature.string_domain.value.extend(class_names)
    return filled


def check_split(schema: "Schema", split: str, figures: Figures) -> list[Finding]:
    """Every rule that the split breaks, in the order of the schema."""
    return [
        finding
        for feature in schema.feature
        if _holds_in(schema, feature, split) and (figures.rows or feature.name == ROWS)
        for finding in _check_feature(feature, split, figures)
    ]


def _holds_in(schema: "Schema", feature: "Feature", split: str) -> bool:
    if split in feature.not_in_environment:
        return False
    return split in feature.in_environment or not schema.default_environment or split in schema.default_environment


def _check_feature(feature: "Feature", split: str, figures: Figures) -> list[Finding]:
    if feature.name == CLASS_NAME and feature.HasField("string_domain"):
        return _check_classes(feature, split, figures)
    found = [] if feature.name in DERIVED else _check_column(feature, split, figures)
    return found or _check_bounds(feature, split, figures.values.get(feature.name, ()))


def _check_column(feature: "Feature", split: str, figures: Figures) -> list[Finding]:
    from tensorflow_metadata.proto.v0.schema_pb2 import FeatureType

    name, presence = feature.name, feature.presence
    if name not in figures.types:
        message = f"the column {name} is missing; the columns are {', '.join(figures.types)}"
        return [Finding(split, name, "SCHEMA_MISSING_COLUMN", "Column missing", message)]
    expected, got = FeatureType.Name(feature.type), figures.types[name]
    if got != expected:
        message = f"the column {name} has type {got}, expected {expected}"
        return [Finding(split, name, "UNEXPECTED_DATA_TYPE", "Wrong type", message)]
    missing = figures.missing.get(name, 0)
    held, share = figures.rows - missing, 1 - missing / figures.rows
    if share < presence.min_fraction:
        message = (
            f"{name} is missing in {missing:,} of {figures.rows:,} rows, expected a share of at most "
            f"{1 - presence.min_fraction:.4g}"
        )
        return [Finding(split, name, "FEATURE_TYPE_LOW_FRACTION_PRESENT", "Values missing", message)]
    if held < presence.min_count:
        message = f"{name} has {held:,} values, expected at least {presence.min_count:,}"
        return [Finding(split, name, "FEATURE_TYPE_LOW_NUMBER_PRESENT", "Too few values", message)]
    return []


def _check_classes(feature: "Feature", split: str, figures: Figures) -> list[Finding]:
    allowed = list(feature.string_domain.value)
    return [
        Finding(
            split,
            feature.name,
            "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
            "Unexpected class",
            f"class {name!r} of {rows:,} rows is not in the label domain, expected {', '.join(allowed)}",
        )
        for name, rows in figures.class_rows.items()
        if rows and name not in allowed
    ]


def _check_bounds(feature: "Feature", split: str, values: Sequence[Value]) -> list[Finding]:
    kind = feature.WhichOneof("domain_info")
    if kind is None:
        return []
    domain, type_name = getattr(feature, kind), "INT" if kind == "int_domain" else "FLOAT"
    explained = (
        f" ({feature.validation_derived_source.description})" if feature.validation_derived_source.description else ""
    )
    found = []
    for value in values:
        got = f"{feature.name} is {_shown(value.number)}{value.about and ' for '}{value.about}"
        if domain.HasField("min") and value.number < domain.min:
            message = f"{got}, expected at least {_shown(domain.min)}{explained}"
            found.append(
                Finding(split, feature.name, f"{type_name}_TYPE_SMALL_{type_name}", "Below the minimum", message)
            )
        if domain.HasField("max") and value.number > domain.max:
            message = f"{got}, expected at most {_shown(domain.max)}{explained}"
            found.append(
                Finding(split, feature.name, f"{type_name}_TYPE_BIG_{type_name}", "Above the maximum", message)
            )
    return found


def _shown(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:.4g}"
