"""The pipeline, in the order in which it runs."""

from functools import partial

from components.build_vocabulary import build_vocabulary
from components.drift import drift
from components.embed import embed
from components.embed import source_files as vector_files
from components.encode import encode
from components.evaluate import evaluate
from components.ingest import ingest
from components.linear_floor import linear_floor
from components.push import push
from components.reading.spans import is_span_pattern
from components.sources import source_files as text_files
from components.train import train
from components.validate import source_files as schema_files
from components.validate import validate
from pipeline.config import Config
from pipeline.execution.training_data import TrainedOn
from pipeline.runner import Runner
from pipeline.spans import SpanSteps
from pipeline.terminal.drift import LOOSEN, drift_paragraph
from schemas.artifacts import DriftReport, ValidationReport
from schemas.errors import DataError, NotBlessedError
from schemas.model_artifacts import Evaluation

STEPS = (
    "ingest", "validate", "build_vocabulary", "drift", "embed", "encode", "linear_floor", "train", "evaluate", "push",
)  # fmt: skip


def run_pipeline(run: Runner, config: Config) -> None:
    """Raw labelled text in, a published model out.

    Raises:
        DataError: the examples break a rule of the schema.
        NotBlessedError: the model did not pass its evaluation; nothing is published.
    """
    emits_vectors, trains_on_vectors = config.encode.emit_vectors, config.train.embedding == "glove"

    spans = SpanSteps(run, config) if is_span_pattern(config.ingest.source) else None
    examples = run(ingest, config.ingest, reads=text_files, spans=spans.examples if spans else None)
    if spans is not None:
        spans.tell_rows(examples)
    report = run(
        validate,
        examples,
        config.validate_,
        reads=schema_files,
        check=stop_on_anomalies,
        spans=spans.statistics if spans else None,
    )
    vocabulary = run(
        build_vocabulary,
        examples,
        config.tokenizer,
        config.build_vocabulary,
        spans=spans.token_counts if spans else None,
    )
    if config.drift.action != "off":
        trained = run.trained_on_before(report, vocabulary)
        tell = partial(tell_drift, run, config, trained)
        run(drift, report, vocabulary, trained.report, trained.vocabulary, check=tell)
    vectors = None
    if emits_vectors or trains_on_vectors:
        vectors = run(embed, vocabulary, config.embed, reads=vector_files)
    encoded = run(encode, examples, vocabulary, vectors if emits_vectors else None, config.encode)
    floor = None
    if config.evaluate.linear_floor != "none":
        floor = run(linear_floor, examples, encoded, config.linear_floor)
    initial = run.warm_start(encoded) if config.train.warm_start else None
    model = run(train, encoded, vocabulary, vectors if trains_on_vectors else None, initial, config.train)
    if run.is_settled_by_rollback(model):
        return
    served = run.served_before(model)
    evaluation = run(
        evaluate, model, encoded, examples, floor, served.model, config.evaluate, check=stop_unless_blessed
    )
    run(
        push, model, evaluation, examples, run.serving, config.push,
        publishes=lambda pushed: run.serving / str(pushed.version), replaces_version=served.version,
    )  # fmt: skip


def stop_on_anomalies(report: ValidationReport) -> None:
    """Raise ``DataError`` naming every rule that the data breaks."""
    if anomalies := report.summary["anomalies"]:
        raise DataError(
            f"validate: the data breaks {len(anomalies)} rule{'s' * (len(anomalies) > 1)} of the schema: "
            f"{'; '.join(anomalies)}. Mend the data, or copy schemas/reviews.pbtxt, change the rule there and name the "
            f"copy in validate.schema_file. The figures are in {report.path / 'summary.json'}."
        )


def tell_drift(run: Runner, config: Config, trained: TrainedOn, report: DriftReport) -> None:
    """Note the drift, or raise ``DataError`` where the configuration says so."""
    summary = report.summary
    if trained.report is not None and summary["not_compared"]:
        run.note(f"drift: not compared: {'; '.join(summary['not_compared'])}")
    if anomalies := summary["anomalies"]:
        told = drift_paragraph("the new examples", trained.version, anomalies, summary["moved_tokens"])
        if config.drift.action == "stop":
            raise DataError(f"drift: {told} {LOOSEN} The figures are in {report.path / 'summary.json'}.")
        run.note(f"drift: {told}")


def stop_unless_blessed(evaluation: Evaluation) -> None:
    """Raise ``NotBlessedError`` naming every check that failed."""
    blessing = evaluation.blessing
    if not blessing["blessed"]:
        failed = [f"{check['name']}: {check['reason']}" for check in blessing["checks"] if not check["passed"]]
        alarms = blessing["alarms"]
        alarm = f"ALARM: what is served fails on the same examples, too: {'; '.join(alarms)}. " if alarms else ""
        raise NotBlessedError(
            f"evaluate: the model is not blessed, so nothing was pushed and what is served stays. {'; '.join(failed)}. "
            f"{alarm}"
            f"All checks are in {evaluation.path / 'blessing.json'}."
        )
