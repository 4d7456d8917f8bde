from pathlib import Path

import keras
import numpy as np
import pytest

from components.model import build_model
from components.train import TrainParams
from schemas.artifacts import Encoding
from schemas.errors import UsageError
from schemas.vocabulary import PAD_ID

ENCODING = Encoding(6, "pre", "pre", 11, None, ("negative", "positive"), {})
PARAMS = TrainParams(units=3, layers=1)
MATRIX = np.random.default_rng(0).normal(size=(11, 4)).astype(np.float32)
IDS = np.array([[0, 0, 4, 5, 6, 7], [7, 6, 5, 4, 8, 9]])

CHANGES = {
    "cell": "gru",
    "layers": 2,
    "units": 4,
    "bidirectional": False,
    "pooling": "last",
    "wide": False,
    "dropout": 0.1,
    "embedding": "random",
    "embedding_trainable": False,
}
TRAINING_KNOBS = {"batch_size", "learning_rate", "epochs", "patience", "seed"}  # see test_train.py


def built(encoding: Encoding = ENCODING, **changes: object) -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_model(PARAMS.model_copy(update=changes), encoding, MATRIX)


def with_classes(*names: str) -> Encoding:
    return Encoding(6, "pre", "pre", 11, None, names, {})


@pytest.mark.parametrize("knob", CHANGES)
def test_every_knob_of_the_model_changes_it(knob: str) -> None:
    assert built(**{knob: CHANGES[knob]}).to_json() != built().to_json()


def test_all_knobs_are_tested() -> None:
    assert set(CHANGES) | TRAINING_KNOBS | {"embedding_dimension"} == set(TrainParams.model_fields)


def test_the_dimension_of_random_embeddings_is_configured() -> None:
    model = built(embedding="random", embedding_dimension=7)
    assert model.get_layer("embedding").embeddings.shape == (11, 7)


@pytest.mark.parametrize("pooling", ["last", "max", "mean", "mean_max"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_two_classes_give_one_logit_an_example(cell: str, pooling: str) -> None:
    logits = built(cell=cell, pooling=pooling)(IDS)
    assert logits.shape == (2,)
    assert np.isfinite(logits).all()


def test_more_classes_give_a_logit_each() -> None:
    assert built(with_classes("a", "b", "c"))(IDS).shape == (2, 3)


def test_the_embedding_starts_as_the_matrix() -> None:
    np.testing.assert_array_equal(built().get_layer("embedding").embeddings, MATRIX)


def test_a_frozen_embedding_is_no_trainable_variable() -> None:
    frozen, trainable = built(embedding_trainable=False), built()
    assert len(trainable.trainable_variables) - len(frozen.trainable_variables) == 1


def test_dropout_acts_in_training_only() -> None:
    dropped = built(dropout=0.5, wide=False)
    np.testing.assert_array_equal(dropped(IDS, training=False), dropped(IDS, training=False))
    assert not np.array_equal(dropped(IDS, training=True), dropped(IDS, training=False))
    kept = built(dropout=0.0, wide=False)
    np.testing.assert_array_equal(kept(IDS, training=True), kept(IDS, training=False))


@pytest.mark.parametrize("pooling", ["last", "max", "mean", "mean_max"])
def test_padding_after_the_text_changes_nothing(pooling: str) -> None:
    def logits(max_length: int) -> np.ndarray:
        encoding = Encoding(max_length, "post", "pre", 11, None, ("negative", "positive"), {})
        token_ids = np.full((1, max_length), PAD_ID)
        token_ids[0, :3] = [4, 5, 6]
        return np.asarray(built(encoding, pooling=pooling, layers=2)(token_ids))

    np.testing.assert_allclose(logits(9), logits(3), rtol=1e-5)


@pytest.mark.parametrize("pooling", ["max", "mean"])
def test_pooling_leaves_padding_out(pooling: str) -> None:
    # Read backwards, the padding before a text comes after it, so each state of the text itself stays as it was.
    model = built(pooling=pooling, wide=False)
    backward = keras.Model(model.input, model.get_layer("bidirectional_lstm_1").output)(IDS)[:, :, 3:]
    pooled = keras.Model(model.input, model.get_layer("dropout_pooled").output)(IDS)[:, 3:]
    states = np.asarray(backward)
    expected = [getattr(np, pooling)(states[0, 2:], axis=0), getattr(np, pooling)(states[1], axis=0)]
    np.testing.assert_allclose(pooled, expected, rtol=1e-5)


def test_the_wide_head_sums_token_and_pair_weights_and_is_half_of_the_logit() -> None:
    model = built()
    before = np.asarray(model(IDS))
    model.get_layer("token_weights").set_weights([np.arange(11, dtype=np.float32)[:, None]])
    np.testing.assert_allclose(model(IDS) - before, np.array([4 + 5 + 6 + 7, 7 + 6 + 5 + 4 + 8 + 9]) / 2, rtol=1e-4)
    model.get_layer("pair_weights").set_weights([np.ones_like(model.get_layer("pair_weights").get_weights()[0])])
    np.testing.assert_allclose(model(IDS) - before, np.array([22 + 3, 39 + 5]) / 2, rtol=1e-4)


def test_the_model_loads_with_plain_keras(tmp_path: Path) -> None:
    model = built(with_classes("a", "b", "c"), layers=2, cell="gru")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(IDS), model(IDS))
    assert {type(layer).__module__.partition(".")[0] for layer in loaded.layers} == {"keras"}


def test_glove_without_a_matrix_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"train\.embedding = 'glove' needs an embedding matrix"):
        build_model(PARAMS, ENCODING, None)


def test_a_matrix_of_another_vocabulary_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"has 10 rows, but .* a vocabulary of 11 tokens"):
        build_model(PARAMS, ENCODING, MATRIX[:10])
