"""Several classes, from a CSV to the answers of the published model."""

import json
import random

import pytest

from tests.pipeline.command_line import glovebeam, one_paragraph, run_config, write_reviews

CONFIG = """\
[ingest]
source = "reviews.csv"
test_fraction = 0.2

[text]
max_length = 4

[train]
units = 4
embedding = "random"
embedding_dimension = 16
batch_size = 16
epochs = 4
learning_rate = 0.03
dropout = 0.0

[push]
verify_examples = 10
"""
FEW = ["sports", "Politik & Börse", "art, music"]
MANY = [f"topic {i:02d}" for i in range(20)]


def word_of(class_names, label):
    return f"word{chr(ord('a') + class_names.index(label))}"


def telling_texts(class_names, examples):
    """Texts of three words, one of which no other class has."""
    draw = random.Random(0)
    for i in range(examples):
        label = class_names[i % len(class_names)]
        words = [word_of(class_names, label), *draw.choices(("film", "plot", "cast", "scene"), k=2)]
        draw.shuffle(words)
        yield f"{' '.join(words)} {i}", label


@pytest.mark.parametrize(("class_names", "examples"), [(FEW, 240), (MANY, 800)], ids=["three", "twenty"])
def test_class_names_go_from_the_csv_to_the_answers_of_the_published_model(tmp_path, class_names, examples):
    write_reviews(tmp_path / "reviews.csv", telling_texts(class_names, examples))
    (tmp_path / "glovebeam.toml").write_text(CONFIG)

    done = run_config(tmp_path)

    assert done.returncode == 0, one_paragraph(done)
    (evaluation,) = (tmp_path / "root" / "artifacts" / "evaluate").iterdir()
    metrics = json.loads((evaluation / "metrics.json").read_text())
    assert metrics["accuracy"] > 0.95
    assert metrics["averaging"] == "macro"
    assert set(metrics["per_class"]) == set(class_names)
    texts = [f"film {word_of(class_names, label)} plot" for label in class_names]
    answers = json.loads(
        glovebeam("predict", "-", "--root", "root", "--json", cwd=tmp_path, stdin="\n".join(texts)).stdout
    )
    assert [answer["label"] for answer in answers] == class_names
    for answer in answers:
        assert set(answer["probability"]) == set(class_names)
        assert max(answer["probability"], key=answer["probability"].get) == answer["label"]
