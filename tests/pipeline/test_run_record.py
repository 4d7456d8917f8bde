"""What a run leaves for people and for schedulers: lines, log, run.json and rejected rows."""

import json

import pytest

from schemas.errors import DataError, GlovebeamError


def test_a_failed_check_stops_the_run_now_and_from_the_cache(toy):
    (toy.folder / "reviews.txt").write_text("an anomaly\n")
    for state in ("executed", "cached"):
        with pytest.raises(DataError, match="an anomaly"):
            toy.run()
        record = toy.records()[-1]
        assert (record["state"], record["exit_code"], record["error"]) == ("rejected", 3, "encode: an anomaly")
        assert [step["name"] for step in record["steps"]] == ["ingest", "encode"]
        assert record["steps"][-1]["state"] == state


def test_rejected_rows_are_kept_with_the_run(toy):
    (toy.folder / "reviews.txt").write_text("good\n\nbad\n")
    with pytest.raises(DataError, match=r"empty line\. The rejected rows are in .*rejected\.jsonl\."):
        toy.run()
    (rejected,) = toy.root.runs.glob("*/rejected.jsonl")
    assert json.loads(rejected.read_text()) == [""]
    assert toy.records()[0]["steps"][0]["state"] == "failed"


def test_an_unexpected_error_is_one_sentence_and_its_traceback_is_in_the_log(toy):
    toy.edit("text", "return text.lower()", "return text.lower(1)")
    with pytest.raises(GlovebeamError, match=r"encode: Unexpected TypeError in text.py.* is in .*log\.txt"):
        toy.run()
    (log,) = toy.root.runs.glob("*/log.txt")
    assert "Traceback (most recent call last)" in log.read_text()
    assert toy.records()[0]["state"] == "failed"


def test_noise_goes_to_the_log_and_not_to_the_user(toy):
    done = toy.command()
    (log,) = toy.root.runs.glob("*/log.txt")
    assert "noise" not in done.stdout + done.stderr
    assert "noise on stdout" in log.read_text()
    assert "noise of C++ on stderr" in log.read_text()


def test_verbose_shows_the_noise(toy):
    toy.run(verbose=True)
    assert "noise on stdout" in toy.out


def test_lines_are_neither_wrapped_nor_read_as_markup(toy):
    place = "[bold]a folder with a very long name, longer than any terminal is wide[red]" * 3
    toy.root = type(toy.root)(toy.folder / place)
    toy.run()
    assert f"{toy.root.path}/artifacts/encode/{toy.artifact('encode').name}\n" in toy.out


def test_the_record_of_a_run_names_each_step_and_the_result(toy):
    toy.run()
    toy.run(train__epochs=4)
    record = toy.records()[-1]
    assert record["state"] == "done"
    assert record["config"]["train"] == {"epochs": 4, "warm_start": False}
    assert record["pushed_version"] == 2
    assert [(step["name"], step["state"]) for step in record["steps"]] == [
        ("ingest", "cached"), ("encode", "cached"), ("train", "executed"), ("push", "executed"),
    ]  # fmt: skip
    train = record["steps"][2]
    assert train["reason"] == "params.epochs 3 -> 4"
    assert train["seconds"] >= 0
    assert (toy.root.path / train["artifact"] / "model.keras").exists()
