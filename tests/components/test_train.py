import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.dataset import evaluation_dataset
from components.train import train
from schemas.artifacts import EmbeddingMatrix, EncodedExamples, Model, VocabularyArtifact
from schemas.errors import DataError, UsageError
from schemas.vocabulary import PAD_ID
from tests.components.train_helpers import FAST, TINY, corpus, rows, write_encoded, write_matrix, write_vocabulary

PATIENT = FAST.model_copy(update={"epochs": 9, "patience": 2, "dropout": 0.1})

# Trains as the fixture does, in a process of its own, which ends without a goodbye after the epoch given (0: never).
TRAIN_SCRIPT = """
import os, sys
from pathlib import Path
from components.train import TrainParams, train
from schemas.artifacts import EmbeddingMatrix, EncodedExamples, VocabularyArtifact

inputs, out, params, last_epoch = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
train(
    EncodedExamples(inputs / "encoded"),
    VocabularyArtifact(inputs / "vocabulary"),
    EmbeddingMatrix(inputs / "embedding"),
    TrainParams.model_validate_json(params),
    out,
    lambda epoch, epochs, metrics: os._exit(9) if epoch == last_epoch else None,
)
"""

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


class KilledError(Exception):
    """Stands for whatever ends a process."""


def kill(*_: object) -> None:
    raise KilledError


def run_python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    return subprocess.run([sys.executable, *arguments], env=env, capture_output=True, text=True, check=False)


def run_training(inputs: Path, out: Path, last_epoch: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    script = inputs / "script.py"
    script.write_text(TRAIN_SCRIPT)
    arguments = (str(script), str(inputs), str(out), TINY.model_dump_json(), str(last_epoch))
    return run_python(*arguments, PYTHONPATH=str(Path(__file__).parents[2]), **environment)


def digests(model: Model) -> dict[str, str]:
    return {
        str(file.relative_to(model.path)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(model.path.rglob("*"))
        if file.is_file() and "tensorboard" not in file.parts
    }


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("train")
    write_encoded(folder / "encoded", write_vocabulary(folder / "vocabulary"), corpus())
    write_matrix(folder / "embedding")
    return folder


@pytest.fixture(scope="module")
def encoded(inputs: Path) -> EncodedExamples:
    return EncodedExamples(inputs / "encoded")


@pytest.fixture(scope="module")
def vocabulary(inputs: Path) -> VocabularyArtifact:
    return VocabularyArtifact(inputs / "vocabulary")


@pytest.fixture(scope="module")
def matrix(inputs: Path) -> EmbeddingMatrix:
    return EmbeddingMatrix(inputs / "embedding")


@pytest.fixture(scope="module")
def trained(
    encoded: EncodedExamples,
    vocabulary: VocabularyArtifact,
    matrix: EmbeddingMatrix,
    tmp_path_factory: pytest.TempPathFactory,
) -> Model:
    """The model of an undisturbed run."""
    return train(encoded, vocabulary, matrix, TINY, tmp_path_factory.mktemp("undisturbed"))


def test_the_artifact_is_complete(trained: Model) -> None:
    assert sorted(path.name for path in trained.path.iterdir()) == [
        "history.json",
        "model.keras",
        "saved_model",
        "tensorboard",
    ]
    epochs = trained.history["epochs"]
    assert [set(metrics) for metrics in epochs] == [{"loss", "accuracy", "val_loss", "val_accuracy"}] * 2


def test_the_kept_model_carries_no_state_of_the_optimizer(trained: Model) -> None:
    assert not keras.models.load_model(trained.keras_file).compiled
    with zipfile.ZipFile(trained.keras_file) as archive:
        assert b"optimizer" not in archive.read("model.weights.h5")


def test_training_learns(encoded: EncodedExamples, vocabulary: VocabularyArtifact, tmp_path: Path) -> None:
    params = FAST.model_copy(update={"epochs": 6, "embedding": "random", "dropout": 0.1})
    model = train(encoded, vocabulary, None, params, tmp_path)
    assert max(epoch["val_accuracy"] for epoch in model.history["epochs"]) == 1.0


def test_the_recurrent_head_is_fitted_as_if_there_were_no_wide_one(
    trained: Model, encoded: EncodedExamples, vocabulary: VocabularyArtifact, matrix: EmbeddingMatrix, tmp_path: Path
) -> None:
    alone = train(encoded, vocabulary, matrix, TINY.model_copy(update={"wide": False}), tmp_path)
    both, one = (keras.models.load_model(model.keras_file) for model in (trained, alone))
    for layer in ("embedding", "bidirectional_lstm_1", "deep_logits"):
        for with_wide, without in zip(both.get_layer(layer).weights, one.get_layer(layer).weights, strict=True):
            np.testing.assert_allclose(with_wide, without, rtol=1e-5)


def test_a_killed_training_goes_on_with_identical_results(
    inputs: Path, trained: Model, encoded: EncodedExamples, vocabulary: VocabularyArtifact, matrix: EmbeddingMatrix,
    tmp_path: Path,
) -> None:  # fmt: skip
    assert run_training(inputs, tmp_path, last_epoch=1).returncode == 9
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["epoch-00001"]
    half = tmp_path / "checkpoint" / "unfinished"  # killed again, while writing the next checkpoint
    half.mkdir()
    (half / "state.npz").write_bytes(b"half")
    seen = []
    model = train(encoded, vocabulary, matrix, TINY, tmp_path, lambda epoch, epochs, _: seen.append((epoch, epochs)))
    assert seen == [(2, 2)]
    assert digests(model) == digests(trained)


def test_a_process_of_its_own_gives_identical_bytes_on_any_number_of_threads(
    inputs: Path, trained: Model, tmp_path: Path
) -> None:
    result = run_training(inputs, tmp_path, PYTHONHASHSEED="7", TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    assert digests(Model(tmp_path)) == digests(trained)


def test_a_checkpoint_of_other_parameters_is_thrown_away(
    encoded: EncodedExamples, vocabulary: VocabularyArtifact, matrix: EmbeddingMatrix, tmp_path: Path
) -> None:
    with pytest.raises(KilledError):
        train(encoded, vocabulary, matrix, FAST.model_copy(update={"seed": 1}), tmp_path, kill)
    seen = []
    with pytest.raises(KilledError):
        train(encoded, vocabulary, matrix, FAST, tmp_path, lambda epoch, *_: kill(seen.append(epoch)))
    assert seen == [1]


@pytest.fixture(scope="module")
def hopeless(vocabulary: VocabularyArtifact, tmp_path_factory: pytest.TempPathFactory) -> EncodedExamples:
    """Validation labels are the wrong way round: the better the fit, the worse the validation loss."""
    contrary = [(tokens, 1 - label) for tokens, label in rows(20, seed=1)]
    return write_encoded(
        tmp_path_factory.mktemp("hopeless") / "encoded", vocabulary, {"train": rows(40), "validation": contrary}
    )


@pytest.fixture(scope="module")
def stopped(
    hopeless: EncodedExamples,
    vocabulary: VocabularyArtifact,
    matrix: EmbeddingMatrix,
    tmp_path_factory: pytest.TempPathFactory,
) -> Model:
    return train(hopeless, vocabulary, matrix, PATIENT, tmp_path_factory.mktemp("stopped"))


@pytest.mark.parametrize(("knob", "value"), [("seed", 1), ("batch_size", 10), ("learning_rate", 0.02)])
def test_every_knob_of_the_fitting_changes_the_first_epoch(
    knob: str,
    value: float,
    stopped: Model,
    hopeless: EncodedExamples,
    vocabulary: VocabularyArtifact,
    matrix: EmbeddingMatrix,
    tmp_path: Path,
) -> None:
    seen = []
    params = PATIENT.model_copy(update={knob: value})
    with pytest.raises(KilledError):
        train(hopeless, vocabulary, matrix, params, tmp_path, lambda *call: kill(seen.append(call)))
    assert [epoch for epoch, _, _ in seen] == [1]
    assert seen[0][2] != stopped.history["epochs"][0]


@pytest.mark.parametrize(("knob", "epochs"), [("epochs", 1), ("patience", 2)])
def test_training_ends_after_epochs_or_patience(
    knob: str,
    epochs: int,
    stopped: Model,
    hopeless: EncodedExamples,
    vocabulary: VocabularyArtifact,
    matrix: EmbeddingMatrix,
    tmp_path: Path,
) -> None:
    assert (stopped.history["best_epoch"], len(stopped.history["epochs"])) == (1, 3)
    ended = train(hopeless, vocabulary, matrix, PATIENT.model_copy(update={knob: 1}), tmp_path)
    assert len(ended.history["epochs"]) == epochs


def test_early_stopping_keeps_the_weights_of_the_best_epoch(stopped: Model, hopeless: EncodedExamples) -> None:
    history = stopped.history
    losses = [epoch["val_loss"] for epoch in history["epochs"]]
    best = losses.index(min(losses))
    assert (history["best_epoch"], len(losses), history["stopped_early"]) == (best + 1, best + 3, True)
    loaded = keras.models.load_model(stopped.keras_file)
    token_ids, labels, _ = next(evaluation_dataset(hopeless, "validation", 64).as_numpy_iterator())
    loss = keras.losses.BinaryCrossentropy(from_logits=True)(labels, loaded(token_ids))
    assert float(loss) == pytest.approx(losses[best], rel=1e-5)


def test_without_validation_rows_the_last_epoch_is_kept(
    vocabulary: VocabularyArtifact, matrix: EmbeddingMatrix, tmp_path: Path
) -> None:
    encoded = write_encoded(tmp_path / "encoded", vocabulary, {"train": rows(16)})
    out = tmp_path / "out"
    out.mkdir()
    history = train(encoded, vocabulary, matrix, FAST.model_copy(update={"epochs": 2, "patience": 1}), out).history
    assert [set(epoch) for epoch in history["epochs"]] == [{"loss", "accuracy"}] * 2
    assert (history["best_epoch"], history["stopped_early"]) == (2, False)
    assert history["kept"] == "last epoch: the validation split is empty"


def test_the_recorded_accuracy_is_the_share_of_right_answers(trained: Model, encoded: EncodedExamples) -> None:
    token_ids, labels, _ = next(evaluation_dataset(encoded, "validation", 64).as_numpy_iterator())
    predicted = np.asarray(keras.models.load_model(trained.keras_file)(token_ids)) > 0  # logit 0 is p = 0.5
    best = trained.history["epochs"][trained.history["best_epoch"] - 1]
    assert best["val_accuracy"] == pytest.approx((predicted == labels).mean())


def texts_and_probabilities(
    model: Model, encoded: EncodedExamples, vocabulary: VocabularyArtifact
) -> tuple[list[str], np.ndarray]:
    """The test rows as raw text, and what the Keras model says of their ids."""
    token_ids, _, _ = next(evaluation_dataset(encoded, "test", 64).as_numpy_iterator())
    tokens = vocabulary.load().tokens
    logits = keras.models.load_model(model.keras_file)(token_ids)
    positive = np.asarray(tf.sigmoid(logits))
    probabilities = (
        np.stack([1 - positive, positive], axis=1) if logits.ndim == 1 else np.asarray(tf.nn.softmax(logits))
    )
    return [" ".join(tokens[i] for i in row if i != PAD_ID) for row in token_ids], probabilities


def test_a_fresh_process_with_tensorflow_alone_serves_raw_text(
    trained: Model, encoded: EncodedExamples, vocabulary: VocabularyArtifact, tmp_path: Path
) -> None:
    texts, expected = texts_and_probabilities(trained, encoded, vocabulary)
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


def test_the_files_name_no_folder_of_this_machine(trained: Model, inputs: Path) -> None:
    for file in (trained.saved_model / "saved_model.pb", trained.path / "history.json"):
        assert str(inputs).encode() not in file.read_bytes()
        assert str(trained.path).encode() not in file.read_bytes()


def test_three_classes_keep_their_names_beside_another_served_model(
    trained: Model, encoded: EncodedExamples, vocabulary: VocabularyArtifact, tmp_path: Path
) -> None:
    names = ("awful", "great", "so-so")
    three = write_encoded(tmp_path / "encoded", vocabulary, corpus(classes=3), names)
    out = tmp_path / "out"
    out.mkdir()
    model = train(three, vocabulary, None, FAST.model_copy(update={"embedding": "random", "wide": True}), out)
    served = [tf.saved_model.load(str(path)).signatures for path in (trained.saved_model, model.saved_model)]
    assert [name.decode() for name in served[1]["class_names"]()["class_names"].numpy()] == list(names)
    for signatures, one, examples in zip(served, (trained, model), (encoded, three), strict=True):
        texts, expected = texts_and_probabilities(one, examples, vocabulary)
        answer = signatures["serving_default"](text=tf.constant(texts))
        np.testing.assert_allclose(answer["probability"], expected, rtol=1e-5)
    assert answer["label"].numpy().astype(str).tolist() == [names[i] for i in expected.argmax(axis=1)]


def test_too_few_training_rows_are_an_error_before_anything_is_written(
    encoded: EncodedExamples, vocabulary: VocabularyArtifact, matrix: EmbeddingMatrix, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="44 training rows are fewer than one batch of 100"):
        train(encoded, vocabulary, matrix, TINY.model_copy(update={"batch_size": 100}), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_diverging_training_is_a_usage_error(
    encoded: EncodedExamples, vocabulary: VocabularyArtifact, matrix: EmbeddingMatrix, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"not finite any more.*train\.learning_rate"):
        train(encoded, vocabulary, matrix, FAST.model_copy(update={"learning_rate": 1e38}), tmp_path)


def test_another_vocabulary_is_a_usage_error(
    encoded: EncodedExamples, vocabulary: VocabularyArtifact, matrix: EmbeddingMatrix, tmp_path: Path
) -> None:
    other = write_vocabulary(tmp_path / "vocabulary")
    with other.vocabulary_file.open("a") as file:
        file.write("more\n")
    with pytest.raises(UsageError, match="12 tokens, but the examples were encoded with one of 11"):
        train(encoded, other, matrix, TINY, tmp_path)
