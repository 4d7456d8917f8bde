"""What is saved: a Keras model and a SavedModel, for processes that do not know this project."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.dataset import evaluation_dataset
from components.training.calibration import combined, fit_scales, log_losses
from schemas.model_artifacts import Model
from schemas.vocabulary import PAD_ID
from tests.components.train_helpers import FAST, TrainInputs, corpus, run_python, write_inputs

SERVE_SCRIPT = """
import json, sys
import tensorflow as tf

serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
texts = json.loads(sys.argv[2])
answers = [serve(text=tf.constant(batch, tf.string, [len(batch)])) for batch in texts]
assert not {"components", "schemas"} & sys.modules.keys()
print(json.dumps([
    {"label": answer["label"].numpy().astype(str).tolist(), "probability": answer["probability"].numpy().tolist()}
    for answer in answers
]))
"""

LOAD_SCRIPT = """
import json, sys
import keras
import numpy as np

model = keras.models.load_model(sys.argv[1])
assert not {"components", "schemas"} & sys.modules.keys()
print(json.dumps(np.asarray(model(np.array(json.loads(sys.argv[2])))).tolist()))
"""


def ids_and_labels(inputs: TrainInputs, split: str) -> tuple[np.ndarray, np.ndarray]:
    token_ids, labels, _ = next(evaluation_dataset(inputs.encoded, split, 64).as_numpy_iterator())
    return token_ids, labels


def texts_and_probabilities(model: Model, inputs: TrainInputs) -> tuple[list[str], np.ndarray]:
    """The test rows as raw text, and what the Keras model says of their ids."""
    token_ids, _ = ids_and_labels(inputs, "test")
    tokens = inputs.vocabulary.load().tokens
    logits = keras.models.load_model(model.keras_file)(token_ids)
    positive = np.asarray(tf.sigmoid(logits))
    probabilities = (
        np.stack([1 - positive, positive], axis=1) if logits.ndim == 1 else np.asarray(tf.nn.softmax(logits))
    )
    return [" ".join(tokens[i] for i in row if i != PAD_ID) for row in token_ids], probabilities


def test_a_fresh_process_with_tensorflow_alone_serves_raw_text(
    trained: Model, tiny: TrainInputs, tmp_path: Path
) -> None:
    texts, expected = texts_and_probabilities(trained, tiny)
    moved = trained.saved_model.rename(tmp_path / "moved")
    try:
        result = run_python("-I", "-c", SERVE_SCRIPT, str(moved), json.dumps([texts, texts[:1], [""], []]))
    finally:
        moved.rename(trained.saved_model)
    assert result.returncode == 0, result.stderr
    many, one, empty, none = json.loads(result.stdout)
    np.testing.assert_allclose(many["probability"], expected, rtol=1e-5)
    assert many["label"] == [["negative", "positive"][p.argmax()] for p in expected]
    np.testing.assert_allclose(one["probability"], expected[:1], rtol=1e-5)
    assert np.sum(empty["probability"]) == pytest.approx(1)
    assert none == {"label": [], "probability": []}


def test_a_fresh_process_with_keras_alone_loads_the_model(trained: Model, tiny: TrainInputs) -> None:
    token_ids, _ = ids_and_labels(tiny, "test")
    result = run_python("-I", "-c", LOAD_SCRIPT, str(trained.keras_file), json.dumps(token_ids.tolist()))
    assert result.returncode == 0, result.stderr
    _, expected = texts_and_probabilities(trained, tiny)
    np.testing.assert_allclose(tf.sigmoid(json.loads(result.stdout)), expected[:, 1], rtol=1e-5)


def assert_saved_as_judged(model: Model, inputs: TrainInputs) -> None:
    """The scales and the validation loss in the history are what the saved parts give."""
    token_ids, labels = ids_and_labels(inputs, "validation")
    classifier = keras.models.load_model(model.keras_file)
    scales, best = model.history["scales"], model.history["epochs"][model.history["best_epoch"] - 1]
    outputs = {part: classifier.get_layer(f"{part}_logits").output for part in scales}
    parts = [np.asarray(logits) for logits in keras.Model(classifier.input, outputs)(token_ids).values()]
    assert fit_scales(parts, labels) == pytest.approx(list(scales.values()), rel=1e-3)
    halves = slice(0, None, 2), slice(1, None, 2)  # each is judged with the scales of the other
    losses = [
        log_losses(
            combined([part[judged] for part in parts], fit_scales([part[other] for part in parts], labels[other])),
            labels[judged],
        )
        for judged, other in (halves, halves[::-1])
    ]
    assert best["val_loss"] == pytest.approx(np.concatenate(losses).mean(), rel=1e-4)


def test_what_is_saved_is_what_was_trained_and_judged(trained: Model, tiny: TrainInputs) -> None:
    assert set(trained.history["scales"]) == {"deep", "wide"}
    assert_saved_as_judged(trained, tiny)


@pytest.mark.parametrize("implementation", ["layer", "cell"])
def test_what_was_trained_in_another_implementation_is_saved_with_keras_own_layers(
    implementation: str, tiny: TrainInputs, tmp_path: Path
) -> None:
    model = tiny.train(FAST.model_copy(update={"implementation": implementation, "epochs": 1}), tmp_path)
    assert type(keras.models.load_model(model.keras_file).get_layer("lstm_1_1")) is keras.layers.LSTM
    assert_saved_as_judged(model, tiny)


def test_the_files_name_no_folder_of_this_machine(trained: Model, tiny: TrainInputs) -> None:
    for file in (trained.saved_model / "saved_model.pb", trained.path / "history.json"):
        assert str(tiny.folder).encode() not in file.read_bytes()
        assert str(trained.path).encode() not in file.read_bytes()


def test_three_classes_keep_their_names_beside_another_served_model(
    trained: Model, tiny: TrainInputs, tmp_path: Path
) -> None:
    names = ("awful", "great", "so-so")
    three = write_inputs(tmp_path / "inputs", corpus(classes=3), names)
    model = three.train(FAST.model_copy(update={"embedding": "random", "ngrams": 2}), tmp_path / "out")
    served = [tf.saved_model.load(str(path)).signatures for path in (trained.saved_model, model.saved_model)]
    assert [name.decode() for name in served[1]["class_names"]()["class_names"].numpy()] == list(names)
    for signatures, one, inputs in zip(served, (trained, model), (tiny, three), strict=True):
        texts, expected = texts_and_probabilities(one, inputs)
        answer = signatures["serving_default"](text=tf.constant(texts))
        np.testing.assert_allclose(answer["probability"], expected, rtol=1e-5)
    assert answer["label"].numpy().astype(str).tolist() == [names[i] for i in expected.argmax(axis=1)]
