"""What is kept of each span of a source, so that a new one costs reading that one alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.artifacts import Artifact, read_json


@dataclass(frozen=True)
class SpanStatistics(Artifact):
    """Statistics of the labelled texts of one span, which add up to those of a window.

    ```
    {train,validation,test}.json    counts of the split
    hashes/<split>-*.npy            uint64 [n], sorted: a hash of each text
    class_names.json                index = label
    ```
    """

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes of this span."""
        return tuple(read_json(self.path / "class_names.json"))


@dataclass(frozen=True)
class TokenCounts(Artifact):
    """The tokens of one span's train split.

    ```
    counts.parquet    token, count: every token by (-count, token)
    ```
    """

    @property
    def counts_file(self) -> Path:
        """Counts of all tokens."""
        return self.path / "counts.parquet"


@dataclass(frozen=True)
class LabelCheck(Artifact):
    """How the labels of one span agree with the model that serves.

    ```
    label_check.json    {"rows", "right", "agreement", "own_accuracy", "at_least", "p_value", "passed"}
    ```
    """

    @property
    def figures(self) -> dict[str, Any]:
        """The comparison."""
        return dict(read_json(self.path / "label_check.json"))
