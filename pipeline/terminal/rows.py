"""How many rows went into a step and came out, and what else is worth a word, from the summaries of artifacts."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.execution.step_call import StepCall
from pipeline.terminal.lines import count
from schemas.artifacts import (
    Artifact,
    DriftReport,
    EmbeddingMatrix,
    EncodedExamples,
    Examples,
    ValidationReport,
    VocabularyArtifact,
)
from schemas.model_artifacts import Evaluation, LinearFloor, Model
from schemas.vocabulary import FIRST_TOKEN_ID


def rows_in(inputs: Iterable[Artifact | None], output: Artifact) -> int | None:
    """Rows of the first input; for ingest, which has none, the rows it read. None where there is nothing to count."""
    if isinstance(output, Examples):
        return output.summary.rows_in
    return next((rows(artifact) for artifact in inputs if artifact is not None), None)


def rows(artifact: Artifact) -> int | None:
    """Texts, tokens, vectors or examples; None for what has no rows, such as a model."""
    match artifact:
        case Examples():
            return sum(artifact.summary.rows.values())
        case ValidationReport():
            return sum(split["rows"] for split in artifact.summary["splits"].values())
        case VocabularyArtifact():
            return artifact.vocabulary_file.read_bytes().count(b"\n")
        case EmbeddingMatrix():
            return int(artifact.coverage["types"]["total"]) + FIRST_TOKEN_ID
        case EncodedExamples():
            return sum(artifact.encoding.rows.values())
        case LinearFloor():
            return int(artifact.metrics["test_examples"])
        case Evaluation():
            return int(artifact.metrics["examples"])
        case _:
            return None


def span_remark(call: StepCall, output: Artifact) -> str | None:
    """Which span a step worked on; of one that puts spans together, how many rows this run read of them all."""
    if call.part_of is not None:
        return f"span {call.also['span']}"
    examples = output if isinstance(output, Examples) else call.inputs.get("examples")
    if not isinstance(examples, Examples) or not call.takes_spans or not (all_rows := examples.rows_of_spans):
        return None
    read = sum(all_rows[name] for name in call.spans_read)
    cached = count(len(all_rows) - len(call.spans_read), "span")
    return f"rows read: {read:,} of {sum(all_rows.values()):,}, {cached} cached"


def remark(artifact: Artifact) -> str | None:
    """What a person would ask of a step beside its rows: rejected rows, coverage, the epoch that was kept."""
    match artifact:
        case Examples() if artifact.summary.rejected:
            return f"{artifact.summary.rejected:,} rejected"
        case DriftReport() if anomalies := artifact.summary["anomalies"]:
            return count(len(anomalies), "bound") + " crossed"
        case EmbeddingMatrix():
            share = math.floor(10_000 * artifact.coverage["tokens"]["share"]) / 100  # 100 % only where none is missing
            return f"vectors for {share:.2f} % of the tokens"
        case LinearFloor() if (used := artifact.metrics["train_examples"])["used"] < used["of"]:
            return f"fitted on {used['used']:,} of {used['of']:,} rows"
        case Model():
            return f"epoch {artifact.history['best_epoch']} kept{_carried(artifact.history)}"
        case _:
            return None


def _carried(history: Mapping[str, Any]) -> str:
    """What a warm start took over: ``; warm start: 9,812 of 10,000 embedding rows and 2 of 2 layers carried over``."""
    carried = history.get("warm_start")
    if carried is None:
        return ""
    layers, anew = carried["layers_carried"], carried["layers_started_anew"]
    reasons = "; ".join(f"{name} starts anew, {reason}" for name, reason in anew.items())
    if not layers:
        return f"; cold start, since nothing of the serving model fits: {reasons}"
    total = carried["rows_carried"] + carried["rows_new"]
    told = f"{carried['rows_carried']:,} of {total:,} embedding rows, {len(layers)} of {len(layers) + len(anew)} layers"
    return f"; warm start: {told} carried over{'; ' if reasons else ''}{reasons}"
