"""Push: prove that the SavedModel answers raw text as it was evaluated, then publish it as the next version.

In: a Model, its Evaluation, the Examples. Out: ``serving/<version>/``, a copy of ``saved_model/`` with requests that
warm it up, and a PushedModel.
Versions are 1, 2, 3, ...; none is ever overwritten, and none is visible before it is complete and on disk.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from components.serving import answer_texts
from components.serving.publication import folder_digest, next_version, reveal, stage
from components.serving.warm_up import WARM_UP_FILE, warm_up_requests
from schemas.artifacts import Examples, write_json
from schemas.errors import GlovebeamError, NotBlessedError
from schemas.model_artifacts import Evaluation, Model, PushedModel
from schemas.params import Params

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TOLERANCE = 1e-4  # of a probability; other batches and other kernels move the last bits
_ROWS_PER_BATCH = 1000


class PushParams(Params):
    """How much is verified."""

    verify_examples: int = Field(default=10_000, ge=1)  # the first so many test examples are asked again


def push(
    model: Model, evaluation: Evaluation, examples: Examples, serving: Path, params: PushParams, out: Path
) -> PushedModel:
    """Publish the model in ``serving`` and write ``pushed.json`` into ``out``.

    Where the newest version is this very model, byte for byte, that version is taken instead of a new one: so a push
    that was killed after publishing does not publish twice.

    Raises:
        NotBlessedError: when the evaluation does not allow it.
        GlovebeamError: when a fresh process cannot load the model, or answers other than recorded.
    """
    if not evaluation.blessing["blessed"]:
        raise NotBlessedError("push: the model is not blessed; blessing.json of its evaluation says why.")
    verify(model, evaluation, examples, params.verify_examples, out)
    version = publish(model.saved_model, serving)
    pushed = {
        "version": version,
        "model_digest": folder_digest(model.saved_model),
        "rows": examples.summary.rows,
        "metrics": evaluation.metrics,
        "blessing": evaluation.blessing,
    }
    write_json(out / "pushed.json", pushed)
    return PushedModel(out)


def verify(model: Model, evaluation: Evaluation, examples: Examples, number: int, out: Path) -> None:
    """Ask a fresh process for the first ``number`` test examples, and compare with ``predictions.parquet``."""
    import numpy as np

    work = out / "verify"
    work.mkdir()
    texts_file, answers_file = work / "texts.jsonl", work / "answers.jsonl"
    with texts_file.open("w") as file:
        file.writelines(json.dumps(text) + "\n" for text in islice(_test_texts(examples), number))
    _run_fresh_process(model.saved_model, texts_file, answers_file)
    answers = [json.loads(line) for line in answers_file.read_text().splitlines()]
    recorded = _recorded_predictions(evaluation, number)
    if len(answers) != len(recorded["example_id"]):
        raise GlovebeamError(
            f"push: the model answered {len(answers):,} test texts, but predictions.parquet holds "
            f"{len(recorded['example_id']):,}. Evaluate the model again."
        )
    probability = np.array([answer["probability"] for answer in answers], np.float64)  # [n, c]
    labels = [answer["label"] for answer in answers]
    _compare(recorded, labels, probability, examples.summary.class_names)
    shutil.rmtree(work)


def _test_texts(examples: Examples) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for shard in examples.shards("test"):
        for batch in pq.ParquetFile(shard).iter_batches(_ROWS_PER_BATCH, columns=["text"]):
            for text in batch["text"].cast(pa.binary()).to_pylist():
                yield text.decode(errors="replace")


def _recorded_predictions(evaluation: Evaluation, number: int) -> dict[str, list[Any]]:
    import pyarrow.parquet as pq

    return dict(pq.read_table(evaluation.predictions_file).slice(0, number).to_pydict())


def _run_fresh_process(saved_model: Path, texts_file: Path, answers_file: Path) -> None:
    """Run ``answer_texts`` in a Python that sees installed packages alone."""
    program = [sys.executable, "-I", str(Path(answer_texts.__file__).resolve())]
    files = [str(path.resolve()) for path in (saved_model, texts_file, answers_file)]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2")}
    try:
        done = subprocess.run([*program, *files], env=quiet, cwd=texts_file.parent, capture_output=True, text=True)
    except OSError as error:
        raise GlovebeamError(f"push: cannot start {sys.executable} to verify the model: {error}.") from error
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        cause = lines[-1] if lines else f"it ended with code {done.returncode} and said nothing"
        raise GlovebeamError(
            f"push: a fresh Python with TensorFlow alone cannot load {saved_model} and answer texts with it: {cause}. "
            "Nothing was published. Train the model again."
        )


def _compare(
    recorded: dict[str, list[Any]],
    labels: list[str],
    probability: "NDArray[np.float64]",
    class_names: tuple[str, ...],
) -> None:
    """Raise unless all probabilities agree, and all labels but those of a draw."""
    import numpy as np

    expected = np.array(recorded["probability"], np.float64)  # [n, c]
    if expected.shape != probability.shape:
        raise GlovebeamError(f"push: the model gives {probability.shape[1]} probabilities, not {expected.shape[1]}.")
    difference = np.abs(probability - expected).max(axis=1)  # [n]
    difference[np.isnan(difference)] = np.inf
    worst = int(difference.argmax())
    if difference[worst] > _TOLERANCE:
        raise GlovebeamError(
            f"push: loaded in a fresh process, the model answers other than it was evaluated: of {len(labels):,} test "
            f"texts {int((difference > _TOLERANCE).sum()):,} differ, most of all {recorded['example_id'][worst]} with "
            f"{probability[worst].tolist()} instead of {expected[worst].tolist()} (allowed {_TOLERANCE:g}). Nothing "
            "was published. Train and evaluate the model again."
        )
    ranked = np.sort(expected, axis=1)
    is_draw = ranked[:, -1] - ranked[:, -2] <= 2 * _TOLERANCE
    names = [class_names[index] for index in recorded["predicted"]]
    wrong = [row for row in range(len(labels)) if labels[row] != names[row] and not is_draw[row]]
    if wrong:
        row = wrong[0]
        raise GlovebeamError(
            f"push: loaded in a fresh process, the model gives {len(wrong):,} of {len(labels):,} test texts another "
            f"label, such as {recorded['example_id'][row]}: {labels[row]!r} instead of {names[row]!r}. Nothing was "
            "published. Train and evaluate the model again."
        )


def publish(saved_model: Path, serving: Path) -> int:
    """Copy a SavedModel to ``serving/<version>`` and return the version; see ``push``."""
    extra = {WARM_UP_FILE: warm_up_requests()}
    newest = next_version(serving) - 1
    if newest and folder_digest(serving / str(newest)) == folder_digest(saved_model, extra):
        return newest
    reveal(stage(saved_model, serving, extra), serving, newest + 1)
    return newest + 1
