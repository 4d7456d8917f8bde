"""TF-IDF of uni- and bigrams with logistic regression; letters: n rows, c classes.

In: token ids and labels. Out: a model that gives probabilities. Several classes are fitted one against the rest, since
that needs the weights of one class at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.linear.ngrams import TokenRows, count_matrix, frequent_ngrams

INVERSE_REGULARIZATION = 10.0
MOST_NGRAMS = 2**19  # bounds the weights of a class to 4 MB; rarer n-grams hardly count


@dataclass(frozen=True)
class LinearModel:
    """A fitted model; its n-grams, their weights in a row, and their weights in a class."""

    ids_in_use: int
    classes: int
    ngrams: NDArray[np.int64]
    _tfidf: Any
    _classifier: Any

    @classmethod
    def fit(cls, rows: TokenRows, labels: NDArray[np.int64], ids_in_use: int, classes: int) -> "LinearModel":
        """Fit to rows [n] and their labels [n], which hold two classes or more, and one token or more."""
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.linear_model import LogisticRegression
        from sklearn.multiclass import OneVsRestClassifier

        ngrams = frequent_ngrams(rows, ids_in_use, MOST_NGRAMS)
        tfidf = TfidfTransformer()
        features = tfidf.fit_transform(count_matrix(rows, ids_in_use, ngrams))
        regression = LogisticRegression(C=INVERSE_REGULARIZATION, solver="liblinear")
        return cls(ids_in_use, classes, ngrams, tfidf, OneVsRestClassifier(regression).fit(features, labels))

    def predict(self, rows: TokenRows) -> NDArray[np.float32]:
        """Probabilities float32 [n, c]; 0 for a class that was not among the labels."""
        probabilities = np.zeros((len(rows.lengths), self.classes), np.float32)
        features = self._tfidf.transform(count_matrix(rows, self.ids_in_use, self.ngrams))
        probabilities[:, self._classifier.classes_] = self._classifier.predict_proba(features)
        return probabilities


def unfit_reason(rows: TokenRows, labels: NDArray[np.int64], class_names: Sequence[str]) -> str | None:
    """Why no model can be fitted to these rows of the train split; None where one can."""
    present = np.unique(labels)
    if len(present) == 0:
        return "the train split has no rows"
    if len(present) == 1:
        return f"the rows of the train split are all of the class {class_names[present[0]]!r}"
    return None if len(rows.ids) else "no text of the train split holds a token"
