"""Train: an epoch appends a letter to its checkpoint; dies in the epoch that DIE_IN_EPOCH names."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from toy.artifacts import Encoded

from schemas.model_artifacts import Model
from schemas.params import Params


class TrainParams(Params):
    epochs: int = 3
    warm_start: bool = False


def train(
    encoded: Encoded,
    embedding_matrix: Model | None,
    initial: Model | None,
    params: TrainParams,
    out: Path,
    on_epoch=print,
) -> Model:
    sys.stdout.write("noise on stdout\n")
    os.write(2, b"noise of C++ on stderr\n")
    checkpoint = out / "checkpoint"
    checkpoint.mkdir(exist_ok=True)
    weights = checkpoint / "weights"
    done = weights.read_text() if weights.exists() else ""
    (out / "half").write_text("a file that a killed attempt leaves")
    trained_here = 0
    for epoch in range(len(done) + 1, params.epochs + 1):
        if os.environ.get("DIE_IN_EPOCH") == str(epoch):
            os.kill(os.getpid(), signal.SIGKILL)
        if "WORKER_FD" in os.environ:  # a worker that nobody ends; the descriptor is open as long as it lives
            subprocess.Popen(["sleep", "1000"], pass_fds=[int(os.environ["WORKER_FD"])])
        if os.environ.get("WAIT_IN_EPOCH") == str(epoch):
            os.write(int(os.environ["READY_FD"]), b"!")
            signal.pause()
        done += chr(ord("a") + epoch)
        weights.write_text(done)
        trained_here += 1
        on_epoch(epoch, params.epochs, {"loss": 1 / epoch, "val_accuracy": 0.8})
    (out / "half").unlink()
    done = f"{initial.keras_file.read_text()}, then {done}" if initial else done
    (out / "model.keras").write_text(done + (encoded.path / "train" / "part-0").read_text())
    (out / "history.json").write_text(f'{{"best_epoch": {params.epochs}}}')
    (out / "tensorboard").mkdir(exist_ok=True)
    (out / "tensorboard" / "events").write_text(str(os.getpid()))
    sys.stderr.write(f"epochs trained here: {trained_here}\n")
    return Model(out)
