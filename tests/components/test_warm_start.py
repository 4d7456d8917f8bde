"""A training that goes on from an earlier model: what is carried over, what starts anew, and what is told of it."""

from pathlib import Path

import keras
import numpy as np
import pytest

from components.training.fitting import build_trainer
from components.training.warm_start import Learnt, carry_over, load_learnt
from components.training.wide import fit_wide
from schemas.errors import UsageError
from schemas.model_artifacts import Model
from schemas.vocabulary import RESERVED_TOKENS
from tests.components.test_train_resume import digests
from tests.components.train_helpers import (
    FILLERS,
    TELLING,
    TINY,
    KilledError,
    TrainInputs,
    corpus,
    kill,
    write_encoded,
    write_matrix,
    write_vocabulary,
)

WORDS = ["superb", *reversed(TELLING), *FILLERS[1:], "dull"]  # another order; one word is gone, two are new
NEW = {"superb", "dull"}
ALL_LAYERS = [
    "embedding_1",
    "embedding_2",
    "bidirectional_lstm_1_1",
    "bidirectional_lstm_2_1",
    "logits_1",
    "logits_2",
]


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> TrainInputs:
    """The next night: the same kind of texts, with another vocabulary and so another matrix."""
    folder = tmp_path_factory.mktemp("grown")
    vocabulary = write_vocabulary(folder / "vocabulary", WORDS)
    write_encoded(folder / "encoded", vocabulary, corpus())
    write_matrix(folder / "embedding", len(WORDS) + len(RESERVED_TOKENS))
    return TrainInputs(folder)


@pytest.fixture(scope="module")
def warm(grown: TrainInputs, trained: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return grown.train(TINY, tmp_path_factory.mktemp("warm"), initial=trained)


@pytest.fixture(scope="module")
def learnt(trained: Model) -> Learnt:
    return load_learnt(trained)


def weights_of(model: keras.Model, layer: str) -> list[np.ndarray]:
    return [np.asarray(value) for value in model.get_layer(layer).get_weights()]


def test_before_the_first_step_rows_of_shared_tokens_are_the_old_model_s_and_rows_of_new_ones_the_matrix_s(
    grown: TrainInputs, trained: Model, learnt: Learnt, tiny: TrainInputs
) -> None:
    matrix = np.load(grown.matrix.matrix_file)
    trainer = build_trainer(TINY, grown.encoded.encoding, matrix)
    tokens, old_tokens = grown.vocabulary.load().tokens, tiny.vocabulary.load().tokens

    report = carry_over(learnt, trainer, tokens, grown.encoded.encoding.class_names)

    old_model = keras.models.load_model(trained.keras_file)
    for layer in ("embedding_1", "embedding_2"):
        (rows,), (old_rows,) = weights_of(trainer, layer), weights_of(old_model, layer)
        for row, token in enumerate(tokens):
            expected = matrix[row] if token in NEW else old_rows[old_tokens.index(token)]
            assert rows[row].tobytes() == expected.tobytes(), token
    assert report["rows_carried"] == len(tokens) - len(NEW) == 10  # those with reserved ids, too
    assert report["rows_new"] == len(NEW)


def test_before_the_first_step_layers_of_equal_name_and_shape_are_the_old_model_s(
    grown: TrainInputs, trained: Model, learnt: Learnt
) -> None:
    trainer = build_trainer(TINY, grown.encoded.encoding, np.load(grown.matrix.matrix_file))

    report = carry_over(learnt, trainer, grown.vocabulary.load().tokens, grown.encoded.encoding.class_names)

    old_model = keras.models.load_model(trained.keras_file)
    for layer in ALL_LAYERS[2:]:
        for value, expected in zip(weights_of(trainer, layer), weights_of(old_model, layer), strict=True):
            assert value.tobytes() == expected.tobytes(), layer
    assert sorted(report["layers_carried"]) == sorted(ALL_LAYERS)
    assert report["layers_started_anew"] == {}


def test_a_warm_start_begins_where_the_old_model_ended_and_says_what_it_took(
    warm: Model, trained: Model, grown: TrainInputs
) -> None:
    first, began = warm.history["epochs"][0], trained.history["epochs"]
    assert first["loss"] < began[-1]["loss"] < began[0]["loss"]
    carried = warm.history["warm_start"]
    assert (carried["rows_carried"], carried["rows_new"], len(carried["layers_carried"])) == (10, 2, 6)
    assert trained.history["warm_start"] is None


def test_the_linear_part_is_fitted_to_the_new_examples_alone(warm: Model, grown: TrainInputs) -> None:
    model, fitted = keras.models.load_model(warm.keras_file), fit_wide(grown.encoded, TINY)
    for length, table in enumerate(fitted.tables, 1):
        np.testing.assert_array_equal(weights_of(model, f"weights_of_{length}_grams")[0], table)


def test_a_warm_start_that_was_killed_goes_on_to_identical_bytes(
    warm: Model, grown: TrainInputs, trained: Model, tmp_path: Path
) -> None:
    with pytest.raises(KilledError):
        grown.train(TINY, tmp_path, kill, initial=trained)
    seen = []
    model = grown.train(TINY, tmp_path, lambda epoch, *_: seen.append(epoch), initial=trained)
    assert seen == [2]
    assert digests(model) == digests(warm)


@pytest.mark.parametrize(
    ("changes", "carried", "anew"),
    [
        (
            {"cell": "gru"},
            {"embedding_1", "embedding_2", "logits_1", "logits_2"},
            dict.fromkeys(("bidirectional_gru_1_1", "bidirectional_gru_2_1"), "the earlier model has no such layer"),
        ),
        (
            {"pooling": "max", "members": 1},
            {"embedding_1", "bidirectional_lstm_1_1"},
            {"logits_1": "another shape: kernel [12, 1] -> [6, 1]"},
        ),
        (
            {"embedding": "random", "embedding_dimension": 5, "bidirectional": False, "members": 1, "units": 6},
            {"logits_1"},
            {"embedding_1": "another shape: embeddings [4] -> [5]", "lstm_1_1": "the earlier model has no such layer"},
        ),
    ],
)
def test_what_does_not_fit_starts_anew_with_a_reason_and_the_rest_is_carried(
    grown: TrainInputs, learnt: Learnt, changes: dict, carried: set, anew: dict
) -> None:
    encoding = grown.encoded.encoding
    trainer = build_trainer(TINY.model_copy(update=changes), encoding, np.load(grown.matrix.matrix_file))
    fresh = {name: weights_of(trainer, name) for name in anew}

    report = carry_over(learnt, trainer, grown.vocabulary.load().tokens, encoding.class_names)

    assert set(report["layers_carried"]) == carried
    assert report["layers_started_anew"] == anew
    for name, values in fresh.items():
        for value, expected in zip(weights_of(trainer, name), values, strict=True):
            np.testing.assert_array_equal(value, expected)
    assert report["rows_carried"] == (0 if "embedding_1" in anew else 10)


def test_other_classes_have_no_use_for_the_old_logits(grown: TrainInputs, learnt: Learnt) -> None:
    trainer = build_trainer(TINY, grown.encoded.encoding, np.load(grown.matrix.matrix_file))
    before = weights_of(trainer, "logits_1")

    report = carry_over(learnt, trainer, grown.vocabulary.load().tokens, ("positive", "negative"))

    assert report["layers_started_anew"] == dict.fromkeys(
        ("logits_1", "logits_2"), "the classes were negative, positive"
    )
    np.testing.assert_array_equal(weights_of(trainer, "logits_1")[0], before[0])


def test_an_initial_model_that_is_gone_is_a_usage_error(grown: TrainInputs, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone: the model .* is gone\. Set train\.warm_start = false"):
        grown.train(TINY, tmp_path / "out", initial=Model(tmp_path / "gone"))
