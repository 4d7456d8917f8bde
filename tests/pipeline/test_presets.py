"""The presets: their hyperparameters, and each of them from a CSV to a published model, on little data."""

import pytest

from pipeline.config import load_config
from tests.pipeline.command_line import glovebeam, one_paragraph, tiny_reviews, write_reviews

NOTEBOOK = {
    "layers": 2,
    "bidirectional": False,
    "mask_padding": False,
    "pooling": "last",
    "members": 1,
    "ngrams": 0,
    "dropout": 0.5,
    "learning_rate": 0.001,
    "learning_rate_decay": "none",
    "batch_size": 128,
    "shuffle_buffer": 1000,
}
CELLS = NOTEBOOK | {
    "implementation": "cell",
    "units": 64,
    "head_units": 64,
    "embedding": "random",
    "embedding_dimension": 100,
    "embedding_trainable": True,
    "optimizer": "rmsprop",
    "epochs": 30,
    "patience": 30,
}
GLOVE = NOTEBOOK | {
    "cell": "lstm",
    "implementation": "auto",
    "units": 512,
    "head_units": 32,
    "embedding": "glove",
    "embedding_trainable": False,
    "optimizer": "adam",
    "epochs": 50,
    "patience": 50,
}
# As little of each as learns something; what makes a preset what it is stays.
SMALL = {
    "ingest.source": "reviews.csv",
    "ingest.test_fraction": "0.3",
    "ingest.validation_fraction": "0.2",
    "text.max_length": "4",
    "embed.source": "glove.txt",
    "embed.min_coverage": "0.2",
    "evaluate.linear_floor": "none",
    "train.units": "8",
    "train.batch_size": "8",
    "train.epochs": "4",
    "train.learning_rate": "0.03",
}


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("notebook-lstm-cell", CELLS | {"cell": "lstm"}),
        ("notebook-gru-cell", CELLS | {"cell": "gru"}),
        ("notebook-glove", GLOVE),
    ],
)
def test_the_notebook_s_hyperparameters_are_exact(preset, expected):
    config = load_config(preset)
    assert {name: getattr(config.train, name) for name in expected} == expected
    assert config.tokenizer.name == "keras"
    assert config.build_vocabulary.size == 10_000
    assert config.encode.max_length == 80
    assert (config.encode.padding, config.encode.truncating, config.encode.windows) == ("pre", "pre", "kept")


@pytest.mark.parametrize("preset", ["notebook-lstm-cell", "notebook-gru-cell", "notebook-glove", "best"])
def test_a_preset_goes_from_a_csv_to_a_published_model(tmp_path, preset):
    write_reviews(tmp_path / "reviews.csv", tiny_reviews())
    words = ["good", "great", "fine", "lovely", "bad", "dull", "poor", "awful", "film"]
    (tmp_path / "glove.txt").write_text("".join(f"{word} {i / 5 - 1:.1f} 0.5\n" for i, word in enumerate(words)))
    sets = [argument for key, value in SMALL.items() for argument in ("--set", f"{key}={value}")]

    done = glovebeam("run", "-c", preset, "--root", "root", *sets, cwd=tmp_path)

    assert done.returncode == 0, one_paragraph(done)
    assert (tmp_path / "root" / "serving" / "1" / "saved_model.pb").exists()
