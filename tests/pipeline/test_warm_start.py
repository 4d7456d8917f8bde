"""Which model a warm start goes on from, and that it costs nothing where nothing is new."""

import shutil

import pytest

from pipeline.metadata import Metadata
from pipeline.terminal.lineage import lineage, lineage_lines
from pipeline.upkeep.clean import clean
from pipeline.upkeep.rollback import roll_back
from tests.pipeline.test_runner import EVERYTHING_CACHED


@pytest.fixture
def night(toy):
    """A run with the texts of one more night."""
    toy.texts = "Good\nBad film\n"

    def night(number=None, **settings):
        if number is not None:
            toy.texts += f"film {number}\n"
        (toy.folder / "reviews.txt").write_text(toy.texts)
        return toy.run(train__warm_start=True, **settings)

    return night


def trained(toy):
    """What the newest training went on from, by what each of the models before it was trained on."""
    with_model = [step for step in toy.records()[-1]["steps"] if step["name"] == "train"]
    return (toy.root.path / with_model[0]["artifact"] / "model.keras").read_text().count(", then ")


def serving(toy):
    return sorted(int(path.name) for path in toy.root.serving.iterdir())


def test_the_first_night_starts_cold_and_says_so(toy, night):
    night()
    assert "note: cold start: no model serves yet" in toy.out
    assert trained(toy) == 0


def test_new_data_are_learnt_by_the_model_that_serves_and_old_ones_not_again(toy, night):
    for number, models_before in ((None, 0), (1, 1), (2, 2)):
        night(number)
        assert trained(toy) == models_before
        assert night() == EVERYTHING_CACHED
        assert "cold start" not in toy.out or models_before == 0
    assert serving(toy) == [1, 2, 3]


def test_a_cold_start_that_is_asked_for_goes_on_from_nothing(toy, night):
    night()
    (toy.folder / "reviews.txt").write_text("Good\nBad film\nfilm 1\n")
    toy.run()
    assert trained(toy) == 0


def test_other_parameters_on_the_same_data_begin_where_the_model_that_serves_began(toy, night):
    night()
    night(1)
    assert night(train__epochs=4)["train"] == "run (params.epochs 3 -> 4)"
    assert trained(toy) == 1


def test_after_a_rollback_new_data_are_learnt_by_the_model_that_serves_again(toy, night):
    night()
    night(1)
    roll_back(toy.root, 1)
    assert night()["train"] == "cached"  # taken out of service, and not made once more
    night(2)
    assert trained(toy) == 1


def test_a_serving_model_that_is_gone_or_altered_is_told_and_the_start_is_cold(toy, night):
    night()
    (toy.artifact("train") / "model.keras").write_text("altered")
    night(1)
    assert "cold start: the training artifact of serving version 1 is altered: artifacts/train/" in toy.out
    assert trained(toy) == 0
    assert serving(toy) == [1, 2]


def test_a_dry_run_plans_the_same(toy, night):
    night()
    night(1)
    assert night(dry=True) == EVERYTHING_CACHED
    plan = night(2, dry=True)
    assert plan["train"] == "would run (input encoded would change)"


def test_what_earlier_models_were_made_from_may_go_and_the_next_run_needs_none_of_it(toy, night):
    for number in range(5):
        night(number)
    clean(toy.root, keep_runs=1, keep_versions=1, dry_run=False)
    assert len(list((toy.root.artifacts / "train").iterdir())) == 2  # the one that serves, the one it went on from
    assert night() == EVERYTHING_CACHED
    shutil.rmtree(toy.root.artifacts / "train" / toy_initial(toy))
    assert night() == EVERYTHING_CACHED  # what it went on from is in the key by its digest


def toy_initial(toy):
    """The folder of the model that the newest one went on from."""
    metadata = Metadata.read(toy.root.metadata_file)
    newest = metadata.artifacts("a.type = 'Model' AND a.state = 'LIVE'")[0]
    return metadata.inputs(newest)["initial"].uri.rpartition("/")[2]


def test_the_lineage_names_the_model_before_and_stops_there(toy, night):
    for number in range(3):
        night(number)
    tree = lineage(toy.root, "serving/3")
    initial = tree["made_from"]["model"]["made_from"]["initial"]
    assert (initial["type"], initial["made_from"]) == ("Model", {})
    assert sum("initial: artifacts/train/" in line for line in lineage_lines(tree)) == 1
