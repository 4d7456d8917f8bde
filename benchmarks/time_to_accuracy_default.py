"""Seconds until the ``default`` preset reaches the target on the validation split, trained by ``components.train``.

The clock runs from the call of ``train``: fitting the linear part, making the model, tracing, reading TFRecords,
validation and the checkpoint of each epoch are inside. It goes on to the end of the training, so that its whole length
is known as well.
"""

import argparse
import shutil
import time
from pathlib import Path

import keras
import tensorflow as tf
from run_artifacts import artifact_folder
from train_setup import report_accuracy

import components.training.calibration
import components.training.checkpoint
import components.training.devices
import components.training.export
import components.training.fitting
import components.training.held_out
import components.training.tensorboard
import components.training.wide  # noqa: F401 - like those above, imported before the clock runs
from components.train import train
from pipeline.config import load_config
from schemas.artifacts import EmbeddingMatrix, EncodedExamples, VocabularyArtifact


def main() -> None:
    """Train once and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="where `glovebeam run --to encode` has been")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    root, out = arguments.root, arguments.root / "train"
    encoded = EncodedExamples(artifact_folder(root, "encode"))
    vocabulary = VocabularyArtifact(artifact_folder(root, "build_vocabulary"))
    matrix = EmbeddingMatrix(artifact_folder(root, "embed"))
    params = load_config("default").train.model_copy(update={"seed": arguments.seed})
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    epochs: list[tuple[float, float]] = []

    def on_epoch(_epoch: int, _epochs: int, metrics: dict[str, float]) -> None:
        epochs.append((time.perf_counter() - start, metrics["val_accuracy"]))

    start = time.perf_counter()
    train(encoded, vocabulary, matrix, None, params, out, on_epoch)
    report_accuracy(f"Keras {keras.__version__} on TensorFlow {tf.__version__}", epochs)


if __name__ == "__main__":
    main()
