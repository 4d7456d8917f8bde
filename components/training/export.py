"""A trained model as files: the native Keras format, and a SavedModel that takes raw text.

Equal models become equal bytes, in any process: dates, object addresses, function counters and random ids, which both
formats carry along, are replaced by constants.
"""

import io
import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from google.protobuf import text_format  # type: ignore[import-untyped]
from tensorflow.core.protobuf import saved_model_pb2

from components.serving.text_encoder import TextEncoder
from schemas.artifacts import Encoding, VocabularyArtifact

_ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # the least a zip can hold
_NUMBERED = re.compile(r"(?P<base>\w+?)_(?P<number>\d+)(?P<rest>(?:___redundant_placeholder\d+)?)")


def save_keras_model(model: keras.Model, path: Path) -> None:
    """Write ``path`` so that plain ``keras.models.load_model(path)`` reads it."""
    keras.saving.save_model(model, path)
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as saved, zipfile.ZipFile(path, "w") as normalised:
        for name in sorted(saved.namelist()):
            content = saved.read(name)
            if name == "metadata.json":
                content = _json_bytes({"keras_version": json.loads(content)["keras_version"]})
            elif name == "config.json":
                content = _json_bytes(_renumbered(json.loads(content), {}))
            normalised.writestr(zipfile.ZipInfo(name, _ZIP_DATE), content)


def _json_bytes(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _renumbered(value: Any, numbers: dict[int, int]) -> Any:
    """The config with each shared object's id, a memory address, replaced by a running number."""
    if isinstance(value, list):
        return [_renumbered(item, numbers) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: numbers.setdefault(item, len(numbers)) if key == "shared_object_id" else _renumbered(item, numbers)
        for key, item in value.items()
    }


def save_servable(model: keras.Model, vocabulary: VocabularyArtifact, encoding: Encoding, path: Path) -> None:
    """Write a SavedModel that needs TensorFlow alone.

    Signatures:
        serving_default: text string [b] => label string [b], probability float32 [b, classes].
        class_names: => class_names string [classes], in the order of the probabilities.
    """
    shutil.rmtree(path, ignore_errors=True)  # what a killed attempt left
    module = _Servable(model, vocabulary, encoding)
    signatures = {"serving_default": module.classify, "class_names": module.class_names}
    tf.saved_model.save(module, str(path), signatures=signatures)
    _normalise(path)


class _Servable(tf.Module):
    """What the SavedModel holds: the weights, the vocabulary and two functions; letters: b texts, c classes."""

    def __init__(self, model: keras.Model, vocabulary: VocabularyArtifact, encoding: Encoding) -> None:
        super().__init__(name="servable")
        self._text_encoder = TextEncoder(vocabulary.load(), str(vocabulary.vocabulary_file), encoding)
        self._weights = [weight.value for weight in model.weights]  # tracked as tf.Variable: no Keras object is saved
        self._logits = tf.autograph.experimental.do_not_convert(lambda token_ids: model(token_ids, training=False))
        self._class_names = encoding.class_names
        self.classify = tf.function(self._classify, input_signature=[tf.TensorSpec([None], tf.string, "text")])
        self.class_names = tf.function(self._all_class_names, input_signature=[])

    def _classify(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Raw texts to the most probable class and the probability of each."""
        logits = self._logits(self._text_encoder(text))  # string [b] => int64 [b, t] => [b] or [b, c]
        if len(self._class_names) == 2:
            probability = tf.stack([tf.sigmoid(-logits), tf.sigmoid(logits)], axis=-1)  # [b] => [b, 2]
        else:
            probability = tf.nn.softmax(logits)
        label = tf.gather(tf.constant(self._class_names), tf.argmax(probability, axis=-1))
        return {"label": label, "probability": probability}

    def _all_class_names(self) -> dict[str, tf.Tensor]:
        return {"class_names": tf.constant(self._class_names)}


def _normalise(path: Path) -> None:
    """Take out of a SavedModel what is not the model: numbers of a counter that the whole process shares, and paths.

    The optional fingerprint goes as well: it holds a random id, and the checksum of the file as it was before.
    """
    file = path / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    graph = saved.meta_graphs[0].graph_def
    for function in graph.library.function:
        for argument in function.arg_attr.values():
            argument.attr.pop("_user_specified_name", None)  # for a captured variable, a number
    for node in [*graph.node, *(node for function in graph.library.function for node in function.node_def)]:
        if node.op == "HashTableV2":
            node.attr["shared_name"].s = b"vocabulary"  # instead of the vocabulary file's path
    saved = _with_running_numbers(saved)
    saved.meta_graphs[0].graph_def.library.function.sort(key=lambda function: function.signature.name)
    file.write_bytes(saved.SerializeToString(deterministic=True))
    (path / "fingerprint.pb").unlink()


def _with_running_numbers(saved: Any) -> Any:
    """The SavedModel with its functions, and the placeholders named after them, numbered from 0 in order of tracing."""
    functions = saved.meta_graphs[0].graph_def.library.function
    names = [found for function in functions if (found := _NUMBERED.fullmatch(function.signature.name))]
    number_of = {found["number"]: str(i) for i, found in enumerate(sorted(names, key=lambda m: int(m["number"])))}
    known = {found[0] for found in names}

    def renamed(found: re.Match[str]) -> str:
        if found[0] in known or (found["rest"] and found["number"] in number_of):
            return f"{found['base']}_{number_of[found['number']]}{found['rest']}"
        return found[0]

    text = re.sub(rf"\b{_NUMBERED.pattern}\b", renamed, text_format.MessageToString(saved))
    return text_format.Parse(text, saved_model_pb2.SavedModel())
