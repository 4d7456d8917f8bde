"""What a training leaves behind after each epoch, so that a killed one goes on as if nothing had happened.

```
checkpoint/epoch-00003/progress.json      parameters, and metrics of the epochs so far
checkpoint/epoch-00003/state.npz          weights, dropout seeds, state of the optimizer
checkpoint/epoch-00003/best_weights.npz   weights of the best epoch so far
```
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from schemas.artifacts import read_json, write_json

_PROGRESS, _STATE, _BEST_WEIGHTS = "progress.json", "state.npz", "best_weights.npz"


class Checkpoint:
    """The checkpoint of one model, whose optimizer is built; a folder that has its name is whole.

    Args:
        folder: where it lies; need not exist.
        model: what is saved and restored.
        params: the training's parameters; a checkpoint made with others is thrown away.
    """

    def __init__(self, folder: Path, model: keras.Model, params: dict[str, Any]) -> None:
        self._folder, self._model, self._params = folder, model, params
        self._removed = folder.with_name(f"{folder.name}-removed")

    def restore(self) -> list[dict[str, float]]:
        """Set the model to the last finished epoch; the metrics of the epochs so far, none where there is none."""
        shutil.rmtree(self._removed, ignore_errors=True)
        latest = self._latest()
        if latest is None:
            return []
        progress = read_json(latest / _PROGRESS)
        if progress["params"] != self._params:
            self.remove()
            return []
        _assign(self._state(), latest / _STATE)
        return list(progress["epochs"])

    def write(self, epochs: list[dict[str, float]], is_best: bool) -> None:
        """Replace the checkpoint by the model as it is now, after ``len(epochs)`` epochs."""
        previous = self._latest()
        unfinished = self._folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        write_json(unfinished / _PROGRESS, {"params": self._params, "epochs": epochs})
        _save(self._state(), unfinished / _STATE)
        if is_best or previous is None:
            _save(self._model.weights, unfinished / _BEST_WEIGHTS)
        else:
            shutil.copyfile(previous / _BEST_WEIGHTS, unfinished / _BEST_WEIGHTS)
        unfinished.rename(self._folder / f"epoch-{len(epochs):05d}")
        if previous is not None:
            shutil.rmtree(previous)

    def restore_best_weights(self) -> None:
        """Set the model's weights to those of the best epoch; at least one has been written."""
        latest = self._latest()
        assert latest is not None
        _assign(self._model.weights, latest / _BEST_WEIGHTS)

    def remove(self) -> None:
        """Remove the checkpoint as a whole: one that was removed by half is never read."""
        shutil.rmtree(self._folder.rename(self._removed))

    def _latest(self) -> Path | None:
        return max(self._folder.glob("epoch-*"), default=None)

    def _state(self) -> list[keras.Variable]:
        """All that changes while fitting. Keras's own weight files leave out the seeds of the dropout."""
        return [*self._model.variables, *self._model.optimizer.variables]


def _save(variables: Sequence[keras.Variable], path: Path) -> None:
    np.savez(path, *(variable.numpy() for variable in variables))


def _assign(variables: Sequence[keras.Variable], path: Path) -> None:
    with np.load(path, allow_pickle=False) as arrays:
        for number, variable in enumerate(variables):
            variable.assign(arrays[f"arr_{number}"])
