"""``metrics.prom`` after runs of every kind."""

import re

import pytest

from pipeline.execution.root import Root
from pipeline.execution.run_record import RunRecord, StepRecord
from pipeline.terminal.metrics_file import write_metrics
from pipeline.upkeep.clean import clean
from pipeline.upkeep.rollback import roll_back
from schemas.errors import DataError

SAMPLE = re.compile(r'(glovebeam_[a-z_]+)\{root="((?:[^"\\\n]|\\["\\n])*)"(?:,([a-z]+)="([^"\\\n]*)")?\} (\S+)')


def metrics(root):
    """(name, label's value) -> value; asserts that the file is in Prometheus' text format."""
    found, declared = {}, []
    for line in (root.path / "metrics.prom").read_text().splitlines():
        if line.startswith("# TYPE "):
            declared.append(line.split()[2])
            assert line.endswith(" gauge")
        elif not line.startswith("# HELP "):
            name, _, _, label, value = SAMPLE.fullmatch(line).groups()
            assert name == declared[-1]
            found[name.removeprefix("glovebeam_"), label] = float(value)
    assert len(set(declared)) == len(declared)
    return found


def record_of(root, exit_code, error=None, **fields):
    root.path.mkdir(exist_ok=True)
    record = RunRecord("r", "2026-11-23T01:00:00.000+00:00", 1, "host", "0", "default", {}, **fields)
    record.end(exit_code, error)
    return record


def test_a_run_leaves_when_it_ended_how_and_what_serves(toy):
    toy.run()
    found = metrics(toy.root)
    record = toy.records()[0]
    assert found["last_run_exit_code", None] == 0
    assert found["last_run_timestamp_seconds", None] == found["last_success_timestamp_seconds", None]
    assert found["last_run_duration_seconds", None] == record["seconds"]
    assert found["serving_version", None] == 1
    for step in record["steps"]:
        assert found["step_duration_seconds", step["name"]] == step["seconds"]
    toy.run()
    assert all(metrics(toy.root)["step_duration_seconds", step["name"]] == 0 for step in record["steps"])


def test_a_failed_run_keeps_the_time_of_the_last_success_also_when_that_was_cleared_away(toy):
    toy.run()
    success = metrics(toy.root)["last_success_timestamp_seconds", None]
    (toy.folder / "reviews.txt").write_text("an anomaly\n")
    for _ in range(2):
        with pytest.raises(DataError):
            toy.run()
        clean(toy.root, keep_runs=1, keep_versions=1, dry_run=False)
        found = metrics(toy.root)
        assert found["last_run_exit_code", None] == 3
        assert found["last_success_timestamp_seconds", None] == success
        assert found["last_run_timestamp_seconds", None] > success
        assert found["serving_version", None] == 1


def test_a_first_run_that_fails_has_no_last_success_and_no_version(toy):
    (toy.folder / "reviews.txt").write_text("an anomaly\n")
    with pytest.raises(DataError):
        toy.run()
    assert not {"last_success_timestamp_seconds", "serving_version"} & {name for name, _ in metrics(toy.root)}


def test_a_killed_run_leaves_the_file_whole(toy):
    toy.run()
    toy.command("train.epochs=5", DIE_IN_EPOCH="4")  # killed: nobody can write; the file is as it was
    assert metrics(toy.root)["last_run_exit_code", None] == 0


def test_accuracy_of_a_refused_candidate_and_of_the_model_that_it_was_compared_with(tmp_path):
    root = Root(tmp_path / "root")
    blessing = {"blessed": False, "checks": [{"name": "accuracy"}, {"name": "not_worse", "baseline_accuracy": 0.9}]}
    write_metrics(record_of(root, 4, "refused", metrics={"accuracy": 0.5}, blessing=blessing, rows={"test": 7}), root)
    found = metrics(root)
    assert (found["accuracy", "candidate"], found["accuracy", "serving"]) == (0.5, 0.9)
    assert found["rows", "test"] == 7


def test_accuracy_of_a_candidate_that_was_published_is_that_of_the_serving_model(tmp_path):
    root = Root(tmp_path / "root")
    blessing = {"blessed": True, "checks": [{"name": "not_worse", "baseline_accuracy": 0.5}]}
    write_metrics(record_of(root, 0, metrics={"accuracy": 0.9}, blessing=blessing, pushed_version=2), root)
    assert metrics(root)["accuracy", "serving"] == 0.9


def test_the_steps_of_one_name_are_added_up(tmp_path):
    root = Root(tmp_path / "root")
    steps = [StepRecord("ingest", "executed", "new", seconds=seconds) for seconds in (1.5, 2.0)]
    write_metrics(record_of(root, 0, steps=[*steps, StepRecord("ingest", "cached", "old")]), root)
    assert metrics(root)["step_duration_seconds", "ingest"] == 3.5


def test_a_root_with_quotes_and_backslashes_in_its_name_is_escaped(tmp_path):
    root = Root(tmp_path / 'a "root" \\n')
    write_metrics(record_of(root, 0), root)
    assert metrics(root)["last_run_exit_code", None] == 0
    assert r'a \"root\" \\n"}' in (root.path / "metrics.prom").read_text()


def test_the_version_after_a_rollback_is_told_by_the_next_run(toy):
    toy.run()
    toy.run(train__epochs=4)
    roll_back(toy.root, 1)
    toy.run(train__epochs=4)
    assert metrics(toy.root)["serving_version", None] == 3
