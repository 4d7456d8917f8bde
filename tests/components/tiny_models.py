"""Models whose answer to each word is written down in the test: an embedding is the whole network."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.beam_options import BeamOptions
from components.encode import EncodeParams, encode
from components.training.export import save_keras_model, save_servable
from schemas.artifacts import EncodedExamples, Encoding, Examples, VocabularyArtifact, write_json
from schemas.model_artifacts import LinearFloor, Model
from schemas.vocabulary import FIRST_TOKEN_ID, Tokenizer, Vocabulary

Logits = Mapping[str, float | Sequence[float]]  # word -> logit of the second class, or one logit a class
Answers = Sequence[int] | str


def write_vocabulary(folder: Path, words: Sequence[str]) -> VocabularyArtifact:
    artifact = VocabularyArtifact(folder)
    folder.mkdir(parents=True, exist_ok=True)
    Vocabulary.from_tokens(words, Tokenizer()).save(artifact.vocabulary_file, artifact.tokenizer_file)
    return artifact


def write_model(folder: Path, logits: Logits, class_names: Sequence[str] = ("negative", "positive")) -> Model:
    """A model of one-word texts; an unknown word has the logit 0."""
    vocabulary = write_vocabulary(folder / "vocabulary", list(logits))
    outputs = 1 if len(class_names) == 2 else len(class_names)
    token_ids = keras.Input((1,), dtype="int64")
    embedding = keras.layers.Embedding(FIRST_TOKEN_ID + len(logits), outputs)
    hidden = embedding(token_ids)  # [b, 1] => [b, 1, outputs]
    model = keras.Model(token_ids, keras.layers.Reshape(() if outputs == 1 else (outputs,))(hidden))
    table = np.zeros((FIRST_TOKEN_ID + len(logits), outputs), np.float32)
    table[FIRST_TOKEN_ID:] = np.array(list(logits.values()), np.float32).reshape(len(logits), outputs)
    embedding.set_weights([table])
    encoding = Encoding(1, "pre", "pre", len(table), None, tuple(class_names), {})
    artifact = Model(folder)
    save_keras_model(model, artifact.keras_file)
    save_servable(model, vocabulary, encoding, artifact.saved_model)
    return artifact


def encode_for(model: Model, examples: Examples, out: Path) -> EncodedExamples:
    out.mkdir(parents=True)
    """Compressed, since writing the tfds metadata beside plain records takes seconds."""
    vocabulary = VocabularyArtifact(model.path / "vocabulary")
    return encode(examples, vocabulary, None, EncodeParams(max_length=1, compression="gzip"), out, BeamOptions())


def write_floor(folder: Path, ids: Sequence[str], tokens: Answers, text: Answers) -> LinearFloor:
    """A floor with these answers to the examples; a string is the reason why a model could not be fitted."""
    metrics, columns = {}, {"example_id": list(ids)}
    for name, answers in (("tokens", tokens), ("text", text)):
        is_fitted = not isinstance(answers, str)
        metrics[name] = {"intervals_95": {"accuracy": [0.25, 0.75]}} if is_fitted else {"not_fitted": answers}
        columns[f"{name}_predicted"] = answers if is_fitted else [None] * len(ids)
    write_json(folder / "metrics.json", metrics)
    pq.write_table(pa.table(columns), folder / "predictions.parquet")
    return LinearFloor(folder)
