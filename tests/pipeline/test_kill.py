"""Killed at any instant, the next run goes on where the last one was cut, and nobody ever sees half an artifact."""

import os
import select
import signal
import subprocess
import sys

import pytest

from pipeline.metadata import Metadata
from tests.pipeline.conftest import toy_in

ALL_STEPS = ["ingest", "encode", "train", "push"]


def contents(folder):
    """Relative path -> content, without what holds a process id."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.parent.name != "tensorboard"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def recorded_and_whole(toy):
    """Every folder under artifacts/<step>/ is a finished artifact, as its recorded digests say."""
    names = [path.name for step in ALL_STEPS for path in (toy.root.artifacts / step).glob("[!.]*")]
    files = {
        "ingest": ["lines.txt"],
        "encode": ["train/part-0"],
        "train": ["history.json", "model.keras"],
        "push": ["pushed.json"],
    }
    for step, expected in files.items():
        for folder in (toy.root.artifacts / step).glob("[!.]*"):
            assert list(contents(folder)) == expected
    return names


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What an undisturbed run leaves in artifacts/ and serving/."""
    toy = toy_in(tmp_path_factory.mktemp("undisturbed"))
    assert toy.command().returncode == 0
    return contents(toy.root.artifacts), contents(toy.root.serving)


# The functions of a step's execution in the order in which they are called, and which call of them belongs to train.
PHASES = [
    ("open_partial", "DIE_AFTER", 3),
    ("sync_folder", "DIE_AFTER", 3),
    ("add_pending", "DIE_BEFORE", 3),
    ("add_pending", "DIE_AFTER", 3),
    ("put_in_place", "DIE_AFTER", 3),
    ("record_execution", "DIE_AFTER", 3),
    ("add_pending", "DIE_AFTER", 1),
    ("put_in_place", "DIE_AFTER", 2),
    ("put_in_place", "DIE_BEFORE", 4),
    ("put_in_place", "DIE_AFTER", 4),
]


@pytest.mark.parametrize(("function", "when", "call"), PHASES)
def test_killed_in_any_phase_the_next_run_ends_as_if_undisturbed(toy, undisturbed, function, when, call):
    killed = toy.command(**{when: function, "DIE_AT_CALL": str(call)})
    assert killed.returncode == -signal.SIGKILL
    recorded_and_whole(toy)
    done = toy.command()
    assert done.returncode == 0, done.stderr
    assert (contents(toy.root.artifacts), contents(toy.root.serving)) == undisturbed
    assert [record["state"] for record in toy.records()] == ["killed", "done"]
    assert set(toy.run().values()) == {"cached"}


def test_an_artifact_that_was_finished_and_not_yet_entered_is_not_made_again(toy):
    for when in ("DIE_AFTER", "DIE_BEFORE"):
        toy.command(**{when: "put_in_place", "DIE_AT_CALL": "3"})
        plan = toy.plan(toy.command().stdout)
        assert plan["train"] == "cached"
        toy.root.path.rename(toy.folder / when)


def test_training_goes_on_from_its_checkpoint(toy, undisturbed):
    assert toy.command(DIE_IN_EPOCH="3").returncode == -signal.SIGKILL
    assert not list((toy.root.artifacts / "train").glob("[!.]*"))
    done = toy.command()
    assert "epoch 3/3" in done.stdout
    assert "epoch 2/3" not in done.stdout
    assert (contents(toy.root.artifacts), contents(toy.root.serving)) == undisturbed


def test_a_checkpoint_is_not_taken_by_other_parameters_and_is_cleared_away(toy):
    toy.command(DIE_IN_EPOCH="3")
    done = toy.command("train.epochs=4")
    assert "epoch 1/4" in done.stdout
    assert not list(toy.root.artifacts.rglob(".*.partial"))


def test_forced_training_starts_from_the_beginning(toy):
    from pipeline.execution.folders import CHECKPOINT

    toy.command(DIE_IN_EPOCH="3")
    assert list(toy.root.artifacts.glob(f"train/.*.partial/{CHECKPOINT}/weights"))
    toy.run(force=["train"])
    assert "epoch 1/3" in toy.out


def test_killed_while_an_artifact_is_replaced_the_old_or_the_new_one_is_there(toy, undisturbed):
    toy.command()
    (toy.artifact("encode") / "train" / "part-0").write_text("altered")
    toy.command(DIE_AFTER="put_in_place", DIE_AT_CALL="1")
    assert toy.command().returncode == 0
    assert (contents(toy.root.artifacts), contents(toy.root.serving)) == undisturbed


def test_killed_after_publishing_nothing_is_published_twice(toy):
    assert toy.command(DIE_AFTER_PUBLISHING="1").returncode == -signal.SIGKILL
    assert toy.command().returncode == 0
    assert [path.name for path in toy.root.serving.iterdir()] == ["1"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_run_with_one_line_and_the_next_one_goes_on(toy, number, code):
    ready, told = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "toy.dag", "root"],
        cwd=toy.folder, env=toy.environment(WAIT_IN_EPOCH="2", READY_FD=str(told)), pass_fds=[told],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert os.read(ready, 1) == b"!"
        process.send_signal(number)
        out, error = process.communicate()
    assert process.returncode == code
    assert out.splitlines()[-1] == (
        f"Stopped by {number.name} at train. Finished steps are kept; the same command goes on from there."
    )
    assert error == ""
    assert (toy.records()[0]["state"], toy.records()[0]["exit_code"]) == ("stopped", code)
    done = toy.command()
    assert "epoch 1/3" not in done.stdout
    assert "epoch 2/3" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_of_a_run_that_was_killed_do_not_outlive_the_next_one(toy, number):
    ready, told = os.pipe()
    alive, worker = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "toy.dag", "root"],
        cwd=toy.folder, pass_fds=[told, worker], stdout=subprocess.DEVNULL,
        env=toy.environment(WAIT_IN_EPOCH="2", READY_FD=str(told), WORKER_FD=str(worker)),
    ) as process:  # fmt: skip
        os.close(worker)
        assert os.read(ready, 1) == b"!"
        process.send_signal(number)
    if number == signal.SIGKILL:
        assert toy.command().returncode == 0
    assert select.select([alive], [], [], 30)[0] == [alive]  # every holder of the other end is gone
    assert os.read(alive, 1) == b""


def test_a_second_run_of_the_same_root_is_told_who_is_at_work_and_changes_nothing(toy):
    ready, told = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "toy.dag", "root"],
        cwd=toy.folder, env=toy.environment(WAIT_IN_EPOCH="2", READY_FD=str(told)), pass_fds=[told],
        stdout=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert os.read(ready, 1) == b"!"
        second = toy.command()
        records = toy.records()
        process.kill()
    assert second.returncode == 5
    assert f"process {process.pid} on " in second.stderr
    assert "Traceback" not in second.stderr
    assert [record["state"] for record in records] == ["running"]
    assert toy.command().returncode == 0  # the lock has died with its process


def test_readers_need_no_lock(toy):
    ready, told = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "toy.dag", "root"],
        cwd=toy.folder, env=toy.environment(WAIT_IN_EPOCH="2", READY_FD=str(told)), pass_fds=[told],
        stdout=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert os.read(ready, 1) == b"!"
        metadata = Metadata.read(toy.root.metadata_file)
        uris = [artifact.uri.split("/")[1] for artifact in metadata.artifacts("a.type <> 'SourceFile'")]
        plan = toy.run(dry=True)
        process.kill()
    assert uris == ["encode", "ingest"]
    assert plan["encode"] == "cached"
