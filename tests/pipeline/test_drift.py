"""Drift and serving skew by the command line: a first run, then other reviews for the model that serves."""

import json
import shutil

import pytest

from tests.pipeline.command_line import CONFIG, WORDS, glovebeam, one_paragraph, run_config, tiny_reviews, write_reviews

ALIKE = [(f"{text} indeed", label) for text, label in tiny_reviews(132)]
OTHER = [("sprocket gasket piston number " + " ".join(str(i) * n for n in range(1, 9)), "bad") for i in range(40)]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A folder in which version 1 serves; tests work on copies of it."""
    folder = tmp_path_factory.mktemp("served")
    write_reviews(folder / "reviews.csv", tiny_reviews())
    vectors = [f"{word} {sign} 0.1 0 0.5" for label, sign in (("good", 1), ("bad", -1)) for word in WORDS[label]]
    (folder / "glove.txt").write_text("\n".join([*vectors, "film 0 0 1 0"]) + "\n")
    (folder / "glovebeam.toml").write_text(CONFIG)
    done = run_config(folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def folder(served, tmp_path):
    shutil.copytree(served, tmp_path / "copy")
    return tmp_path / "copy"


def drifted(folder):
    """Reviews of one class, and of words that the model does not know."""
    write_reviews(folder / "reviews.csv", [*tiny_reviews(60), *OTHER])


def test_the_first_run_has_nothing_to_compare_with_and_a_second_takes_that_from_the_cache(folder):
    done = run_config(folder)

    assert "drift: cached (" in done.stdout
    assert "nothing new" in done.stdout
    assert "note: " not in done.stdout
    (summary,) = (folder / "root" / "artifacts" / "drift").glob("*/summary.json")
    assert json.loads(summary.read_text())["not_compared"] == ["there is no earlier model's data to compare with"]


def test_drift_stops_the_run_with_exit_3_where_it_is_told_to_and_is_a_note_otherwise(folder):
    drifted(folder)
    stopped = run_config(folder, "--set", "validate.drift=stop")
    told = one_paragraph(stopped)

    assert stopped.returncode == 3
    assert told.startswith(
        "glovebeam: drift: the new examples differ from what version 1 was trained on: class_name has"
    )
    assert "Tokens that moved most: " in told
    assert "'sprocket' 0.000 % -> " in told
    assert len(list((folder / "root" / "artifacts" / "encode").iterdir())) == 1

    warned = run_config(folder, "--to", "drift")
    assert warned.returncode == 0
    assert "drift: cached (" in warned.stdout  # what becomes of the drift is not in the key of what was measured
    assert f"note: {told.removeprefix('glovebeam: ').partition(' Look into')[0]}" in warned.stdout

    off = run_config(folder, "--to", "drift", "--set", "validate.drift=off")
    assert (off.returncode, "drift" in off.stdout, "encode" in off.stdout) == (0, False, False)


def test_statistics_that_are_gone_are_told_and_nothing_is_compared(folder):
    shutil.rmtree(folder / "root" / "artifacts" / "validate")
    write_reviews(folder / "reviews.csv", ALIKE)

    done = run_config(folder, "--to", "drift", "--set", "validate.drift=stop")

    assert done.returncode == 0
    assert "note: the statistics of what version 1 was trained on are gone or altered, so the new" in done.stdout
    requests = folder / "requests.txt"
    requests.write_text("good film\n")
    refused = glovebeam("validate", "--input", "requests.txt", "--root", "root", cwd=folder)
    assert refused.returncode == 2
    assert "requests cannot be compared with them" in one_paragraph(refused)


def test_logged_requests_are_held_against_what_the_serving_model_was_trained_on(served, tmp_path):
    root = str(served / "root")
    (vocabulary,) = (served / "root" / "artifacts" / "build_vocabulary").glob("*/vocabulary.txt")
    known = set(vocabulary.read_text().split())
    trained = [text for text, _ in tiny_reviews() if set(text.split()) <= known]
    (tmp_path / "alike.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in trained))
    (tmp_path / "other.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text, _ in OTHER))

    alike = glovebeam(
        "validate", "--input", "alike.jsonl", "--root", root, "--set", "validate.drift=stop", cwd=tmp_path
    )
    warned = glovebeam("validate", "--input", "other.jsonl", "--root", root, cwd=tmp_path)
    stopped = glovebeam(
        "validate", "--input", "other.jsonl", "--root", root, "--set", "validate.drift=stop", cwd=tmp_path
    )
    as_json = glovebeam("validate", "--input", "other.jsonl", "--root", root, "--json", cwd=tmp_path)

    assert (alike.returncode, "warning" in alike.stdout) == (0, False), alike.stdout
    assert alike.stdout.splitlines()[0] == f"alike.jsonl: {len(trained)} rows, beside what version 1 knows"
    assert warned.returncode == 0
    assert "warning: text_words has moved, 3.0 words on average -> 12.0 (L-infinity distance " in warned.stdout
    assert stopped.returncode == 3
    assert stopped.stdout == warned.stdout
    assert "the requests differ from what version 1 was trained on: " in one_paragraph(stopped)
    found = json.loads(as_json.stdout)
    assert found["features"]["text_words"]["infinity_norm"] > 0.9
    assert len(found["moved_tokens"]) == 10


def test_a_new_span_that_drifts_is_told_and_the_spans_before_it_are_not_read_again(folder):
    reviews = list(tiny_reviews())
    for day in range(3):
        deliver(folder, day + 1, reviews[40 * day : 40 * (day + 1)])
    assert run_spans(folder).returncode == 0

    deliver(folder, 4, OTHER)
    done = run_spans(folder)

    assert done.returncode == 3
    assert "'sprocket' 0.000 % -> " in one_paragraph(done)
    assert "rows read: 40 of 160, 3 spans cached" in done.stdout


def deliver(folder, day, reviews):
    place = folder / "data" / f"2026-11-{day:02}"
    place.mkdir(parents=True)
    write_reviews(place / "reviews.csv", reviews)


def run_spans(folder):
    settings = (
        "ingest.source=data/{YYYY}-{MM}-{DD}/*.csv", "check_labels.min_agreement=0", "validate.drift=stop",
    )  # fmt: skip
    return run_config(folder, "--to", "drift", *[word for setting in settings for word in ("--set", setting)])
