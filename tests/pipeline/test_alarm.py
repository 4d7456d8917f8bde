"""Where an alarm about the model that serves is told: message, run.json, metrics file and JSON log."""

import io
import json

import pytest

from pipeline.dag import stop_unless_blessed
from pipeline.execution.root import Root
from pipeline.execution.run_record import RunRecord
from pipeline.terminal.json_log import JsonLog
from pipeline.terminal.metrics_file import write_metrics
from pipeline.terminal.results import result_lines
from schemas.artifacts import write_json
from schemas.errors import NotBlessedError
from schemas.model_artifacts import Evaluation, PushedModel
from tests.pipeline.test_metrics_file import metrics

ALARM = "accuracy 0.3100 is below evaluate.min_accuracy = 0.5"


@pytest.fixture
def evaluation(tmp_path):
    def evaluation(blessed, alarms):
        folder = tmp_path / f"evaluate-{blessed}-{len(alarms)}"
        folder.mkdir()
        checks = [{"name": "not_worse", "passed": blessed, "reason": "worse", "baseline_accuracy": 0.31}]
        write_json(folder / "blessing.json", {"blessed": blessed, "checks": checks, "alarms": alarms})
        write_json(folder / "metrics.json", {"accuracy": 0.3})
        return Evaluation(folder)

    return evaluation


def record_after(*artifacts, exit_code=4, error="refused"):
    record = RunRecord("r", "2026-11-23T01:00:00.000+00:00", 1, "host", "0", "default", {})
    for artifact in artifacts:
        record.note_results(artifact)
    record.end(exit_code, error)
    return record


def alarms_in_log(record):
    log = io.StringIO()
    JsonLog(log).run_ended(record, Root(None))
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    return [(line["level"], line["reasons"]) for line in lines if line["event"] == "alarm"]


def metrics_after(record, tmp_path):
    root = Root(tmp_path / "root")
    root.path.mkdir(exist_ok=True)
    write_metrics(record, root)
    return metrics(root)


def test_the_message_of_a_refused_candidate_ends_with_the_alarm(evaluation):
    with pytest.raises(NotBlessedError, match=rf"stays\. not_worse: worse\. ALARM: what is served fails .*: {ALARM}"):
        stop_unless_blessed(evaluation(False, [ALARM]))
    with pytest.raises(NotBlessedError) as refused:
        stop_unless_blessed(evaluation(False, []))
    assert refused.value.exit_code == 4
    assert "ALARM" not in str(refused.value)


def test_a_refused_candidate_leaves_the_alarm_in_record_metrics_and_log(evaluation, tmp_path):
    record = record_after(evaluation(False, [ALARM]))

    record.save(tmp_path)
    assert json.loads((tmp_path / "run.json").read_text())["alarms"] == [ALARM]
    assert metrics_after(record, tmp_path)["serving_alarms", None] == 1
    assert alarms_in_log(record) == [("error", [ALARM])]


def test_without_an_alarm_the_metric_is_0_and_the_log_says_nothing(evaluation, tmp_path):
    record = record_after(evaluation(False, []))

    assert metrics_after(record, tmp_path)["serving_alarms", None] == 0
    assert alarms_in_log(record) == []


def test_a_run_that_did_not_get_to_evaluate_says_nothing_of_alarms(tmp_path):
    assert ("serving_alarms", None) not in metrics_after(record_after(exit_code=3), tmp_path)


def test_the_alarm_is_over_when_another_model_serves(evaluation, tmp_path):
    pushed = PushedModel(tmp_path / "pushed")
    pushed.path.mkdir()
    write_json(pushed.path / "pushed.json", {"version": 2})

    before = record_after(evaluation(True, [ALARM]), exit_code=0, error=None)
    after = record_after(Evaluation(tmp_path / "evaluate-True-1"), pushed, exit_code=0, error=None)

    assert f"ALARM: what is served fails on these examples: {ALARM}" in result_lines(before, tmp_path)
    assert not any("ALARM" in line for line in result_lines(after, tmp_path))
    assert (before.alarms, after.alarms) == ([ALARM], [])
    assert after.blessing["alarms"] == [ALARM]  # that there was one stays on record
