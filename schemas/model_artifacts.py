"""What is made of encoded examples: models, linear and trained, what they are worth, and what is published."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.artifacts import Artifact, read_json


@dataclass(frozen=True)
class LinearFloor(Artifact):
    """What two linear models answer to the test split: "tokens" sees what the network sees, "text" the full texts.

    ```
    metrics.json           {"tokens": metrics as in Evaluation, or {"not_fitted": reason}; "text": likewise;
                           "train_examples": {"used", "of"}, "test_examples"}
    predictions.parquet    example_id, label, tokens_predicted, tokens_probability (list<float>, one a class),
                           text_predicted, text_probability; null where a model was not fitted
    ```
    """

    @property
    def metrics(self) -> dict[str, Any]:
        """The figures of both."""
        return dict(read_json(self.path / "metrics.json"))

    @property
    def predictions_file(self) -> Path:
        """One row a test example, in the order of the examples."""
        return self.path / "predictions.parquet"


@dataclass(frozen=True)
class Model(Artifact):
    """A trained classifier.

    ```
    model.keras     the Keras model on token ids: int64 [b, max_length] => float32 [b] or [b, classes] logits
    saved_model/    serving_default: text string [b] => label string [b], probability float32 [b, classes]
    history.json    metrics of each epoch, and which epoch's weights were kept
    tensorboard/    logs; not part of the artifact's digest, since they hold wall times
    ```
    """

    @property
    def keras_file(self) -> Path:
        """The native Keras format."""
        return self.path / "model.keras"

    @property
    def saved_model(self) -> Path:
        """The servable."""
        return self.path / "saved_model"

    @property
    def history(self) -> dict[str, Any]:
        """{"epochs": [{"loss": ..., "val_accuracy": ...}, ...], "best_epoch": 3, ...}; epochs count from 1.

        ``warm_start`` is None, or {"rows_carried", "rows_new", "layers_carried": [name, ...], "layers_started_anew":
        {name: reason}}.
        """
        return dict(read_json(self.path / "history.json"))


@dataclass(frozen=True)
class Evaluation(Artifact):
    """How good the model is on the test split, and whether it may be pushed.

    ```
    metrics.json           metrics over every test example
    predictions.parquet    example_id, label, predicted, probability (list<float>, one a class)
    blessing.json          {"blessed": bool, "checks": [{"name", "passed", "reason", ...figures}],
                           "alarms": [why the serving model would not be blessed on these examples, ...]}
    ```
    """

    @property
    def metrics(self) -> dict[str, Any]:
        """The figures."""
        return dict(read_json(self.path / "metrics.json"))

    @property
    def predictions_file(self) -> Path:
        """One row a test example, in the order of the examples."""
        return self.path / "predictions.parquet"

    @property
    def blessing(self) -> dict[str, Any]:
        """Each check with its figures and its verdict."""
        return dict(read_json(self.path / "blessing.json"))


@dataclass(frozen=True)
class PushedModel(Artifact):
    """A published version.

    ```
    pushed.json     {"version": 3, "model_digest": ..., "rows": {split: rows}, "metrics": ..., "blessing": ...}, the
                    last two as in Evaluation; of a rollback also {"restores": 1}
    ```

    The model itself is in ROOT/serving/<version>/.
    """

    @property
    def version(self) -> int:
        """The serving version."""
        return int(read_json(self.path / "pushed.json")["version"])
