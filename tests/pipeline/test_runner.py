"""How steps are taken from the cache, run, selected and recorded."""

import os
import shutil

import pytest

from pipeline.execution.cache_key import CacheKey
from schemas.errors import GlovebeamError, UsageError

EVERYTHING_CACHED = {"ingest": "cached", "encode": "cached", "train": "cached", "push": "cached"}


def everything_below(folder):
    """Path -> content of every file, hidden ones too."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_dry_run_writes_nothing_even_where_there_is_no_root_yet(toy):
    before = everything_below(toy.folder)
    plan = toy.run(dry=True)
    assert plan["ingest"] == "would run (first run)"
    assert plan["push"] == "would run (input model would change)"
    assert not toy.root.path.exists()
    assert everything_below(toy.folder).keys() - before.keys() <= set(toy.folder.rglob("__pycache__/*"))


def test_a_dry_run_writes_nothing_in_a_root_that_is_there(toy):
    toy.run()
    before = everything_below(toy.root.path)
    assert toy.run(dry=True) == EVERYTHING_CACHED
    assert toy.run(dry=True, train__epochs=9)["train"] == "would run (params.epochs 3 -> 9)"
    assert everything_below(toy.root.path) == before


def test_a_dry_run_says_what_the_run_then_does(toy):
    toy.run()
    toy.edit("text", ".lower()", ".upper()")
    would = toy.run(dry=True, train__epochs=4)
    did = toy.run(train__epochs=4)
    assert {step for step, text in would.items() if text != "cached"} == {"encode", "train", "push"}
    assert {step for step, text in did.items() if text != "cached"} == {"encode", "train", "push"}


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param(
            lambda folder: (folder / "train/part-0").write_text("x"), "altered: {}/train/part-0", id="altered"
        ),
        pytest.param(lambda folder: (folder / "train/part-0").unlink(), "missing: {}/train/part-0", id="file gone"),
        pytest.param(
            lambda folder: (folder / "train/part-1").touch(), "altered: {}/train/part-1 was added", id="added"
        ),
        pytest.param(shutil.rmtree, "missing: {}", id="folder gone"),
    ],
)
def test_an_artifact_that_is_not_as_it_was_made_is_rebuilt(toy, damage, reason):
    toy.run()
    folder = toy.artifact("encode")
    good = everything_below(folder)
    damage(folder)
    plan = toy.run()
    assert plan == {**EVERYTHING_CACHED, "encode": f"run (artifact {reason.format(f'artifacts/encode/{folder.name}')})"}
    assert everything_below(folder) == good
    assert toy.run() == EVERYTHING_CACHED


def test_altered_content_is_found_out_under_the_old_size_and_time(toy):
    toy.run()
    file = toy.artifact("encode") / "train" / "part-0"
    os.utime(file, (1_000_000, 1_000_000))
    assert toy.run() == EVERYTHING_CACHED
    file.write_text(file.read_text().swapcase())
    os.utime(file, (1_000_000, 1_000_000))
    assert toy.run()["encode"].startswith("run (artifact altered")


def test_tensorboard_logs_are_no_content(toy):
    toy.run()
    (toy.artifact("train") / "tensorboard" / "events").write_text("other times")
    assert toy.run() == EVERYTHING_CACHED


def test_force_runs_a_cached_step_and_replaces_its_artifact(toy):
    toy.run()
    before = (toy.artifact("train") / "tensorboard" / "events").stat().st_ino
    assert toy.run(force=["encode", "train"]) == {
        **EVERYTHING_CACHED,
        "encode": "run (forced)",
        "train": "run (forced)",
    }
    assert (toy.artifact("train") / "tensorboard" / "events").stat().st_ino != before
    assert not list(toy.root.artifacts.rglob(".*.partial"))
    assert toy.run() == EVERYTHING_CACHED


def test_to_stops_after_its_step(toy):
    assert toy.run(last="encode") == {"ingest": "run (first run)", "encode": "run (first run)"}
    assert toy.run()["encode"] == "cached"


def test_from_takes_earlier_steps_as_they_are_whatever_became_of_code_and_source(toy):
    toy.run()
    toy.edit("ingest", "lines.txt", "texts.txt")
    (toy.folder / "reviews.txt").unlink()
    assert toy.run(first="train") == EVERYTHING_CACHED
    assert "ingest: cached (" in toy.out
    assert "taken as it is)" in toy.out


def test_from_a_step_whose_predecessor_was_never_made_names_it(toy):
    toy.run(last="ingest")
    with pytest.raises(UsageError, match=r"--from train takes encode as it is, but .* never run.*--to encode first"):
        toy.run(first="train")


def test_from_does_not_take_what_other_parameters_made(toy):
    toy.run()
    with pytest.raises(UsageError, match=r"no encode for this config: .* other parameters"):
        toy.run(first="train", encode__max_length=7)


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"first": "trian"}, "--from trian: there is no such step. Did you mean train?"),
        ({"last": "pusch"}, "--to pusch: there is no such step. Did you mean push?"),
        ({"force": ["x"]}, "--force x: there is no such step. Steps: ingest, encode, train, push."),
        ({"first": "train", "last": "encode"}, "--from train lies outside"),
        ({"force": ["ingest"], "first": "train"}, "--force ingest lies outside what is to run, train to push."),
    ],
)
def test_a_selection_that_makes_no_sense_is_refused(toy, selection, message):
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        toy.run(**selection)


def test_going_back_to_an_earlier_model_publishes_it_again_and_again_only_once(toy):
    versions = []
    for epochs in (3, 4, 3, 4, 4):
        toy.run(train__epochs=epochs)
        versions.append(toy.records()[-1]["pushed_version"])
    assert versions == [1, 2, 3, 4, 4]
    assert toy.run(train__epochs=4) == EVERYTHING_CACHED
    models = [(toy.root.serving / str(version) / "model").read_bytes() for version in (1, 2, 3, 4)]
    assert models[0] == models[2] != models[1] == models[3]


def test_a_published_version_that_is_gone_is_published_again(toy):
    toy.run()
    shutil.rmtree(toy.root.serving / "1")
    assert toy.run()["push"] == "run (artifact missing: serving/1)"
    assert (toy.root.serving / "1" / "model").exists()
    assert toy.run() == EVERYTHING_CACHED


def test_a_published_version_that_was_altered_is_published_as_a_new_one(toy):
    toy.run()
    (toy.root.serving / "1" / "model").write_text("altered")
    assert toy.run()["push"] == "run (artifact altered: serving/1/model)"
    assert toy.records()[-1]["pushed_version"] == 2
    assert toy.run() == EVERYTHING_CACHED


def edit_during(module, file, old, new):
    """Code for the toy's ``module`` that edits another file when the step runs."""
    return f"(lambda path: path.write_text(path.read_text().replace({old!r}, {new!r})))(Path({file!r}))\n    {module}"


def test_code_that_is_edited_before_its_step_begins_does_not_run_under_the_old_key(toy):
    edit = edit_during("return Lines(out)", "toy/encode.py", "params.max_length]", "params.max_length + 1]")
    toy.edit("ingest", "return Lines(out)", edit)
    with pytest.raises(GlovebeamError, match=r"encode: .* changed since the run began \(code changed: toy/encode.py\)"):
        toy.run()
    assert toy.run(dry=True)["encode"] == "would run (first run)"


def test_code_that_is_edited_while_its_step_runs_does_not_cost_the_artifact(toy):
    edit = edit_during("return Encoded(out)", "toy/encode.py", "params.max_length]", "params.max_length + 1]")
    toy.edit("encode", "return Encoded(out)", edit)
    toy.run()
    assert toy.run(dry=True)["encode"] == "would run (code changed: toy/encode.py)"


def test_a_source_that_changes_while_it_is_read_is_not_kept_as_what_it_was(toy):
    toy.edit("ingest", "return Lines(out)", edit_during("return Lines(out)", "reviews.txt", "Good", "Bad"))
    with pytest.raises(GlovebeamError, match=r"ingest: .* changed since the run began \(source reviews.txt changed\)"):
        toy.run()
    assert toy.run()["ingest"] == "run (first run)"


def test_an_artifact_of_an_old_version_of_the_code_is_still_known(toy):
    toy.run()
    toy.edit("encode", "[: params.max_length]", "[1 : params.max_length]")
    assert toy.run()["encode"] == "run (code changed: toy/encode.py)"
    toy.edit("encode", "[1 : params.max_length]", "[: params.max_length]")
    assert toy.run()["encode"] == "cached"


def test_equal_keys_have_equal_digests_whatever_the_order_of_their_parts():
    one = CacheKey("encode", {"a": "1", "b": "2"}, {"params": {"x": 1, "y": 2}}, {}, {}, {})
    two = CacheKey("encode", {"b": "2", "a": "1"}, {"params": {"y": 2, "x": 1}}, {}, {}, {})
    assert one.digest == two.digest
    assert one.digest != CacheKey("embed", one.code, one.arguments, {}, {}, {}).digest
