"""The Beam side of batch prediction: a chunk of rows to a chunk of answered rows, with a model loaded once a worker.

In: the path of an Arrow file that ``components.prediction.input_rows`` filled. Out: a part of the output beside it.
"""

from collections.abc import Sequence
from pathlib import Path

import apache_beam as beam
import pyarrow as pa

from components.beam_options import count_rows
from components.prediction.input_rows import TEXT
from components.prediction.output_rows import json_as_strings, to_csv, to_jsonl, with_answers
from components.serving.servable import Servable


class PredictChunk(beam.DoFn):
    """Answers the texts of a chunk and writes its part: ``00000.rows`` becomes ``00000.part``.

    Args:
        model_dir: the SavedModel.
        columns: the columns of the whole input, since one chunk of JSON Lines may lack some.
        json_columns: those of them that hold JSON.
        ending: of the output.
        progress_file: see ``count_rows``.
    """

    def __init__(
        self,
        model_dir: Path,
        columns: Sequence[str],
        json_columns: Sequence[str],
        ending: str,
        progress_file: Path | None,
    ) -> None:
        self._model_dir = model_dir
        self._columns = tuple(columns)
        self._json_columns = tuple(json_columns)
        self._ending = ending
        self._progress_file = progress_file
        self._servable: Servable | None = None

    def setup(self) -> None:
        """Load the model."""
        self._servable = Servable.load(self._model_dir)

    def process(self, chunk: str) -> None:
        """Write the part of one chunk."""
        assert self._servable is not None
        with pa.memory_map(chunk) as file:
            rows = pa.ipc.open_file(file).read_all()
        texts = rows[TEXT].drop_null().cast(pa.binary()).to_pylist()
        answered = with_answers(rows, *self._servable.classify(texts), self._servable.class_names)
        self._write(answered, Path(chunk).with_suffix(".part"))
        count_rows(self._progress_file, len(rows))

    def _write(self, answered: pa.Table, part: Path) -> None:
        if self._ending == ".jsonl":
            part.write_bytes(to_jsonl(answered, self._json_columns))
            return
        for name in self._columns:
            if name not in answered.column_names:
                answered = answered.append_column(name, pa.nulls(len(answered), pa.string()))
        added = [name for name in answered.column_names if name not in self._columns]
        answered = json_as_strings(answered, self._json_columns).select([*self._columns, *added])
        if self._ending == ".csv":
            part.write_bytes(to_csv(answered))
        else:
            with pa.ipc.new_file(str(part), answered.schema) as file:
                file.write_table(answered)
