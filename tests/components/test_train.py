"""What is trained: the artifact, the parts and how they are fitted."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pytest

from components.dataset import evaluation_dataset
from components.model import DEEP, WIDE
from schemas.artifacts import EncodedExamples
from schemas.errors import DataError, UsageError
from schemas.model_artifacts import Model
from tests.components.train_helpers import (
    FAST,
    TINY,
    KilledError,
    TrainInputs,
    kill,
    rows,
    write_encoded,
    write_inputs,
    write_vocabulary,
)

PATIENT = FAST.model_copy(update={"epochs": 9, "patience": 2, "dropout": 0.1, "learning_rate_decay": "none", "seed": 2})


@pytest.fixture(scope="module")
def hopeless(tmp_path_factory: pytest.TempPathFactory) -> TrainInputs:
    """Validation labels are the wrong way round: the better the fit, the worse the validation loss."""
    contrary = [(tokens, 1 - label) for tokens, label in rows(20, seed=1)]
    return write_inputs(tmp_path_factory.mktemp("hopeless"), {"train": rows(40), "validation": contrary})


@pytest.fixture(scope="module")
def stopped(hopeless: TrainInputs, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return hopeless.train(PATIENT, tmp_path_factory.mktemp("stopped"))


def batch(encoded: EncodedExamples, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Token ids and labels of a small split."""
    token_ids, labels, _ = next(evaluation_dataset(encoded, split, 64).as_numpy_iterator())
    return token_ids, labels


def outputs_of(model: Model, layers: Sequence[str], token_ids: np.ndarray) -> list[np.ndarray]:
    classifier = keras.models.load_model(model.keras_file)
    outputs = [classifier.get_layer(layer).output for layer in layers]
    return [np.asarray(output) for output in keras.Model(classifier.input, outputs)(token_ids)]


def test_the_artifact_is_complete(trained: Model) -> None:
    assert sorted(path.name for path in trained.path.iterdir()) == [
        "history.json",
        "model.keras",
        "saved_model",
        "tensorboard",
    ]
    history = trained.history
    assert set(history) == {"epochs", "best_epoch", "kept", "stopped_early", "scales", "warm_start"}
    assert [set(metrics) for metrics in history["epochs"]] == [{"loss", "accuracy", "val_loss", "val_accuracy"}] * 2


def test_the_kept_model_carries_no_state_of_the_optimizer(trained: Model) -> None:
    assert not keras.models.load_model(trained.keras_file).compiled
    with zipfile.ZipFile(trained.keras_file) as archive:
        assert b"optimizer" not in archive.read("model.weights.h5")


def test_the_kept_model_is_the_sum_of_its_parts_scaled_as_recorded(trained: Model, tiny: TrainInputs) -> None:
    token_ids, _ = batch(tiny.encoded, "test")
    deep, wide = outputs_of(trained, [DEEP, WIDE], token_ids)
    logits = keras.models.load_model(trained.keras_file)(token_ids)
    scales = trained.history["scales"]
    assert len({*scales.values(), 0.5}) == 3  # fitted, one by one
    np.testing.assert_allclose(logits, (scales["deep"] * deep + scales["wide"] * wide)[:, 0], rtol=1e-5)


def test_every_member_learns_in_a_way_of_its_own(tiny: TrainInputs, tmp_path: Path) -> None:
    params = FAST.model_copy(update={"members": 2, "epochs": 8, "embedding": "random", "dropout": 0.1})
    model = tiny.train(params, tmp_path)
    assert max(epoch["val_accuracy"] for epoch in model.history["epochs"]) == 1.0
    token_ids, labels = batch(tiny.encoded, "train")
    one, two = (logits[:, 0] for logits in outputs_of(model, ["logits_1", "logits_2"], token_ids))
    assert [((logits > 0) == labels).mean() for logits in (one, two)] == [1.0, 1.0]
    assert not np.allclose(one, two, atol=0.1)


def test_the_recurrent_part_is_fitted_as_if_there_were_no_wide_one(
    stopped: Model, hopeless: TrainInputs, tmp_path: Path
) -> None:
    with_wide = hopeless.first_epoch(PATIENT.model_copy(update={"ngrams": 1}), tmp_path)
    alone = stopped.history["epochs"][0]
    assert (with_wide["loss"], with_wide["accuracy"]) == (alone["loss"], alone["accuracy"])
    assert with_wide["val_loss"] != alone["val_loss"]


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("seed", 1),
        ("batch_size", 10),
        ("shuffle_buffer", 1),
        ("optimizer", "rmsprop"),
        ("learning_rate", 0.02),
        ("learning_rate_decay", "cosine"),
    ],
)
def test_every_knob_of_the_fitting_changes_the_first_epoch(
    knob: str, value: object, stopped: Model, hopeless: TrainInputs, tmp_path: Path
) -> None:
    metrics = hopeless.first_epoch(PATIENT.model_copy(update={knob: value}), tmp_path)
    assert metrics["loss"] != stopped.history["epochs"][0]["loss"]


@pytest.mark.parametrize(("knob", "epochs"), [("epochs", 1), ("patience", 2)])
def test_training_ends_after_epochs_or_patience_with_the_weights_of_the_best_epoch(
    knob: str, epochs: int, stopped: Model, hopeless: TrainInputs, tmp_path: Path
) -> None:
    history = stopped.history
    losses = [epoch["val_loss"] for epoch in history["epochs"]]
    assert (losses.index(min(losses)), len(losses)) == (0, 3)
    assert (history["best_epoch"], history["stopped_early"]) == (1, True)
    ended = hopeless.train(PATIENT.model_copy(update={knob: 1}), tmp_path)
    assert ended.history["epochs"] == history["epochs"][:epochs]
    assert ended.keras_file.read_bytes() == stopped.keras_file.read_bytes()


def test_without_validation_rows_the_last_epoch_is_kept_and_the_parts_count_the_same(tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path / "inputs", {"train": rows(16)})
    params = FAST.model_copy(update={"ngrams": 1, "epochs": 2, "patience": 1})
    history = inputs.train(params, tmp_path / "out").history
    assert [set(epoch) for epoch in history["epochs"]] == [{"loss", "accuracy"}] * 2
    assert (history["best_epoch"], history["stopped_early"]) == (2, False)
    assert history["kept"] == "last epoch: the validation split is empty"
    assert history["scales"] == {"deep": 0.5, "wide": 0.5}


def test_the_recorded_accuracy_is_the_share_of_right_answers(stopped: Model, hopeless: TrainInputs) -> None:
    token_ids, labels = batch(hopeless.encoded, "validation")
    predicted = np.asarray(keras.models.load_model(stopped.keras_file)(token_ids)) > 0  # logit 0 is p = 0.5
    assert stopped.history["epochs"][0]["val_accuracy"] == pytest.approx((predicted == labels).mean())


@pytest.mark.parametrize("train_rows", [0, 44])
def test_too_few_training_rows_are_an_error_before_anything_is_written(
    train_rows: int, tiny: TrainInputs, tmp_path: Path
) -> None:
    inputs = write_inputs(tmp_path / "inputs", {"train": rows(train_rows), "validation": rows(4)})
    with pytest.raises(DataError, match=f"{train_rows} training rows are fewer than one batch of 45"):
        inputs.train(TINY.model_copy(update={"batch_size": 45}), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("batch_size", [8, 44], ids=["during", "after"])
def test_a_training_that_diverges_during_or_after_an_epoch_is_a_usage_error(
    batch_size: int, tiny: TrainInputs, tmp_path: Path
) -> None:
    params = FAST.model_copy(update={"learning_rate": 3e38, "batch_size": batch_size})
    with pytest.raises(UsageError, match=r"Epoch 1: the loss is not finite any more.*train\.learning_rate"):
        tiny.train(params, tmp_path)


def test_another_vocabulary_is_a_usage_error(tiny: TrainInputs, tmp_path: Path) -> None:
    inputs = TrainInputs(tmp_path)
    write_encoded(tmp_path / "encoded", tiny.vocabulary, {"train": rows(44)})
    with write_vocabulary(tmp_path / "vocabulary").vocabulary_file.open("a") as file:
        file.write("more\n")
    with pytest.raises(UsageError, match="12 tokens, but the examples were encoded with one of 11"):
        inputs.train(TINY, tmp_path / "out")


def test_a_checkpoint_of_other_parameters_is_thrown_away(tiny: TrainInputs, tmp_path: Path) -> None:
    tiny.first_epoch(FAST.model_copy(update={"seed": 1}), tmp_path)
    seen = []
    with pytest.raises(KilledError):
        tiny.train(FAST, tmp_path, lambda epoch, *_: kill(seen.append(epoch)))
    assert seen == [1]
