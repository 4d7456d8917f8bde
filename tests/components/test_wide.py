"""The linear part: which n-grams it sees, and that it is what scikit-learn fits."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from components.dataset import evaluation_dataset
from components.model import build_wide_part
from components.train import TrainParams
from components.training import wide
from components.training.wide import fit_wide, fit_wide_part
from schemas.artifacts import EncodedExamples, Encoding
from schemas.examples import TRAIN_WINDOWS
from tests.components.train_helpers import MAX_LENGTH, Rows, rows, write_encoded, write_vocabulary

NAMES = ("awful", "great", "so-so", "unheard of")
# Up to 11 ** 3 n-grams of one length: none of them share a weight.
PARAMS = TrainParams(ngrams=3, ngram_buckets=1_000_003)

# Short texts of seven words repeat tokens and pairs, and have padding before them.
ROWS = {classes: rows(60, classes, seed=3) for classes in (2, 3)}
REPEATING = [(["good", "film", "good", "film", "good", "film"], 1), (["bad", "bad", "bad"], 0)]


def write(folder: Path, splits: Mapping[str, Rows], classes: int) -> EncodedExamples:
    folder.mkdir(exist_ok=True)
    return write_encoded(folder / "encoded", write_vocabulary(folder / "vocabulary"), splits, NAMES[:classes])


def scikit_learns_logits(fitted_on: Rows, asked: Rows, classes: int) -> NDArray[np.float64]:
    """Logits [n, c] of classes that all occur: one model each against the rest, or that of the second of two."""
    seen = CountVectorizer(ngram_range=(1, 3), binary=True, tokenizer=str.split, token_pattern=None)
    features = seen.fit_transform([" ".join(tokens) for tokens, _ in fitted_on])
    labels = np.array([label for _, label in fitted_on])
    all_features = 11 + 2 * (PARAMS.ngram_buckets + 1)  # also those that occur nowhere are smoothed
    logits = []
    for label in [1] if classes == 2 else range(classes):
        inside = np.asarray(features[labels == label].sum(axis=0))[0] + 1
        outside = np.asarray(features[labels != label].sum(axis=0))[0] + 1
        rest = all_features - features.shape[1]
        ratio = np.log(inside / (inside.sum() + rest)) - np.log(outside / (outside.sum() + rest))
        model = LogisticRegression(C=wide._STRENGTH, solver="liblinear", dual=True, random_state=0)
        model.fit(features.multiply(ratio).tocsr(), labels == label)
        asked_features = seen.transform([" ".join(tokens) for tokens, _ in asked]).multiply(ratio)
        logits.append(model.decision_function(asked_features.tocsr()))
    return np.stack(logits, axis=1)


def wide_logits(encoded: EncodedExamples, params: TrainParams = PARAMS, split: str = "test") -> NDArray[np.float32]:
    token_ids, _, _ = next(evaluation_dataset(encoded, split, 100).as_numpy_iterator())
    return np.asarray(fit_wide_part(encoded, params)(token_ids))


@pytest.mark.parametrize("classes", [2, 3])
def test_the_wide_logits_are_scikit_learns_decision_function(classes: int, tmp_path: Path) -> None:
    asked = [*rows(20, classes, seed=4), *REPEATING, ([], 0)]
    train = [*ROWS[classes], *REPEATING]
    encoded = write(tmp_path, {"train": train, "test": asked}, classes)
    np.testing.assert_allclose(wide_logits(encoded), scikit_learns_logits(train, asked, classes), rtol=0, atol=2e-3)


def test_a_class_without_train_rows_is_never_the_answer_and_changes_no_other(tmp_path: Path) -> None:
    splits = {"train": ROWS[3], "test": ROWS[3]}
    three, four = (wide_logits(write(tmp_path / str(classes), splits, classes)) for classes in (3, 4))
    np.testing.assert_array_equal(four[:, :3], three)
    assert (four[:, 3] == -10).all()


@pytest.mark.parametrize("label", [0, 1])
def test_train_rows_of_one_class_alone_give_that_class(label: int, tmp_path: Path) -> None:
    one_class = [(tokens, label) for tokens, _ in ROWS[2]]
    logits = wide_logits(write(tmp_path, {"train": one_class, "test": ROWS[2]}, 2))
    assert (logits == (10 if label else -10)).all()


def test_texts_without_a_token_are_fitted_to_the_share_of_the_classes(tmp_path: Path) -> None:
    empty = [([], int(i < 30)) for i in range(40)]
    logits = wide_logits(write(tmp_path, {"train": empty, "test": empty[:1]}, 2))
    assert 0.5 < logits.item() < np.log(3)


def test_the_wide_part_sums_the_weights_of_the_ngrams_that_occur_each_once() -> None:
    params = TrainParams(ngrams=3, ngram_buckets=10_007)
    part = build_wide_part(params, Encoding(6, "pre", "pre", 11, None, NAMES[:2], {}))
    for length, factor in ((1, 1), (2, 100), (3, 10_000)):  # digits of the logit: how many n-grams of each length
        table = np.full((11 if length == 1 else 10_008, 1), factor)
        table[0 if length == 1 else -1] = 0  # what stands for no n-gram
        part.get_layer(f"weights_of_{length}_grams").set_weights([table])
    texts = {
        (0, 0, 0, 0, 0, 0): 0,
        (0, 0, 0, 0, 0, 4): 1,
        (0, 0, 0, 4, 4, 4): 1_01_01,
        (0, 4, 5, 4, 5, 4): 2_02_02,
        (0, 4, 0, 5, 6, 7): 1_02_04,  # none goes across padding
        (4, 5, 6, 7, 8, 9): 4_05_06,
        (9, 8, 7, 6, 5, 4): 4_05_06,
    }
    assert np.asarray(part(np.array(list(texts))))[:, 0].tolist() == list(texts.values())


@pytest.mark.parametrize("max_length", [1, 2])
def test_texts_shorter_than_an_ngram_hold_none(max_length: int) -> None:
    part = build_wide_part(PARAMS, Encoding(max_length, "pre", "pre", 11, None, NAMES[:2], {}))
    for length in (1, 2, 3):
        layer = part.get_layer(f"weights_of_{length}_grams")
        layer.set_weights([np.full(layer.embeddings.shape, 10.0 ** (length - 1))])
    assert np.asarray(part(np.full((2, max_length), 5))).tolist() == [[{1: 1, 2: 11}[max_length]]] * 2


def test_the_order_of_the_tokens_of_an_ngram_counts(tmp_path: Path) -> None:
    forward, backward = (["bad", "good"], 0), (["good", "bad"], 1)
    encoded = write(tmp_path, {"train": [forward, backward] * 20, "test": [forward, backward]}, 2)
    alike = wide_logits(encoded, PARAMS.model_copy(update={"ngrams": 1}))
    first, second = wide_logits(encoded, PARAMS.model_copy(update={"ngrams": 2}))
    assert alike[0] == alike[1]
    assert first < 0 < second


def test_ngrams_share_few_buckets(tmp_path: Path) -> None:
    encoded = write(tmp_path, {"train": ROWS[2]}, 2)
    fitted = fit_wide(encoded, PARAMS.model_copy(update={"ngram_buckets": 7}))
    assert [table.shape for table in fitted.tables] == [(11, 1), (8, 1), (8, 1)]
    assert [table[-1].item() for table in fitted.tables[1:]] == [0, 0]


def test_windows_count_half_of_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, cut_off = [(["good"], 1), (["bad"], 0)] * 20, [(["fine"], 1), (["bad"], 0)] * 20
    asked = {"test": [(["fine"], 1)]}
    with_windows = write(tmp_path / "windows", {"train": kept, TRAIN_WINDOWS: cut_off, **asked}, 2)
    as_rows = wide_logits(write(tmp_path / "rows", {"train": [*kept, *cut_off], **asked}, 2))
    assert 0.1 < wide_logits(with_windows) < 0.8 * as_rows
    monkeypatch.setattr(wide, "_WINDOW_WEIGHT", 1.0)
    np.testing.assert_array_equal(wide_logits(with_windows), as_rows)


def test_of_very_many_rows_every_second_or_third_is_fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"test": ROWS[2]}
    third = wide_logits(write(tmp_path / "third", {"train": ROWS[2][::3], **asked}, 2))
    monkeypatch.setattr(wide, "_MOST_IDS", 25 * MAX_LENGTH)
    np.testing.assert_array_equal(wide_logits(write(tmp_path / "all", {"train": ROWS[2], **asked}, 2)), third)


def test_long_rows_are_fitted_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["good", "film", "the", "plot", "cast", "bad"]
    long_rows = [(words[i % 3 :], i % 2) for i in range(30)]  # 4 to 6 tokens
    pieces = []
    for tokens, label in long_rows:
        first, last = tokens[:-4], tokens[-4:]  # padding comes before the text
        pieces += [(first, label)] * (len(first) == 2) + [(last, label)]  # 1 of 4 is less than half of a piece
    asked = {"test": [(["good", "film"], 0), (words, 0)]}
    of_pieces = wide_logits(write(tmp_path / "pieces", {"train": pieces, **asked}, 2))
    monkeypatch.setattr(wide, "_PIECE", 4)
    of_long = wide_logits(write(tmp_path / "long", {"train": long_rows, **asked}, 2))
    np.testing.assert_allclose(of_long, of_pieces, rtol=1e-5)
