r"""Texts as one row of bytes, for rules about ASCII characters.

In: Arrow strings [n]. Out: NumPy arrays over the m bytes of all texts together, and strings made of them.
RE2 goes from match to match, and nearly every space of a text is one. Here a rule is a few passes over all bytes at
once, several times as fast, and exact for any text: no byte of a longer UTF-8 sequence is an ASCII character.

>>> texts = join(pa.array(["<p>A a", "b"])).translated(TO_LOWER_CASE)
>>> bytes(texts.octets), texts.ends.tolist()
(b'<p>a a b ', [6, 8])
>>> blank_tags(texts)
>>> runs(texts.octets != SPACE, texts.ends).tolist()
[2, 1]
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPACE = ord(" ")
LETTERS = b"abcdefghijklmnopqrstuvwxyz"
LOWER_CASE = {LETTERS.upper(): LETTERS}
_LESS, _GREATER, _SLASH = b"<>/"


def translation(changes: Mapping[bytes, bytes]) -> bytes:
    """A table of 256: for each pair, the bytes of the first become those of the second, or its single one.

    >>> b"Good!?".translate(translation({b"G": b"g", b"!?": b" "}))
    b'good  '
    """
    table = bytearray(range(256))
    for old, new in changes.items():
        for place, octet in enumerate(old):
            table[octet] = new[place % len(new)]
    return bytes(table)


TO_LOWER_CASE = translation(LOWER_CASE)
_LETTERS_AND_DIGITS = LETTERS + LETTERS.upper() + b"0123456789"
_OTHERS = bytes(octet for octet in range(128) if octet not in _LETTERS_AND_DIGITS)
TO_WORDS = translation({_OTHERS: b" "})  # of ASCII, letters and digits stay


@dataclass(frozen=True)
class Octets:
    """All texts in UTF-8, a space behind each, so that no word reaches from one text into the next."""

    octets: "NDArray[np.uint8]"  # [m], writable
    ends: "NDArray[np.int64]"  # [n], where the space behind each text stands

    def translated(self, table: bytes) -> "Octets":
        """Each byte replaced by its entry in a table of 256."""
        return Octets(translate(self.octets, table), self.ends)

    def only(self, is_kept: "NDArray[np.bool_]") -> pa.StringArray:
        """The texts with nothing but the bytes that are kept, which must be whole characters."""
        kept = np.flatnonzero(is_kept)
        bounds = np.zeros(len(self.ends) + 1, np.int32)
        bounds[1:] = np.searchsorted(kept, self.ends, side="right")
        return strings_of(bounds, self.octets[kept])


def change_further(texts: pa.StringArray, changes: Sequence[tuple[str, str]], lowers: bool = True) -> pa.StringArray:
    """What rules do to characters beyond ASCII: lower case and RE2 replacements in the texts that hold such characters.

    The other texts stay as they are, in either case.
    """
    is_further = pc.invert(pc.string_is_ascii(texts))
    if not pc.any(is_further).as_py():
        return texts
    changed = texts.filter(is_further)
    if lowers:
        changed = pc.utf8_lower(changed)
    for pattern, rewrite in changes:
        changed = pc.replace_substring_regex(changed, pattern=pattern, replacement=rewrite)
    return pc.replace_with_mask(texts, is_further, changed)


def join(texts: pa.StringArray) -> Octets:
    """The bytes of texts without nulls."""
    joined = pc.binary_join_element_wise(texts, "", " ")  # text + " " + ""
    bounds = string_bounds(joined)
    octets = bytearray(memoryview(joined.buffers()[2] or b"")[bounds[0] : bounds[-1]])
    return Octets(np.frombuffer(octets, np.uint8), bounds[1:] - bounds[0] - 1)


def string_bounds(strings: pa.StringArray) -> "NDArray[np.int64]":
    """Where each string starts in the buffer of all, and where the last one ends, [n + 1]."""
    bounds = np.frombuffer(strings.buffers()[1] or b"\0\0\0\0", np.int32)
    return bounds[strings.offset : strings.offset + len(strings) + 1].astype(np.int64)


def strings_of(bounds: "NDArray[np.int32]", octets: "NDArray[np.uint8]") -> pa.StringArray:
    """Strings from where each starts in the bytes of all, and where the last one ends, [n + 1]."""
    return pa.Array.from_buffers(pa.string(), len(bounds) - 1, [None, pa.py_buffer(bounds), pa.py_buffer(octets)])


def translate(octets: "NDArray[np.uint8]", table: bytes) -> "NDArray[np.uint8]":
    """Each byte's entry in a table of 256; writable."""
    return np.frombuffer(bytearray(octets.data).translate(table), np.uint8)


def blank_tags(texts: Octets) -> None:
    """Overwrite what RE2 finds by ``</?[a-z][^<>]*>`` in each text with spaces, in place."""
    octets = texts.octets
    brackets = np.flatnonzero((octets == _LESS) | (octets == _GREATER))
    is_less = octets[brackets] == _LESS
    pairs = np.flatnonzero(is_less[:-1] & ~is_less[1:])
    starts, stops = brackets[pairs], brackets[pairs + 1]
    names = starts + 1 + (octets[starts + 1] == _SLASH)  # of a pair, "<" is never the last byte
    is_tag = is_letter(octets[names]) & (np.searchsorted(texts.ends, starts) == np.searchsorted(texts.ends, stops))
    octets[spans(starts[is_tag], stops[is_tag] + 1)] = SPACE


def is_letter(octets: "NDArray[np.uint8]") -> "NDArray[np.bool_]":
    """Whether each is a lower-case ASCII letter."""
    return (octets - np.uint8(LETTERS[0])) < len(LETTERS)


def spans(starts: "NDArray[np.int64]", stops: "NDArray[np.int64]") -> "NDArray[np.int64]":
    """All places in the spans [start, stop).

    >>> spans(np.array([2, 7]), np.array([4, 8])).tolist()
    [2, 3, 7]
    """
    lengths = stops - starts
    return np.repeat(stops - np.cumsum(lengths), lengths) + np.arange(lengths.sum())


def runs(is_word: "NDArray[np.bool_]", ends: "NDArray[np.int64]") -> "NDArray[np.int64]":
    """How many runs of true bytes each text has, [n]."""
    starts = np.flatnonzero(is_word[1:] > is_word[:-1]) + 1 if len(is_word) else np.empty(0, np.int64)
    before = np.searchsorted(starts, ends) + bool(len(is_word) and is_word[0])
    return np.diff(before, prepend=0)
