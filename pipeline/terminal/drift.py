"""How far data is from what the serving model was trained on: one paragraph for logs, a table for people."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.terminal.lines import count
from pipeline.terminal.reading import table
from schemas.errors import DataError, UsageError

if TYPE_CHECKING:
    from components.validate import ValidateParams
    from pipeline.execution.root import Root
    from pipeline.execution.training_data import TrainedOn

_NORMS = ("infinity_norm", "jensen_shannon_divergence")
LOOSEN = (
    "Look into the source of the data; or copy schemas/reviews.pbtxt, raise the threshold there and name the copy in "
    "validate.schema_file; or set validate.drift = 'warn'."
)


def drift_paragraph(
    what: str, version: int | None, anomalies: Sequence[str], moved: Sequence[Mapping[str, Any]]
) -> str:
    """What moved how far, and the tokens that moved most.

    >>> token = {"token": "plot", "trained": 0.001, "new": 0.0204}
    >>> drift_paragraph("the new examples", 3, ["class_name has moved, good 50.00 % -> 81.00 %"], [token])[:97]
    'the new examples differ from what version 3 was trained on: class_name has moved, good 50.00 % ->'
    """
    tokens = f" Tokens that moved most: {', '.join(map(_moved, moved))}." if moved else ""
    return f"{what} differ from what version {version} was trained on: {'; '.join(anomalies)}.{tokens}"


def _moved(token: Mapping[str, Any]) -> str:
    """A token with its share of all tokens before and now."""
    return f"{token['token']!r} {100 * token['trained']:.3f} % -> {100 * token['new']:.3f} %"


def serving_skew(
    root: "Root", requests: Path, params: "ValidateParams", text_column: str, delimiter: str | None, encoding: str
) -> dict[str, Any]:
    """Compare logged requests with what the newest published version was trained on.

    Raises:
        UsageError: nothing is published, what it was trained on is gone, or the file cannot be used.
    """
    from components.skew import skew
    from components.validate import source_files

    trained = _trained_on(root)
    if trained.report is None or trained.vocabulary is None:
        raise UsageError(
            f"{root.path}: the statistics of what version {trained.version} was trained on are gone or altered, "
            "so requests cannot be compared with them. They come back with the next version that a run publishes."
        )
    (schema_file,) = source_files(params)
    found = asdict(skew(requests, text_column, delimiter, encoding, trained.report, trained.vocabulary, schema_file))
    return {"input": str(requests), "version": trained.version, **found.pop("figures"), **found}


def _trained_on(root: "Root") -> "TrainedOn":
    from contextlib import closing

    from pipeline.execution.contents import FileDigests
    from pipeline.execution.publications import publications
    from pipeline.execution.training_data import TrainedOn, training_data
    from pipeline.metadata import Metadata

    root.check()
    with closing(Metadata.read(root.metadata_file)) as metadata:
        newest = next(iter(publications(root, metadata)), None)
        if newest is None:
            raise UsageError(
                f"{root.path} has no published model yet. `glovebeam run` publishes one; --root names another folder."
            )
        found = training_data(root, metadata, FileDigests(metadata), newest)
        return found.of_version(newest.version, root) if found else TrainedOn(newest.version)


def skew_lines(found: Mapping[str, Any]) -> list[str]:
    """The distances beside their bounds, the tokens that moved most, and what is out of bounds."""
    without = f", {found['without_text']:,} of them without a text" if found["without_text"] else ""
    lines = [f"{found['input']}: {count(found['rows'], 'row')}{without}, beside what version {found['version']} knows"]
    rows = [("feature", "L-infinity", "at most", "Jensen-Shannon", "at most", "change")]
    for name, its in found["features"].items():
        measured = [cell for norm in _NORMS for cell in (f"{its[norm]:.4f}", _bound(its["bounds"][norm]))]
        rows.append((name, *measured, its["change"]))
    lines += table(rows)
    lines.append(f"tokens that moved most: {', '.join(map(_moved, found['moved_tokens'])) or 'none'}")
    return [*lines, *(f"warning: {anomaly}" for anomaly in found["anomalies"])]


def _bound(threshold: float | None) -> str:
    return "" if threshold is None else f"{threshold:g}"


def stop_on_skew(found: Mapping[str, Any]) -> None:
    """Raise ``DataError`` where a bound is crossed."""
    if found["anomalies"]:
        told = drift_paragraph("the requests", found["version"], found["anomalies"], found["moved_tokens"])
        raise DataError(f"validate: {told} {LOOSEN}")
