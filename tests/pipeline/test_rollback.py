"""Going back to an earlier model, and what runs make of it afterwards."""

import shutil
import subprocess
import sys

import pytest

from pipeline.execution.lock import locked
from pipeline.metadata import Metadata
from pipeline.terminal.lineage import lineage, lineage_lines
from pipeline.terminal.versions import versions, versions_lines
from pipeline.upkeep import rollback
from pipeline.upkeep.rollback import roll_back
from schemas.errors import GlovebeamError, LockedError, UsageError
from tests.pipeline.command_line import HEAVY
from tests.pipeline.conftest import killed_around


@pytest.fixture
def two_versions(toy):
    """Version 1 was trained for 3 epochs, version 2 for 4."""
    toy.run()
    toy.run(train__epochs=4)
    return toy


def served(toy):
    """Version -> the letters that its model learnt, one an epoch; all that a server sees."""
    folders = [path for path in toy.root.serving.iterdir() if not path.name.startswith(".")]
    return {int(path.name): (path / "model").read_text().partition("good")[0] for path in sorted(folders)}


def test_a_rollback_publishes_the_earlier_model_as_a_new_version(two_versions):
    assert roll_back(two_versions.root, 1) == {"version": 3, "restores": 1, "replaces": 2}
    assert served(two_versions) == {1: "bcd", 2: "bcde", 3: "bcd"}
    assert [(one["version"], one["restores"], one["serves"]) for one in versions(two_versions.root)] == [
        (3, 1, True), (2, None, False), (1, None, False),
    ]  # fmt: skip
    assert "version 3 serves, which is version 1 again: model " in "\n".join(
        versions_lines(versions(two_versions.root))
    )


def test_a_rollback_is_an_execution_with_its_events(two_versions):
    roll_back(two_versions.root, 1)
    (execution,) = Metadata.read(two_versions.root.metadata_file).db.execute(
        "SELECT id, last_known_state, reason FROM executions WHERE type = 'rollback'"
    )
    events = Metadata.read(two_versions.root.metadata_file).db.execute(
        """SELECT v.type, v.name, a.type, a.state FROM events v JOIN artifacts a ON a.id = v.artifact_id
        WHERE v.execution_id = ? ORDER BY v.type, v.name""",
        [execution[0]],
    )
    assert execution[1:] == ("COMPLETE", "from version 2 back to version 1")
    assert list(events) == [
        ("INPUT", "model", "Model", "LIVE"),
        ("INPUT", "restored", "PushedModel", "LIVE"),
        ("OUTPUT", "rollback", "PushedModel", "LIVE"),
    ]
    tree = "\n".join(lineage_lines(lineage(two_versions.root, "serving/3")))
    assert "restored: artifacts/push/" in tree
    assert "run None" not in tree
    assert "reviews.txt: sha256 " in tree


def test_the_next_model_is_compared_with_the_one_that_serves_after_the_rollback(two_versions):
    roll_back(two_versions.root, 1)
    assert two_versions.run(train__epochs=5)["push"] == "run (replaces_version 1 -> 3, input model changed)"
    assert served(two_versions)[4] == "bcdef"


@pytest.mark.parametrize(
    ("epochs", "note"),
    [
        (4, "this is the model of version 2, which the rollback to version 1 took out of service; `glovebeam rollback"),
        (3, "version 3 serves this model since the rollback to version 1"),
    ],
)
def test_a_run_neither_publishes_what_was_taken_out_of_service_nor_what_serves_by_the_rollback(
    two_versions, epochs, note
):
    roll_back(two_versions.root, 1)
    for dry in (True, False):
        plan = two_versions.run(train__epochs=epochs, dry=dry)
        assert plan == dict.fromkeys(("ingest", "encode", "train"), "cached")
        assert f"note: nothing to publish: {note}" in two_versions.out
    assert sorted(served(two_versions)) == [1, 2, 3]
    assert two_versions.records()[-1]["exit_code"] == 0


def test_a_rollback_can_be_rolled_back(two_versions):
    roll_back(two_versions.root, 1)
    assert roll_back(two_versions.root, 2) == {"version": 4, "restores": 2, "replaces": 3}
    assert served(two_versions)[4] == "bcde"
    assert (
        "serves this model since the rollback to version 2" in (two_versions.run(train__epochs=4), two_versions.out)[1]
    )
    assert "the model of version 3, which the rollback to version 2" in (two_versions.run(), two_versions.out)[1]


def test_a_model_that_only_comes_after_a_rollback_is_no_business_of_it(two_versions):
    roll_back(two_versions.root, 1)
    two_versions.run(train__epochs=5)
    assert set(two_versions.run(train__epochs=5).values()) == {"cached"}
    assert two_versions.run(train__epochs=3)["push"].startswith("run (")  # version 1 again, after another one
    assert served(two_versions)[5] == "bcd"


def test_going_back_to_what_serves_does_nothing(two_versions):
    for version in (2, 2):
        assert roll_back(two_versions.root, version) == {"version": 2, "restores": 2, "replaces": 2}
    roll_back(two_versions.root, 1)
    assert roll_back(two_versions.root, 1)["version"] == 3
    assert sorted(served(two_versions)) == [1, 2, 3]


def test_a_version_that_is_not_there_is_refused_with_those_that_are(two_versions):
    roll_back(two_versions.root, 1)
    shutil.rmtree(two_versions.root.serving / "2")
    with pytest.raises(UsageError, match=r"has no version 2 to go back to\. There are: 1, 3\. `glovebeam versions`"):
        roll_back(two_versions.root, 2)


def test_a_root_without_a_model_is_refused(toy):
    with pytest.raises(UsageError, match="has no published model yet, so there is nothing to go back to"):
        roll_back(toy.root, 1)
    assert not toy.root.path.exists()


def test_a_version_that_was_altered_is_not_published(two_versions):
    (two_versions.root.serving / "1" / "model").write_text("altered")
    with pytest.raises(GlovebeamError, match=r"not as it was published \(altered: serving/1/model\), so what serves"):
        roll_back(two_versions.root, 1)
    assert sorted(served(two_versions)) == [1, 2]


def test_a_rollback_waits_for_nobody(two_versions):
    with locked(two_versions.root.lock_file), pytest.raises(LockedError, match="is at work in"):
        roll_back(two_versions.root, 1)


STAGES = ["stage", "add_pending", "put_in_place", "record_execution", "reveal"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("function", STAGES)
def test_killed_at_any_instant_one_of_the_two_serves_and_runs_and_a_second_try_know_which(two_versions, function, when):
    root = two_versions.root
    killed_around((rollback, function), when, lambda: roll_back(root, 1))
    is_done = (function, when) == ("reveal", "after")
    assert served(two_versions) == {1: "bcd", 2: "bcde", **({3: "bcd"} if is_done else {})}
    assert [one["version"] for one in versions(root) if one["serves"]] == [3 if is_done else 2]

    plan = two_versions.run(train__epochs=4)
    assert ("push" in plan) is not is_done  # else the run would go back to version 2
    assert roll_back(root, 1)["version"] == 3
    assert served(two_versions) == {1: "bcd", 2: "bcde", 3: "bcd"}
    assert two_versions.run(train__epochs=5)["push"] == "run (replaces_version 1 -> 3, input model changed)"
    assert not list(root.path.rglob(".incoming-*")) + list(root.artifacts.rglob(".*.partial"))


def test_a_killed_rollback_does_not_shadow_what_is_published_next(two_versions):
    killed_around((rollback, "reveal"), "before", lambda: roll_back(two_versions.root, 1))
    two_versions.run(train__epochs=5)
    assert served(two_versions) == {1: "bcd", 2: "bcde", 3: "bcdef"}
    assert [(one["version"], one["restores"]) for one in versions(two_versions.root)] == [
        (3, None),
        (2, None),
        (1, None),
    ]
    assert set(two_versions.run(train__epochs=5).values()) == {"cached"}


def test_a_rollback_imports_no_heavy_library(two_versions):
    program = (
        "import sys; from pipeline.cli import main\n"
        "sys.argv = ['glovebeam', 'rollback', '1', '--root', 'root']\n"
        "try: main()\n"
        f"finally: print('IMPORTED', *[name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=two_versions.folder, capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "pushed: version 3, which is version 1 again, root/serving/3",
        "runs do not publish again what came after version 1; `glovebeam rollback 2` would",
        "IMPORTED",
    ]
