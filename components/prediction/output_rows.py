"""The rows of a prediction file: the columns of the input, then the answers.

In: Arrow tables of one schema. Out: .csv or .jsonl bytes of a table, or one .parquet file of all.

    predicted_label          the most probable class; empty where there is an error
    probability_<class>      one column a class, float32; empty likewise
    prediction_error         why a row has no answer; empty where it has one
"""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.prediction.input_rows import ERROR, TEXT
from schemas.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

LABEL_COLUMN, ERROR_COLUMN = "predicted_label", "prediction_error"
OUTPUT_ENDINGS = (".csv", ".jsonl", ".parquet")


def answer_columns(class_names: Sequence[str]) -> list[str]:
    """The columns that are added."""
    return [LABEL_COLUMN, *(f"probability_{name}" for name in class_names), ERROR_COLUMN]


def check_columns(path: Path, names: Sequence[str], class_names: Sequence[str]) -> None:
    """Raise ``UsageError`` where the input has a column of a name that is to be added."""
    if taken := [name for name in answer_columns(class_names) if name in names]:
        raise UsageError(
            f"{path}: already has the column {taken[0]!r}, which holds the answers. Rename it or leave it out."
        )


def with_answers(
    rows: "pa.Table", labels: Sequence[str], probabilities: "NDArray[np.float32]", class_names: Sequence[str]
) -> "pa.Table":
    """The rows with their answers; ``labels`` and ``probabilities`` [n, c] are those of the rows that have a text."""
    import numpy as np
    import pyarrow as pa

    has_text = rows[TEXT].is_valid().to_numpy()
    position = pa.array(np.cumsum(has_text) - 1, mask=~has_text)  # of each row among those with a text, else null
    errors = rows[ERROR].to_pylist()
    answers = rows.drop_columns([TEXT, ERROR])
    answers = answers.append_column(LABEL_COLUMN, pa.array(labels, pa.string()).take(position))
    for index, name in enumerate(class_names):
        column = pa.array(np.ascontiguousarray(probabilities[:, index]), pa.float32()).take(position)
        answers = answers.append_column(f"probability_{name}", column)
    return answers.append_column(ERROR_COLUMN, pa.array([error or None for error in errors], pa.string()))


def to_csv(table: "pa.Table") -> bytes:
    """The rows without their header; null is an empty field."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(zip(*(map(_csv_value, _values(column)) for column in table.columns), strict=True))
    return text.getvalue().encode()


def csv_header(names: Sequence[str]) -> bytes:
    """The first line."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(names)
    return text.getvalue().encode()


def to_jsonl(table: "pa.Table", json_columns: Sequence[str]) -> bytes:
    """One object a row; of ``json_columns``, which hold JSON already, a null is a key that the row never had."""
    columns = [_values(column) for column in table.columns]
    lines = []
    for values in zip(*columns, strict=True):
        row = {
            name: json.loads(value) if name in json_columns else value
            for name, value in zip(table.column_names, values, strict=True)
            if value is not None or name not in json_columns
        }
        lines.append(json.dumps(row, ensure_ascii=False, default=str) + "\n")
    return "".join(lines).encode("utf-8", "backslashreplace")


def json_as_strings(table: "pa.Table", json_columns: Sequence[str]) -> "pa.Table":
    """Columns of JSON as plain strings: a JSON string as itself, anything else as its JSON."""
    import pyarrow as pa

    for name in json_columns:
        values = [None if value in (None, "null") else json.loads(value) for value in table[name].to_pylist()]
        texts = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
        index = table.schema.get_field_index(name)
        table = table.set_column(index, name, pa.array(texts, pa.string()))
    return table


def _values(column: "pa.ChunkedArray") -> list[Any]:
    """Python values; float32 as the shortest decimal that is the same float32, not-a-number as None."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)

    if pa.types.is_float32(column.type):
        return [None if value is None else float(str(value)) for value in column.cast(pa.string()).to_pylist()]
    return list(column.to_pylist())


def _csv_value(value: Any) -> Any:
    return json.dumps(value, default=str) if isinstance(value, list | dict) else value
