"""How far the new train split is from what the serving model was trained on.

In: the ValidationReport and the VocabularyArtifact of the new examples, and those that the serving model came from.
Out: a DriftReport. No text is read again: labels and lengths are in the reports, the counts of tokens beside the
vocabularies.
What is compared with is an artifact like any other, so the step is cached as long as both sides stay as they are.
"""

from pathlib import Path
from typing import Literal

from components.validation.comparison import Comparison, Profile, compare
from components.validation.contract import load_schema
from components.validation.statistics_proto import write_anomalies
from components.validation.verdict import add_measurements, figures, judge
from schemas.artifacts import DriftReport, ValidationReport, VocabularyArtifact, write_json
from schemas.params import Params

_SPLIT = "train"  # what models learn from


class DriftParams(Params):
    """What becomes of a run whose data has drifted; the report is the same, so this is in no cache key."""

    action: Literal["warn", "stop", "off"] = "warn"


def drift(
    report: ValidationReport,
    vocabulary: VocabularyArtifact,
    trained_report: ValidationReport | None,
    trained_vocabulary: VocabularyArtifact | None,
    out: Path,
) -> DriftReport:
    """Write ``anomalies.pbtxt`` and ``summary.json`` into ``out``; with nothing to compare with they say so.

    Args:
        report: of the new examples; the bounds are the drift comparators of its schema.
        vocabulary: of the new examples.
        trained_report: of the examples that the serving model was trained on.
        trained_vocabulary: of the serving model.
        out: the folder of the report.
    """
    schema = load_schema(report.schema_file)
    comparison, not_compared = Comparison((), ()), ["there is no earlier model's data to compare with"]
    if trained_report is not None and trained_vocabulary is not None:
        known = trained_vocabulary.load()
        is_same_rule = known.tokenizer == vocabulary.load().tokenizer
        trained = profile(trained_report, trained_vocabulary)
        new = profile(report, vocabulary if is_same_rule else None)
        comparison = compare(trained, new, known.known_tokens)
        not_compared = _not_compared(trained, is_same_rule)
    findings = judge(schema, "drift", _SPLIT, comparison)
    write_anomalies(out / "anomalies.pbtxt", schema, findings)
    add_measurements(out / "anomalies.pbtxt", schema, "drift", comparison)
    told = {"anomalies": [finding.message for finding in findings], "not_compared": not_compared}
    write_json(out / "summary.json", told | figures(schema, "drift", comparison))
    return DriftReport(out)


def profile(report: ValidationReport, vocabulary: VocabularyArtifact | None) -> Profile:
    """The train split as it was measured; without tokens where no vocabulary is given."""
    import pyarrow.parquet as pq

    tokens = pq.read_table(vocabulary.counts_file) if vocabulary else None
    return Profile(report.summary["splits"][_SPLIT]["classes"], report.lengths(_SPLIT), tokens)


def _not_compared(trained: Profile, is_same_rule: bool) -> list[str]:
    missing = [] if is_same_rule else ["tokens, since [text] splits texts by another rule now"]
    if not trained.lengths:
        missing.append("text lengths, since the earlier report was written by an older glovebeam")
    return missing
