r"""Bytes to text without losing a byte: what cannot be decoded is marked, found again, and shown as it was.

In: a file, plain or gzip. Out: lines of text in which each undecodable byte b stands as the lone surrogate U+DC00 + b.
Python's ``surrogateescape`` does the same for bytes above 127 only, which is not enough for UTF-16.

>>> text = b"caf\xe9 \\o/".decode("utf-8", MARK_BYTES)
>>> is_unicode(text), escape_bytes(text)
(False, 'caf\\xe9 \\\\o/')
"""

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast

MARK_BYTES = "glovebeam.mark_bytes"  # name of the codec error handler
_FIRST_MARK = 0xDC00
_MARK = re.compile("[\udc00-\udcff]")
_BYTE_ORDER_MARK = "\ufeff"

# Encodings in which the byte 0x0A is a newline and nothing else, so that a file can be cut behind any of them.
_CUT_AT_NEWLINE = {"utf-8", "utf-8-sig", "ascii", "iso8859-1", "cp1252"}

# What a file that is cut or is not what its name says raises while it is read.
BROKEN_FILE_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error, UnicodeError)


def _mark_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(_FIRST_MARK + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(MARK_BYTES, _mark_bytes)


def is_unicode(text: str) -> bool:
    """Whether the text holds Unicode scalar values alone: no marked byte, no lone surrogate."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def escape_bytes(text: str) -> str:
    r"""Marked bytes as ``\xNN``, other surrogates as ``\uNNNN`` and backslashes doubled, so that nothing is lost."""
    text = _MARK.sub(lambda mark: f"\\x{ord(mark[0]) - _FIRST_MARK:02x}", text.replace("\\", "\\\\"))
    return text.encode("utf-8", "backslashreplace").decode()


def undecodable(text: str, encoding: str) -> str:
    """Why a text that is not Unicode is rejected: its first bad byte and where it stands."""
    mark = _MARK.search(text)
    if mark is None:
        return "the text holds half of a surrogate pair, which is no Unicode character"
    byte, position = ord(mark[0]) - _FIRST_MARK, mark.start() + 1
    return f"byte 0x{byte:02x} at character {position} is undecodable as {encoding} (ingest.encoding)"


def can_cut_at_newlines(encoding: str) -> bool:
    """Whether a file in this encoding can be read from behind any newline byte."""
    return codecs.lookup(encoding).name in _CUT_AT_NEWLINE


def is_utf8(encoding: str) -> bool:
    """Whether bytes in this encoding are what Arrow takes for strings."""
    return codecs.lookup(encoding).name == "utf-8"


def is_gzip_name(path: Path) -> bool:
    """Whether the file's name says that it is compressed."""
    return path.suffix.lower() == ".gz"


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """The file's content, decompressed where its name ends in .gz."""
    with gzip.open(path, "rb") if is_gzip_name(path) else path.open("rb") as file:
        yield cast(BinaryIO, file)


@contextmanager
def open_text(
    path: Path, encoding: str, newline: str, start: int = 0, stop: int | None = None
) -> Iterator[Iterator[str]]:
    """The lines of a file, or of its bytes [start, stop), with undecodable bytes marked and no byte order mark."""
    with open_bytes(path) as file:
        if start:
            file.seek(start)
        if stop is not None:
            file = io.BytesIO(file.read(stop - start))
        with lines_of(file, encoding, newline, is_beginning=start == 0) as lines:
            yield lines


@contextmanager
def lines_of(file: BinaryIO, encoding: str, newline: str, is_beginning: bool) -> Iterator[Iterator[str]]:
    """The lines of an open file with undecodable bytes marked, and no byte order mark where the text begins."""
    with io.TextIOWrapper(file, encoding=encoding, errors=MARK_BYTES, newline=newline) as text:
        yield _without_byte_order_mark(text) if is_beginning else text


def _without_byte_order_mark(text: TextIO) -> Iterator[str]:
    for line in text:
        yield line.removeprefix(_BYTE_ORDER_MARK)
        break
    yield from text
