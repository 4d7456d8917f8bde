"""The network that the parameters describe."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.model import DEEP, WIDE, build_model
from components.train import TrainParams
from schemas.artifacts import Encoding
from schemas.errors import UsageError
from schemas.vocabulary import PAD_ID

TWO_CLASSES = ("negative", "positive")
PARAMS = TrainParams(units=3, ngrams=2, ngram_buckets=101)
MATRIX = np.random.default_rng(0).normal(size=(11, 4)).astype(np.float32)
IDS = np.array([[0, 0, 4, 5, 6, 7], [7, 6, 5, 4, 8, 9]])

IMPLEMENTATIONS = ("layer", "cell", "fused")
POOLINGS = ("last", "max", "mean", "mean_max", "attention")
CHANGES = {
    "cell": "gru",
    "layers": 2,
    "units": 4,
    "bidirectional": False,
    "mask_padding": True,
    "pooling": "last",
    "head_units": 5,
    "members": 2,
    "ngrams": 3,
    "ngram_buckets": 103,
    "dropout": 0.1,
    "embedding": "random",
    "embedding_trainable": False,
}
# see test_train.py and test_devices.py
FITTING_KNOBS = {
    "implementation", "optimizer", "learning_rate", "learning_rate_decay", "batch_size", "shuffle_buffer", "epochs",
    "patience", "seed", "warm_start",
}  # fmt: skip


def encoding_of(max_length: int = 6, padding: str = "pre", class_names: tuple[str, ...] = TWO_CLASSES) -> Encoding:
    return Encoding(max_length, padding, "pre", 11, None, class_names, {})


def built(encoding: Encoding | None = None, implementation: str = "layer", **changes: object) -> keras.Model:
    """Equal weights wherever the same layers are built."""
    keras.utils.set_random_seed(0)
    params = PARAMS.model_copy(update=changes)
    return build_model(params, encoding or encoding_of(), MATRIX, implementation)


def output_of(model: keras.Model, layer: str, ids: np.ndarray = IDS) -> np.ndarray:
    return np.asarray(keras.Model(model.input, model.get_layer(layer).output)(ids))


@pytest.mark.parametrize("knob", CHANGES)
def test_every_knob_of_the_model_changes_it(knob: str) -> None:
    assert built(**{knob: CHANGES[knob]}).to_json() != built().to_json()


def test_all_knobs_are_tested() -> None:
    assert set(CHANGES) | FITTING_KNOBS | {"embedding_dimension"} == set(TrainParams.model_fields)


def test_the_dimension_of_random_embeddings_is_configured() -> None:
    model = built(embedding="random", embedding_dimension=7)
    assert model.get_layer("embedding_1").embeddings.shape == (11, 7)


@pytest.mark.parametrize(("cell", "pooling"), [("gru", "last"), *(("lstm", pooling) for pooling in POOLINGS)])
def test_two_classes_give_one_logit_an_example(cell: str, pooling: str) -> None:
    logits = built(cell=cell, pooling=pooling)(IDS)
    assert logits.shape == (2,)
    assert np.isfinite(logits).all()


def test_more_classes_give_a_logit_each() -> None:
    assert built(encoding_of(class_names=("a", "b", "c")))(IDS).shape == (2, 3)


def test_the_logits_are_the_scaled_sum_of_the_mean_of_the_members_and_the_wide_part() -> None:
    keras.utils.set_random_seed(0)
    params = PARAMS.model_copy(update={"members": 2})
    model = build_model(params, encoding_of(class_names=("a", "b", "c")), MATRIX, scales=[0.5, 2.0])
    for length in (1, 2):
        table = model.get_layer(f"weights_of_{length}_grams")
        table.set_weights([np.random.default_rng(length).normal(size=table.embeddings.shape)])
    one, two, deep, wide = (output_of(model, layer) for layer in ("logits_1", "logits_2", DEEP, WIDE))
    np.testing.assert_allclose(deep, (one + two) / 2, rtol=1e-5)
    assert not np.allclose(one, two)
    np.testing.assert_allclose(model(IDS), 0.5 * deep + 2 * wide, rtol=1e-5)


def test_the_embedding_starts_as_the_matrix() -> None:
    np.testing.assert_array_equal(built().get_layer("embedding_1").embeddings, MATRIX)


def test_a_frozen_embedding_is_no_trainable_variable() -> None:
    frozen, trainable = built(embedding_trainable=False), built()
    assert len(trainable.trainable_variables) - len(frozen.trainable_variables) == 1


@pytest.mark.parametrize("head_units", [0, 5])
def test_dropout_acts_in_training_only(head_units: int) -> None:
    dropped = built(dropout=0.5, head_units=head_units)
    np.testing.assert_array_equal(dropped(IDS, training=False), dropped(IDS, training=False))
    assert not np.array_equal(dropped(IDS, training=True), dropped(IDS, training=False))
    kept = built(dropout=0.0, head_units=head_units)
    np.testing.assert_array_equal(kept(IDS, training=True), kept(IDS, training=False))


def test_a_head_is_dense_then_dropout_then_relu() -> None:
    names = [layer.name for layer in built(head_units=5, pooling="last").layers]
    assert names.index("head_1") < names.index("dropout_head_1") < names.index("relu_head_1") < names.index("logits_1")


@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_after_the_text_changes_nothing(pooling: str) -> None:
    def logits(max_length: int) -> np.ndarray:
        token_ids = np.full((1, max_length), PAD_ID)
        token_ids[0, :3] = [4, 5, 6]
        return np.asarray(built(encoding_of(max_length, "post"), pooling=pooling, layers=2)(token_ids))

    np.testing.assert_allclose(logits(5), logits(3), rtol=1e-5)


def padded_logits(max_length: int, **changes: object) -> np.ndarray:
    """Of the same three tokens at the end of a row."""
    token_ids = np.full((1, max_length), PAD_ID)
    token_ids[0, -3:] = [4, 5, 6]
    return np.asarray(built(encoding_of(max_length), **changes)(token_ids))


@pytest.mark.parametrize(
    ("pooling", "implementation"),
    [*((pooling, "layer") for pooling in POOLINGS), ("mean_max", "cell"), ("mean_max", "fused")],
)
def test_masked_padding_before_the_text_changes_nothing(pooling: str, implementation: str) -> None:
    changes = {"pooling": pooling, "implementation": implementation, "layers": 2}
    short, long = (padded_logits(max_length, mask_padding=True, **changes) for max_length in (3, 5))
    np.testing.assert_allclose(long, short, rtol=1e-5)


def test_padding_before_the_text_is_read_like_a_token_unless_it_is_masked() -> None:
    short, long = (padded_logits(max_length, mask_padding=False) for max_length in (3, 5))
    assert not np.allclose(long, short, rtol=1e-3)


@pytest.mark.parametrize("pooling", ["max", "mean"])
def test_pooling_leaves_padding_out(pooling: str) -> None:
    # Read backwards, the padding before a text comes after it, so each state of the text itself stays as it was.
    model = built(pooling=pooling)
    states = output_of(model, "bidirectional_lstm_1_1")[:, :, 3:]
    expected = [getattr(np, pooling)(states[0, 2:], axis=0), getattr(np, pooling)(states[1], axis=0)]
    np.testing.assert_allclose(output_of(model, "dropout_head_1")[:, 3:], expected, rtol=1e-5)


def test_attention_is_a_mean_over_the_tokens_weighted_by_their_scores() -> None:
    model = built(pooling="attention")
    states, scores = output_of(model, "bidirectional_lstm_1_1"), output_of(model, "attention_1")[:, :, 0]
    weights = np.exp(scores) * (IDS != PAD_ID)
    expected = [np.average(states[i], axis=0, weights=weights[i]) for i in range(2)]
    np.testing.assert_allclose(output_of(model, "dropout_head_1"), expected, rtol=1e-5)


NETWORKS = {
    "default": {},
    "notebook_lstm": {
        "layers": 2, "bidirectional": False, "pooling": "last", "head_units": 5, "ngrams": 0, "embedding": "random",
    },
    "notebook_gru": {"cell": "gru", "layers": 2, "bidirectional": False, "pooling": "last", "head_units": 5},
}  # fmt: skip


@pytest.mark.parametrize("network", NETWORKS)
def test_all_implementations_agree_in_inference(network: str) -> None:
    layer, cell, fused = (built(None, way, **NETWORKS[network]) for way in IMPLEMENTATIONS)
    cell.set_weights(layer.get_weights())
    fused.set_weights(layer.get_weights())
    np.testing.assert_allclose(cell(IDS), layer(IDS), rtol=0, atol=1e-5)
    np.testing.assert_allclose(fused(IDS), layer(IDS), rtol=0, atol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("pooling", ["last", "mean_max"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "bidirectional"])
def test_all_implementations_agree_in_training(cell: str, pooling: str, bidirectional: bool) -> None:
    network = {"cell": cell, "pooling": pooling, "bidirectional": bidirectional, "layers": 2, "dropout": 0.0}

    def output_and_gradients(implementation: str) -> tuple[np.ndarray, list[np.ndarray]]:
        model = built(None, implementation, **network)

        @tf.function(autograph=False)
        def step(ids: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
            with tf.GradientTape() as tape:
                logits = model(ids, training=True)
            return logits, [tf.convert_to_tensor(d) for d in tape.gradient(logits, model.trainable_variables)]

        return tf.nest.map_structure(np.asarray, step(tf.constant(IDS)))

    expected, expected_gradients = output_and_gradients("layer")
    for output, gradients in (output_and_gradients("cell"), output_and_gradients("fused")):
        np.testing.assert_allclose(output, expected, rtol=0, atol=1e-5)
        for gradient, expected_gradient in zip(gradients, expected_gradients, strict=True):
            np.testing.assert_allclose(gradient, expected_gradient, rtol=0, atol=1e-4)


def test_the_model_loads_with_plain_keras(tmp_path: Path) -> None:
    model = built(encoding_of(class_names=("a", "b", "c")), layers=2, cell="gru", members=2)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(IDS), model(IDS))
    assert {type(layer).__module__.partition(".")[0] for layer in loaded.layers} == {"keras"}


def test_glove_without_a_matrix_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"train\.embedding = 'glove' needs an embedding matrix"):
        build_model(PARAMS, encoding_of(), None)


def test_a_matrix_of_another_vocabulary_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"has 10 rows, but .* a vocabulary of 11 tokens"):
        build_model(PARAMS, encoding_of(), MATRIX[:10])
