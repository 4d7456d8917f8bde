"""What `clean` removes, what it keeps, and what a later run makes of it."""

import pytest

from pipeline.execution.lock import locked
from pipeline.metadata import Metadata
from pipeline.terminal.lineage import lineage, lineage_lines
from pipeline.terminal.versions import versions
from pipeline.upkeep import clean as cleaning
from pipeline.upkeep.clean import clean
from pipeline.upkeep.rollback import roll_back
from schemas.errors import GlovebeamError, LockedError, UsageError
from tests.pipeline.conftest import killed_around
from tests.pipeline.test_runner import EVERYTHING_CACHED, everything_below


@pytest.fixture
def four_nights(toy):
    """Four runs, each with other texts and a new version."""
    for night in range(4):
        (toy.folder / "reviews.txt").write_text(f"Good\nBad film {night}\n")
        toy.run()
    return toy


def tree(root):
    """Relative paths of all folders of artifacts, versions and runs."""
    folders = [*root.artifacts.glob("*/*"), *root.serving.iterdir(), *root.runs.iterdir()]
    return {root.relative(folder) for folder in folders}


def live(root):
    return {
        one.uri for one in Metadata.read(root.metadata_file).artifacts("a.state = 'LIVE' AND a.type <> 'SourceFile'")
    }


def artifacts_of(record):
    return {step["artifact"] for step in record["steps"]}


def test_what_no_kept_run_and_no_kept_version_reaches_is_removed_and_marked(four_nights):
    root, records = four_nights.root, four_nights.records()
    done = clean(root, keep_runs=1, keep_versions=2, dry_run=False)
    kept = artifacts_of(records[2]) | artifacts_of(records[3])
    kept_runs = {f"runs/{record['run_id']}" for record in records[2:]}
    assert tree(root) == kept | {"serving/3", "serving/4"} | kept_runs
    assert live(root) == {name for name in tree(root) if name.startswith("artifacts/")}
    assert done["versions"] == [1, 2]
    assert done["runs"] == [record["run_id"] for record in records[:2]]


def test_the_bytes_it_tells_are_those_that_are_gone(four_nights):
    def size():
        return sum(path.stat().st_size for path in four_nights.root.path.rglob("*") if path.is_file())

    database = [four_nights.root.metadata_file, four_nights.root.metadata_file.with_name("metadata.sqlite-wal")]
    before = size() - sum(path.stat().st_size for path in database if path.exists())
    told = clean(four_nights.root, keep_runs=1, keep_versions=1, dry_run=True)["bytes"]
    assert clean(four_nights.root, keep_runs=1, keep_versions=1, dry_run=False)["bytes"] == told > 0
    after = size() - sum(path.stat().st_size for path in database if path.exists())
    assert before - after == told


def test_a_dry_run_names_the_same_and_removes_nothing(four_nights):
    before = everything_below(four_nights.root.path)
    would = clean(four_nights.root, keep_runs=1, keep_versions=1, dry_run=True)
    assert everything_below(four_nights.root.path) == before
    assert {**clean(four_nights.root, keep_runs=1, keep_versions=1, dry_run=False), "dry_run": True} == would
    assert clean(four_nights.root, keep_runs=1, keep_versions=1, dry_run=False)["bytes"] == 0


def test_with_enough_to_keep_nothing_goes(four_nights):
    before = tree(four_nights.root)
    done = clean(four_nights.root, keep_runs=5, keep_versions=4, dry_run=False)
    assert (done["artifacts"], done["runs"], done["versions"], done["bytes"]) == ([], [], [], 0)
    assert tree(four_nights.root) == before


@pytest.mark.parametrize("keep_versions", [1, 2])
def test_after_it_a_run_without_news_is_still_cached_in_full(four_nights, keep_versions):
    clean(four_nights.root, keep_runs=0, keep_versions=keep_versions, dry_run=False)
    assert four_nights.run() == EVERYTHING_CACHED


def test_a_later_run_makes_what_it_needs_once_more(four_nights):
    first = everything_below(four_nights.root.path / four_nights.records()[0]["steps"][1]["artifact"])
    clean(four_nights.root, keep_runs=1, keep_versions=1, dry_run=False)
    (four_nights.folder / "reviews.txt").write_text("Good\nBad film 0\n")
    assert four_nights.run()["encode"].startswith("run (")
    assert {path: path.read_bytes() for path in first} == first
    assert sorted(path.name for path in four_nights.root.serving.iterdir()) == ["4", "5"]
    assert four_nights.run() == EVERYTHING_CACHED


def test_a_kept_version_can_be_gone_back_to_and_compared_with(four_nights):
    clean(four_nights.root, keep_runs=0, keep_versions=2, dry_run=False)
    assert roll_back(four_nights.root, 3)["version"] == 5
    (four_nights.folder / "reviews.txt").write_text("Good\nNew\n")
    four_nights.run()
    assert "is not compared with it" not in four_nights.out
    assert "reviews.txt: sha256 " in "\n".join(lineage_lines(lineage(four_nights.root, "serving/3")))
    assert [one["version"] for one in versions(four_nights.root)] == [6, 5, 4, 3]


def test_a_version_that_a_rollback_took_out_of_service_stays_out_of_it(four_nights):
    roll_back(four_nights.root, 3)
    clean(four_nights.root, keep_runs=1, keep_versions=1, dry_run=False)
    four_nights.run()
    assert "note: nothing to publish: this is the model of version 4" in four_nights.out
    assert [path.name for path in four_nights.root.serving.iterdir()] == ["5"]


def test_the_run_that_made_a_kept_version_is_still_shown(four_nights):
    for _ in range(3):
        four_nights.run()
    clean(four_nights.root, keep_runs=1, keep_versions=1, dry_run=False)
    (serving,) = versions(four_nights.root)
    assert serving["run"] in [record["run_id"] for record in four_nights.records()]


def test_the_records_of_nights_without_news_do_not_pile_up(four_nights):
    def records():
        database = Metadata.read(four_nights.root.metadata_file).db
        tables = ("executions", "events", "associations", "contexts", "artifacts", "artifact_files")
        return {table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}

    counts = []
    for _ in range(2):
        for _ in range(3):
            four_nights.run()
        clean(four_nights.root, keep_runs=2, keep_versions=1, dry_run=False)
        counts.append(records())
    assert counts[0] == counts[1]
    database = Metadata.read(four_nights.root.metadata_file).db
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []


def test_an_artifact_that_a_killed_run_had_just_finished_is_kept_for_the_next(four_nights):
    (four_nights.folder / "reviews.txt").write_text("Good\nBad film 9\n")
    four_nights.command(DIE_AFTER="put_in_place", DIE_AT_CALL="3")
    clean(four_nights.root, keep_runs=1, keep_versions=1, dry_run=False)
    assert four_nights.run()["train"] == "cached"


def test_the_checkpoint_of_a_killed_training_is_kept(four_nights):
    four_nights.command("train.epochs=5", DIE_IN_EPOCH="4")
    clean(four_nights.root, keep_runs=1, keep_versions=1, dry_run=False)
    done = four_nights.command("train.epochs=5")
    (log,) = (four_nights.root.runs / four_nights.records()[-1]["run_id"]).glob("log.txt")
    assert done.returncode == 0
    assert "epochs trained here: 2" in log.read_text()


def test_folders_of_others_are_left_alone(four_nights):
    (four_nights.root.artifacts / "train" / "mine").mkdir()
    (four_nights.root.serving / "notes").mkdir()
    clean(four_nights.root, keep_runs=0, keep_versions=1, dry_run=False)
    assert (four_nights.root.artifacts / "train" / "mine").exists()
    assert (four_nights.root.serving / "notes").exists()


def test_a_root_that_a_run_holds_is_left_alone(four_nights):
    with locked(four_nights.root.lock_file), pytest.raises(LockedError, match="is at work in"):
        clean(four_nights.root, keep_runs=0, keep_versions=1, dry_run=False)


def test_a_root_without_records_is_refused(toy):
    (toy.root.artifacts / "train" / "0123456789ab").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"There is no run in .*root yet, so there is nothing to remove"):
        clean(toy.root, keep_runs=0, keep_versions=1, dry_run=False)
    assert (toy.root.artifacts / "train" / "0123456789ab").exists()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("function", ["hide", "mark_removed", "remove"])
def test_killed_at_any_instant_the_root_is_in_order_and_a_second_try_finishes(four_nights, function, when):
    root = four_nights.root
    killed_around((cleaning, function), when, lambda: clean(root, keep_runs=1, keep_versions=1, dry_run=False))
    assert four_nights.run() == EVERYTHING_CACHED
    assert [one["version"] for one in versions(root) if one["serves"]] == [4]
    for version in (1, 2, 3):  # whole or refused
        if (root.serving / str(version)).exists():
            assert (root.serving / str(version) / "model").exists()
        else:
            with pytest.raises(GlovebeamError, match="no version"):
                roll_back(root, version)

    clean(root, keep_runs=1, keep_versions=1, dry_run=False)
    newest = four_nights.records()[-1]
    assert [path.name for path in root.serving.iterdir()] == ["4"]
    assert artifacts_of(newest) <= live(root)
    assert live(root) == {name for name in tree(root) if name.startswith("artifacts/")}
    assert four_nights.run() == EVERYTHING_CACHED
