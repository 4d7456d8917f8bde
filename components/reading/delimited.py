r"""CSV and TSV, strictly: each record with the line it starts on, or what is wrong with it.

In: lines of text. Out: records as fields, or a fault in place of the fields; the raw texts of all records, joined, are
the file again.

>>> for record in read_records(['a,"b\n', 'c"\n', 'd,"e'], ",", '"'):
...     print(record)
Record(line=1, raw='a,"b\nc"\n', fields=['a', 'b\nc'], fault='')
Record(line=3, raw='d,"e', fields=[], fault='unclosed quote: opened in line 3, open at the end of the file, line 3')
"""

import csv
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

# An unclosed quote swallows lines until another quote; this bounds what it takes. Longer texts are no reviews.
MAX_FIELD_CHARACTERS = 64 * 1024 * 1024

_LINE_BREAK = re.compile("\r\n|\r|\n")


class Record(NamedTuple):
    """One record; ``fields`` is empty where ``fault`` says what is wrong."""

    line: int  # where it starts, from 1
    raw: str
    fields: list[str]
    fault: str


def read_records(lines: Iterable[str], delimiter: str, quote: str, lines_before: int = 0) -> Iterator[Record]:
    """The records in order, blank lines left out; after a faulty one, reading goes on with the next line.

    Args:
        lines: of the file, behind its first ``lines_before``.
        delimiter: between fields.
        quote: around fields; "" where it is an ordinary character.
        lines_before: lines of the file that come before, for line numbers.
    """
    taken: list[str] = []  # lines of the record at hand
    reader = csv.reader(
        _record_lines(lines, taken),
        delimiter=delimiter,
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        strict=True,
    )
    csv.field_size_limit(MAX_FIELD_CHARACTERS)
    while True:
        line = lines_before + reader.line_num + 1
        taken.clear()
        fields: list[str] = []
        fault = ""
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            opened = _opening_line(line, "".join(taken), delimiter, quote) if quote else line
            fault = _explain(error, opened, lines_before + reader.line_num, delimiter)
        if fields or fault:
            yield Record(line, "".join(taken), fields, fault)


def _record_lines(lines: Iterable[str], taken: list[str]) -> Iterator[str]:
    for line in lines:
        taken.append(line)
        yield line


def _explain(error: csv.Error, opened: int, last: int, delimiter: str) -> str:
    if "expected after" in str(error):
        return (
            f"unclosed quote: opened in line {opened}, then line {last} has a quote that neither {delimiter!r} nor the "
            "end of the line follows (a quote inside a quoted field is written twice)"
        )
    if "unexpected end" in str(error):
        return f"unclosed quote: opened in line {opened}, open at the end of the file, line {last}"
    return f"{error} (lines {opened} to {last}, as when a quote is left open)"


def _opening_line(line: int, raw: str, delimiter: str, quote: str) -> int:
    """The line of the quote that was not closed, in a record that starts in ``line``."""
    return line + len(_LINE_BREAK.findall(raw[: _faulty_field(raw, delimiter, quote)]))


def _faulty_field(raw: str, delimiter: str, quote: str) -> int:
    """Where the field starts at which strict parsing stopped."""
    d, q = re.escape(delimiter), re.escape(quote)
    sound_field = re.compile(rf"(?:{q}(?:[^{q}]++|{q}{q})*+{q}|[^{q}{d}\r\n][^{d}\r\n]*+|){d}")
    position = 0
    while field := sound_field.match(raw, position):
        position = field.end()
    return position
