import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from components import push as push_module
from components.evaluate import write_predictions
from components.evaluation.metrics import Predictions
from components.push import PushParams, publish, push, verify
from components.serving import publication
from components.serving.publication import folder_digest
from components.serving.warm_up import WARM_UP_FILE
from schemas.artifacts import read_json, write_json
from schemas.errors import GlovebeamError, NotBlessedError
from schemas.model_artifacts import Evaluation
from tests.components.tiny_models import write_model

LOGITS = {"superb": 2.0, "dull": -1.0, "even": 0.0}
TEST = [("superb", 1), ("dull", 1), ('"even"\nnaïve', 0)]  # the last text has an unknown token and a newline
ANSWERS = [[0.1192029, 0.8807971], [0.7310586, 0.2689414], [0.5, 0.5]]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"), LOGITS)


@pytest.fixture
def examples(write_examples):
    return write_examples({"train": TEST, "test": TEST})


@pytest.fixture
def evaluation_of(folder):
    """What evaluate would have recorded, had the model answered like this."""

    def write(answers=ANSWERS, blessed=True):
        evaluation = Evaluation(folder("evaluation"))
        ids = [f"test:{i}" for i in range(len(answers))]
        predictions = Predictions(ids, np.array([label for _, label in TEST][: len(answers)]), np.float32(answers))
        write_predictions(evaluation.predictions_file, predictions)
        write_json(evaluation.path / "metrics.json", {"accuracy": 0.75})
        write_json(evaluation.path / "blessing.json", {"blessed": blessed, "checks": []})
        return evaluation

    return write


@pytest.fixture
def saved_model(tmp_path):
    """A folder to publish, of which publishing needs no more than its bytes."""
    path = tmp_path / "saved_model"
    (path / "variables").mkdir(parents=True)
    (path / "assets").mkdir()
    (path / "saved_model.pb").write_bytes(b"graph")
    (path / "variables" / "variables.index").write_bytes(b"weights")
    return path


@pytest.fixture
def answering(monkeypatch):
    """Replace the fresh process by given answers: what is judged here is the comparison."""

    def answer(lines):
        def run(saved_model: Path, texts_file: Path, answers_file: Path) -> None:
            assert len(texts_file.read_text().splitlines()) == len(lines)
            answers_file.write_text("".join(f"{line}\n" for line in lines))

        monkeypatch.setattr(push_module, "_run_fresh_process", run)

    return answer


def test_a_model_that_answers_as_recorded_is_published_byte_for_byte(model, examples, evaluation_of, folder, tmp_path):
    serving = tmp_path / "serving"

    pushed = push(model, evaluation_of(), examples, serving, PushParams(), folder("out"))

    assert pushed.version == 1
    assert [path.name for path in serving.iterdir()] == ["1"]
    extra = {WARM_UP_FILE: (serving / "1" / WARM_UP_FILE).read_bytes()}
    assert folder_digest(serving / "1") == folder_digest(model.saved_model, extra)
    assert read_json(pushed.path / "pushed.json") == {
        "version": 1,
        "model_digest": folder_digest(model.saved_model),
        "rows": {"test": 3, "train": 3, "validation": 0},
        "metrics": {"accuracy": 0.75},
        "blessing": {"blessed": True, "checks": []},
    }
    assert [path.name for path in pushed.path.iterdir()] == ["pushed.json"]


def test_a_model_that_answers_other_than_recorded_is_not_published(
    model, examples, evaluation_of, folder, tmp_path, answering
):
    labels = ("positive", "negative", "negative")
    answering([f'{{"label": "{a}", "probability": {p}}}' for a, p in zip(labels, ANSWERS, strict=True)])
    evaluation = evaluation_of([ANSWERS[0], [0.7313586, 0.2686414], [0.5, 0.5]])  # 3e-4 off

    with pytest.raises(GlovebeamError, match=r"of 3 test texts 1 differ, most of all test:1 with \[0.731.* instead of"):
        push(model, evaluation, examples, tmp_path / "serving", PushParams(), folder("out"))

    assert not (tmp_path / "serving").exists()


def test_a_broken_saved_model_is_reported_in_one_paragraph(model, examples, evaluation_of, folder, tmp_path):
    broken = write_copy(model, tmp_path / "broken")
    (broken.saved_model / "variables" / "variables.index").unlink()

    with pytest.raises(GlovebeamError, match=r"fresh Python with TensorFlow alone cannot load .*variables") as raised:
        push(broken, evaluation_of(), examples, tmp_path / "serving", PushParams(), folder("out"))

    assert "Traceback" not in str(raised.value)
    assert not (tmp_path / "serving").exists()


def write_copy(model, path):
    shutil.copytree(model.path, path)
    return type(model)(path)


def test_a_python_that_cannot_start_is_reported_in_one_paragraph(
    model, examples, evaluation_of, folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(push_module.sys, "executable", "/nowhere/python")

    with pytest.raises(GlovebeamError, match=r"cannot start /nowhere/python to verify the model: .*No such file"):
        push(model, evaluation_of(), examples, tmp_path / "serving", PushParams(), folder("out"))


def test_another_label_is_refused_but_not_where_two_classes_are_even(model, examples, evaluation_of, folder, answering):
    probabilities = [str(row) for row in ANSWERS]
    evaluation = evaluation_of()
    even_differs = ["positive", "negative", "positive"]
    answering([f'{{"label": "{a}", "probability": {p}}}' for a, p in zip(even_differs, probabilities, strict=True)])
    verify(model, evaluation, examples, 10, folder("even"))

    swapped = ["negative", "negative", "negative"]
    answering([f'{{"label": "{a}", "probability": {p}}}' for a, p in zip(swapped, probabilities, strict=True)])
    with pytest.raises(GlovebeamError, match=r"gives 1 of 3 test texts another label, such as test:0: 'negative' inst"):
        verify(model, evaluation, examples, 10, folder("swapped"))


def test_not_a_number_is_never_close_enough(model, examples, evaluation_of, folder, answering):
    answering([f'{{"label": "positive", "probability": {p}}}' for p in ("[NaN, NaN]", ANSWERS[1], ANSWERS[2])])

    with pytest.raises(GlovebeamError, match="most of all test:0 with"):
        verify(model, evaluation_of(), examples, 10, folder("out"))


def test_verify_examples_bounds_what_is_asked(model, examples, evaluation_of, folder, answering):
    answering([f'{{"label": "positive", "probability": {ANSWERS[0]}}}'])

    verify(model, evaluation_of(), examples, 1, folder("out"))


def test_predictions_of_other_examples_are_refused(model, examples, evaluation_of, folder, answering):
    answering([f'{{"label": "positive", "probability": {ANSWERS[0]}}}'] * 3)

    with pytest.raises(GlovebeamError, match=r"answered 3 test texts, but predictions.parquet holds 2"):
        verify(model, evaluation_of(ANSWERS[:2]), examples, 10, folder("out"))


def test_a_model_that_is_not_blessed_is_never_pushed(model, examples, evaluation_of, folder, tmp_path):
    with pytest.raises(NotBlessedError):
        push(model, evaluation_of(blessed=False), examples, tmp_path / "serving", PushParams(), folder("out"))

    assert not (tmp_path / "serving").exists()


def test_versions_count_on_from_the_largest_and_nothing_is_overwritten(saved_model, tmp_path):
    serving = tmp_path / "serving"
    (serving / "2").mkdir(parents=True)
    (serving / "10").mkdir()
    (serving / "10" / "saved_model.pb").write_bytes(b"older")
    (serving / "notes").mkdir()

    assert publish(saved_model, serving) == 11
    assert (serving / "10" / "saved_model.pb").read_bytes() == b"older"
    assert (serving / "11" / "assets").is_dir()
    assert sorted(path.name for path in serving.iterdir()) == ["10", "11", "2", "notes"]


def test_publishing_again_adopts_the_newest_version_if_it_is_the_same_model(saved_model, tmp_path):
    serving = tmp_path / "serving"

    assert publish(saved_model, serving) == 1
    assert publish(saved_model, serving) == 1
    (saved_model / "saved_model.pb").write_bytes(b"other graph")
    assert publish(saved_model, serving) == 2
    (saved_model / "saved_model.pb").write_bytes(b"graph")  # version 1 again, which is no longer the newest
    assert publish(saved_model, serving) == 3


def test_what_a_killed_push_left_is_removed(saved_model, tmp_path):
    serving = tmp_path / "serving"
    (serving / ".incoming-0123").mkdir(parents=True)
    (serving / ".incoming-0123" / "saved_model.pb").write_bytes(b"half")

    publish(saved_model, serving)

    assert [path.name for path in serving.iterdir()] == ["1"]


def test_a_copy_that_fails_half_way_leaves_nothing_behind(saved_model, tmp_path, monkeypatch):
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publication, "sync_folder", full)

    with pytest.raises(OSError, match="No space left"):
        publish(saved_model, tmp_path / "serving")

    assert list((tmp_path / "serving").iterdir()) == []


def test_the_digest_sees_names_and_contents_and_nothing_else(saved_model, tmp_path):
    before = folder_digest(saved_model)
    copy = tmp_path / "copy"
    shutil.copytree(saved_model, copy)
    assert folder_digest(copy) == before
    (copy / "saved_model.pb").rename(copy / "renamed.pb")
    assert folder_digest(copy) != before
    lines = "".join(
        f"{name}\0{hashlib.sha256(content).hexdigest()}\n"
        for name, content in (("saved_model.pb", b"graph"), ("variables/variables.index", b"weights"))
    )
    assert before == hashlib.sha256(lines.encode()).hexdigest()
