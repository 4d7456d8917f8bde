"""What must and what must not make a step run again."""

import importlib.metadata
import os
import shutil

import pytest

from pipeline.execution import cache_key

EVERYTHING_CACHED = {"ingest": "cached", "encode": "cached", "train": "cached", "push": "cached"}


def test_a_second_run_with_nothing_new_runs_nothing(toy):
    assert toy.run() == dict.fromkeys(("ingest", "encode", "train", "push"), "run (first run)")
    assert toy.run() == EVERYTHING_CACHED
    assert "nothing new" in toy.out


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        pytest.param("ingest", "# a comment", "# another comment", id="comment"),
        pytest.param("encode", '"""Cut each line."""', '"""Cut all lines."""', id="docstring of a function"),
        pytest.param("encode", '"""Encode."""', '"""Encode lines."""', id="docstring of a module"),
        pytest.param("text", '"""Lower case."""', '"""In lower case."""', id="docstring of an imported module"),
        pytest.param("train", "done += chr(", "done += \\\n            chr(", id="layout"),
        pytest.param("dag", "STEPS = (", "TWO = 2\nSTEPS = (", id="code that no step imports"),
    ],
)
def test_edits_that_change_no_behaviour_run_nothing(toy, module, old, new):
    toy.run()
    toy.edit(module, old, new)
    assert toy.run() == EVERYTHING_CACHED


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"beam__workers": 4}, id="workers"),
        pytest.param({"beam__mode": "multi_threading"}, id="mode"),
        pytest.param({"beam__options": ("--experiments=x",)}, id="beam options"),
    ],
)
def test_beam_options_run_nothing(toy, settings):
    toy.run()
    assert toy.run(**settings) == EVERYTHING_CACHED


def test_neither_the_place_of_the_source_nor_its_time_runs_anything(toy):
    toy.run()
    (toy.folder / "elsewhere").mkdir()
    shutil.move(toy.folder / "reviews.txt", toy.folder / "elsewhere")
    os.utime(toy.folder / "elsewhere" / "reviews.txt", (0, 0))
    assert toy.run(ingest__source="elsewhere/reviews.txt") == EVERYTHING_CACHED
    assert toy.run(ingest__source=str(toy.folder / "elsewhere" / "reviews.txt")) == EVERYTHING_CACHED


def test_neither_the_place_of_the_root_nor_its_times_run_anything(toy):
    toy.run()
    toy.root.path.rename(toy.folder / "moved")
    (toy.folder / "moved").rename(toy.root.path)
    for path in toy.root.artifacts.rglob("*"):
        os.utime(path, (0, 0))
    assert toy.run() == EVERYTHING_CACHED


def test_a_parameter_runs_its_step_and_what_follows(toy):
    toy.run()
    assert toy.run(train__epochs=4) == {
        "ingest": "cached",
        "encode": "cached",
        "train": "run (params.epochs 3 -> 4)",
        "push": "run (replaces_version none -> 1, input model changed)",
    }


def test_an_argument_that_is_not_called_params_counts_too(toy):
    toy.run()
    assert toy.run(tokenizer__name="keras")["encode"] == "run (tokenizer.name glove -> keras)"


def test_a_step_that_gives_the_same_bytes_again_runs_nothing_after_it(toy):
    toy.run()
    assert toy.run(encode__max_length=81) == {
        "ingest": "cached",
        "encode": "run (params.max_length 80 -> 81)",
        "train": "cached",
        "push": "cached",
    }


def test_the_content_of_a_source_counts(toy):
    toy.run()
    (toy.folder / "reviews.txt").write_text("Good\nBad movie\n")
    plan = toy.run()
    assert plan["ingest"] == "run (source reviews.txt changed)"
    assert plan["encode"] == "run (input examples changed)"


def test_a_source_of_the_same_size_and_time_but_other_content_counts(toy):
    source = toy.folder / "reviews.txt"
    os.utime(source, (1_000_000, 1_000_000))
    toy.run()
    source.write_text("Good\nBad FILM\n")
    os.utime(source, (1_000_000, 1_000_000))
    assert toy.run()["ingest"] == "run (source reviews.txt changed)"


def test_edited_code_runs_the_steps_that_are_made_of_it(toy):
    toy.run()
    toy.edit("encode", "[: params.max_length]", "[: params.max_length + 1]")
    plan = toy.run(dry=True)
    assert plan["ingest"] == "cached"
    assert plan["encode"] == "would run (code changed: toy/encode.py)"


def test_code_behind_an_import_inside_a_function_counts(toy):
    toy.run()
    toy.edit("text", ".lower()", ".upper()")
    assert toy.run(dry=True) == {
        "ingest": "cached",
        "encode": "would run (code changed: toy/text.py)",
        "train": "would run (input encoded would change)",
        "push": "would run (input model would change)",
    }


def test_a_library_that_shapes_the_output_counts_and_others_do_not(toy, monkeypatch):
    monkeypatch.setattr(cache_key, "LIBRARIES", {"encode": ("pyarrow",)})
    toy.run()
    installed = importlib.metadata.version("pyarrow")
    real = importlib.metadata.version
    monkeypatch.setattr(cache_key, "version", lambda name: {"pyarrow": "99.1"}.get(name, real(name)))
    assert toy.run() == {
        "ingest": "cached",
        "encode": f"run (pyarrow {installed} -> 99.1)",
        "train": "cached",
        "push": "cached",
    }


def test_many_changes_are_counted_and_not_all_listed(toy):
    toy.run()
    toy.edit("text", ".lower()", ".upper()")
    toy.edit("encode", "[: params.max_length]", "[0 : params.max_length]")
    plan = toy.run(encode__max_length=7, tokenizer__name="keras", dry=True)
    assert plan["encode"] == (
        "would run (params.max_length 80 -> 7, tokenizer.name glove -> keras, code changed: toy/encode.py, and 1 more)"
    )


def test_hundreds_of_source_files_are_one_entry_of_the_key(toy, monkeypatch):
    from toy import dag

    folder = toy.folder / "many"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number}.txt").write_text("text")
    monkeypatch.setattr(dag, "source_files", lambda params: sorted(folder.iterdir()))
    toy.run()
    (folder / "59.txt").write_text("other text")
    assert toy.run(dry=True)["ingest"] == "would run (source 60 files changed)"
