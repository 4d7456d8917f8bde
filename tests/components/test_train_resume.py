"""A training that was killed, or that runs in another process, ends in the same bytes."""

import hashlib
from pathlib import Path

from schemas.model_artifacts import Model
from tests.components.train_helpers import TINY, TrainInputs, run_python

REPOSITORY = Path(__file__).parents[2]

# Trains as the fixture does, and ends without a goodbye after the epoch given (0: never).
SCRIPT = """
import os, sys
from pathlib import Path
from components.train import TrainParams, train
from schemas.artifacts import EmbeddingMatrix, EncodedExamples, VocabularyArtifact
from schemas.model_artifacts import Model

inputs, out, params, last_epoch = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
initial = Model(Path(sys.argv[5])) if sys.argv[5:] else None
train(
    EncodedExamples(inputs / "encoded"),
    VocabularyArtifact(inputs / "vocabulary"),
    EmbeddingMatrix(inputs / "embedding"),
    initial,
    TrainParams.model_validate_json(params),
    out,
    lambda epoch, epochs, metrics: os._exit(9) if epoch == last_epoch else None,
)
"""
ONE_THREAD = {"PYTHONHASHSEED": "7", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


def digests(model: Model) -> dict[str, str]:
    return {
        str(file.relative_to(model.path)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(model.path.rglob("*"))
        if file.is_file() and "tensorboard" not in file.parts
    }


def test_killed_in_another_process_on_fewer_threads_a_training_goes_on_to_identical_bytes(
    tiny: TrainInputs, trained: Model, tmp_path: Path
) -> None:
    arguments = ("-c", SCRIPT, str(tiny.folder), str(tmp_path), TINY.model_dump_json(), "1")
    killed = run_python(*arguments, PYTHONPATH=str(REPOSITORY), **ONE_THREAD)
    assert (killed.returncode, killed.stdout) == (9, ""), killed.stderr
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["epoch-00001"]
    half = tmp_path / "checkpoint" / "unfinished"  # killed again, while writing the next checkpoint
    half.mkdir()
    (half / "state.npz").write_bytes(b"half")
    seen = []
    model = tiny.train(TINY, tmp_path, lambda epoch, epochs, _: seen.append((epoch, epochs)))
    assert seen == [(2, 2)]
    assert digests(model) == digests(trained)
    assert TINY.members > 1 < TINY.ngrams  # all parts are there
    assert TINY.implementation == "auto"
