"""What a collector of logs reads: one JSON object a line and nothing else."""

import io
import json
import os
import signal
import subprocess
import sys

import pytest

from pipeline.terminal.json_log import JsonLog
from schemas.errors import DataError
from tests.pipeline.command_line import glovebeam

EVERY_STEP = ["ingest", "encode", "train", "push"]


def events(text):
    """(event, its fields without time, level and run) of each line."""
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(list(line)[:3] == ["time", "level", "event"] for line in lines)
    return [(line.pop("event"), {n: v for n, v in line.items() if n not in ("time", "level", "run")}) for line in lines]


def names(text):
    return [name for name, _ in events(text)]


def test_a_run_tells_its_start_each_step_what_was_published_and_its_end(toy):
    done = toy.command(JSON_LOG="1")
    assert done.stderr == ""
    told = events(done.stdout)
    assert [name for name, _ in told] == [
        "run_started", "step_started", "step_finished", "step_started", "step_finished",
        "step_started", "epoch", "epoch", "epoch", "step_finished", "step_started", "step_finished",
        "pushed", "run_finished",
    ]  # fmt: skip
    (record,) = toy.records()
    finished = {fields["step"]: fields for name, fields in told if name == "step_finished"}
    for step in record["steps"]:
        assert finished[step["name"]] == {
            "step": step["name"], "reason": "first run", "seconds": step["seconds"], "rows_in": step["rows_in"],
            "rows_out": step["rows_out"], "remark": step["remark"], "artifact": step["artifact"],
        }  # fmt: skip
    assert ("pushed", {"version": 1}) in told
    assert told[-1] == ("run_finished", {"state": "done", "exit_code": 0, "seconds": record["seconds"]})
    assert {json.loads(line)["run"] for line in done.stdout.splitlines()} == {record["run_id"]}


def test_cached_steps_are_told_as_such(toy):
    toy.run()
    toy.run(log=JsonLog(io.StringIO()))
    assert names(toy.out) == ["run_started", *["step_cached"] * 4, "pushed", "run_finished"]


def test_a_refused_run_tells_the_error_once_and_ends_with_its_exit_code(toy):
    (toy.folder / "reviews.txt").write_text("an anomaly\n")
    done = toy.command(JSON_LOG="1")
    assert (done.returncode, done.stderr) == (3, "")
    assert events(done.stdout)[-2] == ("error", {"message": "encode: an anomaly", "exit_code": 3})
    assert names(done.stdout).count("error") == 1
    assert events(done.stdout)[-1][1]["state"] == "rejected"


def test_a_run_that_is_stopped_tells_so_in_json(toy):
    ready, told = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "toy.dag", "root"],
        cwd=toy.folder, env=toy.environment(WAIT_IN_EPOCH="2", READY_FD=str(told), JSON_LOG="1"), pass_fds=[told],
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert os.read(ready, 1) == b"!"
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate()
    assert process.returncode == 143
    assert [name for name, _ in events(out)[-2:]] == ["error", "run_finished"]
    assert "Stopped by SIGTERM at train" in events(out)[-2][1]["message"]


def test_a_dry_run_tells_the_plan(toy):
    toy.run()
    toy.run(dry=True, train__epochs=4)
    text = io.StringIO()
    toy.run(dry=True, log=JsonLog(text), train__epochs=4)
    assert [(fields["step"], fields["action"]) for _, fields in events(text.getvalue())] == [
        ("ingest", "cached"), ("encode", "cached"), ("train", "run"), ("push", "run"),
    ]  # fmt: skip


def test_notes_are_warnings(toy):
    text = io.StringIO()
    JsonLog(text).note("watch out")
    line = json.loads(text.getvalue())
    assert (line["level"], line["event"], line["message"]) == ("warning", "note", "watch out")


def test_an_error_before_the_run_begins_is_json_too(tmp_path):
    done = glovebeam("run", "--log-format", "json", "--set", "train.epoch=3", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "")
    ((event, fields),) = events(done.stdout)
    assert (event, fields["exit_code"]) == ("error", 2)
    assert "Did you mean train.epochs?" in fields["message"]


def test_an_error_that_leaves_the_run_is_what_a_caller_gets(toy):
    (toy.folder / "reviews.txt").write_text("an anomaly\n")
    with pytest.raises(DataError, match="an anomaly"):
        toy.run(log=JsonLog(io.StringIO()))
