"""A row of a source before it is an example, and why some rows cannot become one.

In: the values as the source holds them. Out: text, label and kept columns as strings, or the reason for a reject.

>>> accept(Row("a.csv:1", "a.csv row 1 (line 2)", "Good", 1, (None, 2.5), "Good,1,,2.5"), "utf-8")
Accepted(example_id='a.csv:1', text='Good', label='1', kept=(None, '2.5'))
>>> accept(Row("a.csv:2", "a.csv row 2 (line 3)", "  ", 1, (), "  ,1"), "utf-8")
Reject(place='a.csv row 2 (line 3)', reason='the text is empty', raw='  ,1')
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from components.reading.decoding import MARK_BYTES, escape_bytes, is_unicode, undecodable


class Row(NamedTuple):
    """One row with its values as they were read."""

    example_id: str
    place: str
    text: Any
    label: Any
    kept: Sequence[Any]
    raw: Any  # the row as it stands in the source: its line, or its values by column


class Accepted(NamedTuple):
    """One row that becomes an example; all values are Unicode."""

    example_id: str
    text: str
    label: str
    kept: tuple[str | None, ...]


class Reject(NamedTuple):
    """One row that was not taken."""

    place: str
    reason: str
    raw: Any

    def to_json(self) -> str:
        """One line of rejected.jsonl; where ``raw`` is not Unicode, its bytes are escaped with backslashes."""
        return json.dumps({**self._asdict(), "raw": _printable(self.raw)}, ensure_ascii=False) + "\n"


class _NotTakenError(ValueError):
    """Why a value cannot be taken."""


def accept(row: Row, encoding: str) -> Accepted | Reject:
    """The row as strings, or why not: a text that is null, empty, undecodable or no text; likewise the label."""
    try:
        text = _text(row.text, encoding)
        label = _label(row.label, encoding)
        kept = tuple(None if value is None else _as_string(value, encoding) for value in row.kept)
    except _NotTakenError as error:
        return Reject(row.place, str(error), row.raw)
    return Accepted(row.example_id, text, label, kept)


def _text(value: Any, encoding: str) -> str:
    if value is None:
        raise _NotTakenError("the text is null or missing")
    if not isinstance(value, str | bytes):
        raise _NotTakenError(f"the text is {value!r}, a {type(value).__name__} and not a string")
    text = _as_string(value, encoding)
    if not text or text.isspace():
        raise _NotTakenError("the text is empty")
    return text


def _label(value: Any, encoding: str) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        raise _NotTakenError("the label is null or missing")
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # what pandas makes of integers beside a null
    if not isinstance(value, str | bytes | int):
        raise _NotTakenError(f"the label is {value!r}, a {type(value).__name__}; expected a string or an integer")
    label = _as_string(value, encoding).strip()
    if not label:
        raise _NotTakenError("the label is empty")
    return label


def _as_string(value: Any, encoding: str) -> str:
    if isinstance(value, bytes):
        value = value.decode(encoding, MARK_BYTES)
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, default=str)
    if not is_unicode(value):
        raise _NotTakenError(undecodable(value, encoding))
    return value


def _printable(value: Any) -> Any:
    if isinstance(value, bytes):
        value = value.decode("utf-8", MARK_BYTES)
    if isinstance(value, str):
        return value if is_unicode(value) else escape_bytes(value)
    if isinstance(value, Mapping):
        return {key: _printable(inner) for key, inner in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no such number
    return value if isinstance(value, int | float | None) else str(value)
