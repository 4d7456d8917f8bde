"""The linear models against scikit-learn's own vectorizer, on the split, and where nothing can be fitted."""

import random

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from components.beam_options import BeamOptions
from components.encode import EncodeParams, encode
from components.linear import rows as linear_rows
from components.linear_floor import LinearFloorParams, linear_floor
from schemas.errors import DataError
from tests.components.tiny_models import write_vocabulary

FILLERS = ["film", "cast", "plot", "actor", "scene"]
TELLING = ["dull", "great", "odd", "tense"]  # index = label


def texts(count, classes=2, seed=0, words=5):
    """Texts of a telling word among fillers; one in seven tells another label."""
    draw, made = random.Random(seed), []
    for i in range(count):
        told = i % classes if i % 7 else (i + 1) % classes
        tokens = [TELLING[told], *draw.choices(FILLERS, k=draw.randrange(words))]
        draw.shuffle(tokens)
        made.append((" ".join(tokens), i % classes))
    return made


@pytest.fixture
def floor_of(write_examples, folder, tmp_path):
    """The floor of a corpus, its texts cut to the last ``max_length`` of the telling words and fillers."""

    def floor_of(train, test, classes=2, max_length=4, **params):
        examples = write_examples({"train": train, "test": test}, 3, TELLING[:classes])
        vocabulary = write_vocabulary(tmp_path / "vocabulary", [*TELLING, *FILLERS])
        encoding = EncodeParams(max_length=max_length, compression="gzip")
        encoded = encode(examples, vocabulary, None, encoding, folder("encoded"), BeamOptions())
        return linear_floor(examples, encoded, LinearFloorParams(**params), folder("floor"))

    return floor_of


def columns_of(floor):
    return pq.read_table(floor.predictions_file).to_pydict()


def test_the_probabilities_are_those_of_scikit_learn_on_full_texts_and_on_the_tokens_seen(floor_of):
    train, test = texts(80, seed=1), texts(30, seed=2)

    columns = columns_of(floor_of(train, test))

    labels = [label for _, label in train]
    for variant, cut in (("text", slice(None)), ("tokens", slice(-4, None))):
        seen = [[" ".join(text.split()[cut]) for text, _ in split] for split in (train, test)]
        vectorizer = TfidfVectorizer(ngram_range=(1, 2))
        model = LogisticRegression(C=10, solver="liblinear").fit(vectorizer.fit_transform(seen[0]), labels)
        expected = model.predict_proba(vectorizer.transform(seen[1]))
        np.testing.assert_allclose(columns[f"{variant}_probability"], expected, atol=1e-3)
        assert columns[f"{variant}_predicted"] == expected.argmax(axis=1).tolist()
    assert columns["example_id"] == [f"test:{i}" for i in range(30)]
    assert columns["label"] == [label for _, label in test]


def test_only_the_full_text_knows_what_was_cut_off(floor_of):
    def told_early(count):
        return [(f"{TELLING[i % 2]} film cast plot", i % 2) for i in range(count)]

    floor = floor_of(told_early(20), told_early(10), max_length=2)

    assert floor.metrics["text"]["accuracy"] == 1
    assert floor.metrics["tokens"]["accuracy"] == 0.5


def test_the_figures_are_those_of_evaluate_for_each_variant(floor_of):
    floor = floor_of(texts(40, seed=1), texts(16, seed=2))

    metrics = floor.metrics
    assert metrics["train_examples"] == {"used": 40, "of": 40}
    for variant in ("tokens", "text"):
        predicted, labels = columns_of(floor)[f"{variant}_predicted"], columns_of(floor)["label"]
        right = sum(answer == label for answer, label in zip(predicted, labels, strict=True))
        assert metrics[variant]["accuracy"] == right / 16
        assert {"auc", "f1", "intervals_95", "confusion_matrix"} <= metrics[variant].keys()


def test_several_classes_work_and_one_that_train_lacks_has_no_chance(floor_of):
    floor = floor_of(texts(60, classes=3, seed=1), texts(24, classes=4, seed=2), classes=4)

    probabilities = np.array(columns_of(floor)["tokens_probability"])
    assert probabilities.shape == (24, 4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert not probabilities[:, 3].any()
    assert floor.metrics["tokens"]["per_class"]["dull"]["recall"] > 0.6
    assert floor.metrics["tokens"]["per_class"]["tense"]["recall"] == 0


def test_no_more_rows_than_asked_for_are_fitted_and_they_come_from_all_shards(floor_of, write_examples):
    floor = floor_of(texts(60), texts(8), max_examples=30)
    taken = linear_rows.sampled(write_examples({"train": texts(60)}, name="others"), "train", 30)

    assert floor.metrics["train_examples"] == {"used": 30, "of": 60}
    assert taken.sum() == 30
    assert taken.reshape(6, 10).any(axis=1).all()


def test_the_labels_stay_with_their_rows_in_a_sample(floor_of):
    train = [(f"{TELLING[label]} film", label) for label in random.Random(0).choices((0, 1), k=60)]

    floor = floor_of(train, [("dull film", 0), ("great film", 1)], max_examples=20)

    assert columns_of(floor)["tokens_predicted"] == columns_of(floor)["text_predicted"] == [0, 1]


def test_long_texts_are_sampled_so_that_memory_has_a_bound(write_examples, monkeypatch):
    monkeypatch.setattr(linear_rows, "MOST_TEXT_BYTES", 10_000)
    train = [(f"{i} {'film ' * 100}", i % 2) for i in range(80)]  # 40 kB

    taken = linear_rows.sampled(write_examples({"train": train}, rows_per_shard=20), "train", 100)

    assert 15 <= taken.sum() <= 25


@pytest.mark.parametrize(
    ("train", "tokens", "text"),
    [
        (
            [("great film", 1), ("great cast", 1)],
            "the rows of the train split are all of the class 'great'",
            "the rows of the train split are all of the class 'great'",
        ),
        ([("", 0), ("?!", 1)], None, "no text of the train split holds a token"),  # encoded as one UNK each
        ([("a film", 0)], *["the rows of the train split are all of the class 'dull'"] * 2),
        ([], *["the train split has no rows"] * 2),
    ],
)
def test_what_cannot_be_fitted_is_told_and_its_answers_are_null(floor_of, train, tokens, text):
    floor = floor_of(train, [("great film", 1), ("", 0)])

    columns = columns_of(floor)
    for variant, reason in (("tokens", tokens), ("text", text)):
        assert floor.metrics[variant].get("not_fitted") == reason
        assert (columns[f"{variant}_predicted"] == [None, None]) == bool(reason)
    assert columns["label"] == [1, 0]


def test_five_rows_and_test_texts_without_a_known_token_are_enough(floor_of):
    floor = floor_of(texts(5), [("", 0), ("zyzzyva", 1)])

    assert all(len(row) == 2 for row in columns_of(floor)["text_probability"])
    assert floor.metrics["text"]["examples"] == 2


def test_the_same_inputs_give_the_same_bytes(floor_of, write_examples, folder, tmp_path):
    first = floor_of(texts(60), texts(8), max_examples=30)
    (tmp_path / "floor").rename(tmp_path / "first")
    for name in ("examples", "encoded", "vocabulary"):
        (tmp_path / name).rename(tmp_path / f"{name}-first")
    second = floor_of(texts(60), texts(8), max_examples=30)

    for name in ("metrics.json", "predictions.parquet"):
        assert (tmp_path / "first" / name).read_bytes() == (second.path / name).read_bytes()
    assert first.path == second.path


def test_an_empty_test_split_is_a_data_error_with_a_remedy(floor_of):
    with pytest.raises(DataError, match=r"the test split has no rows.*raise ingest.test_fraction"):
        floor_of(texts(8), [])


def test_records_of_other_texts_are_refused(write_examples, folder, tmp_path):
    vocabulary = write_vocabulary(tmp_path / "vocabulary", TELLING)
    examples = write_examples({"train": texts(8), "test": texts(4)})
    encoded = encode(examples, vocabulary, None, EncodeParams(compression="gzip"), folder("encoded"), BeamOptions())
    others = write_examples({"train": texts(9), "test": texts(4)}, name="others")

    with pytest.raises(DataError, match="the encoded train split holds 8 examples, and the texts beside it are 9"):
        linear_floor(others, encoded, LinearFloorParams(), folder("floor"))


def test_a_record_file_that_is_missing_is_named(write_examples, folder, tmp_path):
    vocabulary = write_vocabulary(tmp_path / "vocabulary", TELLING)
    examples = write_examples({"train": texts(8), "test": texts(4)})
    encoded = encode(examples, vocabulary, None, EncodeParams(compression="gzip"), folder("encoded"), BeamOptions())
    encoded.shards("test")[-1].unlink()

    with pytest.raises(DataError, match=r"encoded.test: cannot be read: .* Run encode again"):
        linear_floor(examples, encoded, LinearFloorParams(), folder("floor"))
