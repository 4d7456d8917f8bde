"""Warm start: a classifier that is yet to be trained begins with what an earlier one has learnt, where the two fit.

In: a Model and a built classifier. Out: the classifier's weights are set, and a report says which. Weights of layers of
equal name and shape are taken over as they are. An embedding has a row a token, so its rows are taken over by token,
the reserved ones included; the rows of new tokens stay as they were built, from the embedding matrix or drawn. Whatever
does not fit starts anew and is named with the reason. Letters: v tokens, d dimension.

The linear part is no business of this module: its fit has one solution, wherever it begins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from components.serving.servable import Servable
from schemas.errors import UsageError
from schemas.model_artifacts import Model

_LOGITS = "logits_"  # the layers with an output for each class begin so

_Weights = Mapping[str, NDArray[np.float32]]  # path in the layer -> value


@dataclass(frozen=True)
class Learnt:
    """What an earlier model knows."""

    tokens: tuple[str, ...]  # index = id = row of the embeddings
    class_names: tuple[str, ...]
    layers: Mapping[str, _Weights]  # name of the layer -> its weights


def load_learnt(model: Model) -> Learnt:
    """Read a trained model.

    Raises:
        UsageError: when it is not there.
        GlovebeamError: when it cannot be loaded.
    """
    if not model.keras_file.is_file():
        raise UsageError(
            f"{model.path}: the model that this training was to go on from is gone. Set train.warm_start = false for "
            "a cold start."
        )
    tokens = (model.saved_model / "assets" / "vocabulary.txt").read_bytes().decode().split("\n")[:-1]
    class_names = Servable.load(model.saved_model).class_names
    classifier = keras.models.load_model(model.keras_file)
    found = {layer.name: _weights(layer) for layer in classifier.layers if layer.weights}
    return Learnt(tuple(tokens), class_names, found)


def carry_over(
    learnt: Learnt, classifier: keras.Model, tokens: Sequence[str], class_names: Sequence[str]
) -> dict[str, Any]:
    """Set the weights of a classifier that was just built to those of the earlier one, as far as they fit.

    Args:
        learnt: the earlier model.
        classifier: the new one.
        tokens: its vocabulary, index = id.
        class_names: its classes.

    Returns:
        ``layers_carried``, names; ``layers_started_anew``, name -> reason; ``rows_carried`` and ``rows_new``, how many
        tokens have the row of the earlier embedding, and how many have none there.
    """
    carried: list[str] = []
    anew: dict[str, str] = {}
    old_rows, new_rows = _shared_rows(learnt.tokens, tokens)
    has_rows = False
    for layer in classifier.layers:
        if not layer.weights:
            continue
        is_embedding = isinstance(layer, layers.Embedding)
        reason = _misfit(layer, learnt, class_names, rows_may_differ=is_embedding)
        if reason is not None:
            anew[layer.name] = reason
            continue
        carried.append(layer.name)
        has_rows |= is_embedding
        for weight in layer.weights:
            value = learnt.layers[layer.name][_path_in(layer, weight)]
            if is_embedding:
                rows = weight.numpy()  # [v, d]
                rows[new_rows] = value[old_rows]
                value = rows
            weight.assign(value)
    count = len(new_rows) if has_rows else 0
    return {
        "layers_carried": carried,
        "layers_started_anew": anew,
        "rows_carried": count,
        "rows_new": len(tokens) - count,
    }


def _shared_rows(old_tokens: Sequence[str], tokens: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each token in both vocabularies its old id and its new one.

    >>> [ids.tolist() for ids in _shared_rows(["the", "film", "dull"], ["film", "superb", "the"])]
    [[1, 0], [0, 2]]
    """
    old_id_of = {token: old_id for old_id, token in enumerate(old_tokens)}
    pairs = [(old_id_of[token], new_id) for new_id, token in enumerate(tokens) if token in old_id_of]
    old_ids, new_ids = np.array(pairs, np.int64).reshape(-1, 2).T
    return old_ids, new_ids


def _misfit(layer: layers.Layer, learnt: Learnt, class_names: Sequence[str], rows_may_differ: bool) -> str | None:
    """Why the earlier weights of a layer cannot be taken over; None where they can."""
    earlier = learnt.layers.get(layer.name)
    if earlier is None:
        return "the earlier model has no such layer"
    if layer.name.startswith(_LOGITS) and learnt.class_names != tuple(class_names):
        return f"the classes were {', '.join(learnt.class_names)}"
    first = 1 if rows_may_differ else 0
    new = {_path_in(layer, weight): list(weight.shape)[first:] for weight in layer.weights}
    old = {path: list(value.shape)[first:] for path, value in earlier.items()}
    if new.keys() != old.keys():
        return f"its weights were {', '.join(old)}"
    changed = [f"{path} {old[path]} -> {shape}" for path, shape in new.items() if old[path] != shape]
    return f"another shape: {', '.join(changed)}" if changed else None


def _weights(layer: layers.Layer) -> _Weights:
    return {_path_in(layer, weight): weight.numpy() for weight in layer.weights}


def _path_in(layer: layers.Layer, weight: keras.Variable) -> str:
    """The name of a weight below its layer, the same however the layer is computed, and in a model read from a file."""
    return weight.path.removeprefix(f"{layer.name}/")
