"""A source in spans, through the real command: what a new day costs, and what is told of days that are not as usual."""

import json
from pathlib import Path

import pytest

from tests.pipeline.command_line import glovebeam, one_paragraph, tiny_reviews

SOURCE = "data/{YYYY}-{MM}-{DD}/v{VERSION}/*.jsonl"


@pytest.fixture
def folder(tmp_path):
    for day in (1, 2, 3):
        deliver(tmp_path, day)
    return tmp_path


def deliver(folder, day, rows=20, version=1):
    place = folder / "data" / f"2026-11-{day:02}" / f"v{version}"
    place.mkdir(parents=True)
    reviews = list(tiny_reviews(400))[20 * day : 20 * day + rows]
    lines = [json.dumps({"text": text, "label": label}) for text, label in reviews]
    (place / "reviews.jsonl").write_text("".join(f"{line}\n" for line in lines))


def run(folder, *options, source=SOURCE, to="build_vocabulary"):
    settings = (f"ingest.source={source}", "ingest.test_fraction=0.3", *options)
    sets = [word for setting in settings for word in ("--set", setting)]
    return glovebeam("run", "--root", "root", "--to", to, *sets, cwd=folder)


def last_record(folder):
    return json.loads(glovebeam("show", "--root", "root", "--json", cwd=folder).stdout)


def remarks(folder):
    return {step["name"]: step["remark"] for step in last_record(folder)["steps"]}


def window_shards(folder):
    newest = max((folder / "root/artifacts/ingest").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    return sorted(newest.rglob("*.parquet"))


def test_a_new_day_costs_reading_that_day_alone_and_nothing_new_costs_nothing(folder):
    assert run(folder).returncode == 0
    assert remarks(folder)["ingest"] == "rows read: 60 of 60, 0 spans cached"
    deliver(folder, 4)
    done = run(folder)
    read = "rows read: 20 of 80, 3 spans cached"
    expected = {
        "ingest_span": "span 2026-11-04", "ingest": read, "measure_span": "span 2026-11-04", "validate": read,
        "count_span": "span 2026-11-04", "build_vocabulary": read,
    }  # fmt: skip
    assert remarks(folder) == expected
    assert "ingest_span: run (new span), 20 rows, span 2026-11-04, " in done.stdout
    assert all(shard.stat().st_nlink > 1 for shard in window_shards(folder)), "a window should take no room"
    again = run(folder)
    assert again.returncode == 0
    assert "nothing new" in again.stdout
    assert set(remarks(folder).values()) == {"rows read: 0 of 80, 4 spans cached"}


def test_what_is_put_together_is_what_one_reading_of_the_whole_window_would_count(folder):
    assert run(folder).returncode == 0
    assert run(folder, source="data/*/v1/*.jsonl").returncode == 0
    for step, file in (("validate", "summary.json"), ("build_vocabulary", "counts.parquet")):
        contents = {path.read_bytes() for path in (folder / "root/artifacts" / step).glob(f"*/{file}")}
        assert len(contents) == 1, step
    assert len(list((folder / "root/artifacts/ingest").iterdir())) == 2


def test_days_that_are_late_missing_empty_shrunken_copied_or_delivered_again_are_named(folder):
    assert run(folder).returncode == 0
    deliver(folder, 5)
    deliver(folder, 6, rows=4)
    deliver(folder, 7, rows=0)
    deliver(folder, 8)
    (folder / "data/2026-11-08/v1/reviews.jsonl").write_bytes(
        (folder / "data/2026-11-05/v1/reviews.jsonl").read_bytes()
    )
    deliver(folder, 2, rows=19, version=2)
    changed = folder / "data/2026-11-03/v1/reviews.jsonl"
    changed.write_text(changed.read_text().replace("film", "movie"))
    done = run(folder)
    told = [
        "span 2026-11-08 holds the very files of span 2026-11-05, so it is left out",
        "span 2026-11-04 is missing, or late",
        "span 2026-11-02 was delivered again, as version 2 after 1",
        "span 2026-11-03 was delivered again: its files are others than before",
        "span 2026-11-06 has shrunk: 4 rows, beside it 20",
        "span 2026-11-07 is empty",
    ]
    assert [line.removeprefix("note: ") for line in done.stdout.splitlines() if line.startswith("note: ")] == told
    assert last_record(folder)["notes"] == told
    assert remarks(folder)["ingest"] == "rows read: 63 of 83, 1 span cached"
    deliver(folder, 4)
    assert "note: span 2026-11-04 came late, after a later one was read\n" in run(folder).stdout


def test_a_broken_file_names_its_span_and_leaves_the_others_cached(folder):
    deliver(folder, 4)
    broken = folder / "data/2026-11-03/v1/reviews.jsonl"
    good = broken.read_text()
    broken.write_text("<html>not found</html>\n")
    done = run(folder)
    assert done.returncode == 3
    assert one_paragraph(done).startswith("glovebeam: span 2026-11-03: ")
    assert "ingest.without = ['2026-11-03']" in done.stderr
    assert run(folder, 'ingest.without=["2026-11-03"]').returncode == 0
    broken.write_text(good)
    assert run(folder).returncode == 0
    assert remarks(folder)["ingest"] == "rows read: 20 of 80, 3 spans cached"


def test_a_window_takes_the_spans_that_it_names(folder):
    assert run(folder, "ingest.window=last 2", to="ingest").returncode == 0
    assert remarks(folder)["ingest"] == "rows read: 40 of 40, 0 spans cached"
    assert run(folder, "ingest.window=since 2026-11-03", to="ingest").returncode == 0
    assert remarks(folder)["ingest"] == "rows read: 0 of 20, 1 span cached"
    assert run(folder, "ingest.window=recent", to="ingest").returncode == 2
    assert run(folder, "ingest.window=last 2", source=str(Path("data/*/*/*.jsonl")), to="ingest").returncode == 2
