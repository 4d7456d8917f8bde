"""Asking a published model: a few texts, or a file by a Beam job."""

import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from components.beam_options import BeamOptions
from pipeline.execution.log_capture import captured_output
from pipeline.execution.root import Root
from pipeline.terminal.display import Display
from pipeline.terminal.lines import count
from schemas.errors import UsageError

if TYPE_CHECKING:
    from components.predict import PredictParams

_TEXT_SHOWN = 80


def published_model(root: Root, version: int | None) -> Path:
    """The folder of a version, the newest one if none is named.

    Raises:
        UsageError: nothing is published, or not this version.
    """
    root.check()
    folders = root.serving.iterdir() if root.serving.is_dir() else []
    published = sorted(int(folder.name) for folder in folders if folder.name.isdecimal())
    if not published:
        raise UsageError(
            f"{root.path} has no published model yet. `glovebeam run` trains, evaluates and publishes one; --root "
            "names another folder."
        )
    if version is not None and version not in published:
        raise UsageError(
            f"--version {version}: {root.path} has no such version. Published: {', '.join(map(str, published))}."
        )
    return root.serving / str(version or published[-1])


def given_texts(texts: Sequence[str]) -> list[str]:
    """The texts of the command line, or the lines of standard input for ``-`` or where something is piped in."""
    if list(texts) == ["-"] or (not texts and not sys.stdin.isatty()):
        texts = [line.rstrip("\r\n") for line in sys.stdin.buffer.read().decode("utf-8", "replace").splitlines()]
    if not texts:
        raise UsageError('Give a text, as in: glovebeam predict "a wonderful film"; or --input FILE --output FILE.')
    return list(texts)


def predict(root: Root, version: int | None, texts: Sequence[str]) -> list[dict[str, Any]]:
    """The label and the probability of each class, for each text."""
    from components.predict import predict_texts

    texts = given_texts(texts)
    model_dir = published_model(root, version)
    with captured_output(Path(os.devnull)):
        predictions = predict_texts(model_dir, texts)
    return [
        {"text": text, "label": prediction.label, "probability": prediction.probabilities}
        for text, prediction in zip(texts, predictions, strict=True)
    ]


def prediction_lines(predictions: Iterable[dict[str, Any]]) -> list[str]:
    """Label, its probability, and the beginning of the text.

    >>> prediction_lines([{"text": "a fine film", "label": "good", "probability": {"bad": 0.1, "good": 0.9}}])
    ['good 0.9000  a fine film']
    """
    lines = []
    for prediction in predictions:
        text = " ".join(prediction["text"].split())
        shown = text if len(text) <= _TEXT_SHOWN else f"{text[: _TEXT_SHOWN - 3]}..."
        lines.append(f"{prediction['label']} {prediction['probability'][prediction['label']]:.4f}  {shown}")
    return lines


def file_params(texts: Sequence[str], **options: str | None) -> "PredictParams":
    """How to read ``--input``.

    Raises:
        UsageError: a bad option, or texts beside the file.
    """
    from pydantic import ValidationError

    from components.predict import PredictParams

    if texts:
        raise UsageError(f"Give either texts or --input, not both; got {texts[0]!r}.")
    try:
        return PredictParams.model_validate(options)
    except ValidationError as error:
        problem = error.errors()[0]
        option = str(problem["loc"][0]).replace("_", "-")
        raise UsageError(f"--{option}: {problem['msg'].removeprefix('Value error, ')}.") from error


def predict_to_file(
    root: Root, version: int | None, input_file: Path | None, output_file: Path | None, params: "PredictParams"
) -> dict[str, Any]:
    """Answer every row of a file; returns what became of the rows."""
    from components.predict import predict_file

    if input_file is None or output_file is None:
        raise UsageError("A file is answered with both --input FILE and --output FILE.")
    model_dir = published_model(root, version)
    with captured_output(Path(os.devnull)) as terminal, tempfile.TemporaryDirectory() as folder:
        display = Display(Console(file=terminal, highlight=False, markup=False, emoji=False))
        progress_file = Path(folder) / "progress"
        with display.step("predict", f"version {model_dir.name}", progress_file):
            counts = predict_file(model_dir, input_file, output_file, params, BeamOptions(progress_file=progress_file))
    return {"output": str(output_file), "rows": counts.rows, "predicted": counts.predicted, "errors": counts.errors}


def counts_lines(counts: dict[str, Any]) -> list[str]:
    """What became of the rows of a file."""
    without = f", {counts['errors']:,} of them without an answer (see the column prediction_error)"
    return [f"{counts['output']}: {count(counts['rows'], 'row')}{without if counts['errors'] else ''}"]
