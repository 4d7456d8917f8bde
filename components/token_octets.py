"""The ASCII part of both tokenizers, on the bytes of all texts at once.

In: Arrow strings [n] in which the rules find nothing but ASCII to change. Out: list<string> [n].
A byte table makes spaces of what separates tokens. What else the GloVe rule looks at is rare: tags, and the letters
around apostrophes; their places are found first, and only they are looked at one by one.

>>> split_glove(pa.array(["She can't, they'd've"]), keeps_punctuation=False).to_pylist()
[['she', 'ca', "n't", 'they', "'d", 've']]
"""

import string
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from components.octets import (
    LOWER_CASE,
    SPACE,
    Octets,
    blank_tags,
    is_letter,
    join,
    strings_of,
    translate,
    translation,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_APOSTROPHE = ord("'")
_PUNCTUATION = string.punctuation.encode()
_ALL = bytes(range(256))
_KERAS = translation(LOWER_CASE | {_PUNCTUATION.replace(b"'", b"") + b"\t\n": b" "})
_GLOVE = translation(LOWER_CASE | {bytes(range(0x20)) + b"\x7f": b" "})
_DROP_PUNCTUATION = translation({_PUNCTUATION: b" "})
_IS_PUNCTUATION = translation({_ALL: b"\0", _PUNCTUATION: b"\1"})
_IS_WORD = translation({_ALL: b"\0", (string.ascii_letters + string.digits + "_").encode(): b"\1"})  # \w of RE2
_IS_JOINABLE = translation({_ALL: b"\1", _PUNCTUATION + b" ": b"\0"})
_ONE_LETTER = np.frombuffer(b"smd", np.uint8)
_TWO_LETTERS = np.frombuffer(b"revell", ">u2")


def split_keras(texts: pa.StringArray) -> pa.ListArray:
    """Lower case, punctuation but the apostrophe to spaces, split on spaces."""
    spaced = join(texts).translated(_KERAS)
    return _tokens(spaced, np.zeros(len(spaced.octets), bool))


def split_glove(texts: pa.StringArray, keeps_punctuation: bool) -> pa.ListArray:
    """Lower case, no tags, contractions in two, punctuation dropped or each mark a token, split on spaces."""
    spaced = join(texts).translated(_GLOVE)
    blank_tags(spaced)
    is_start = np.zeros(len(spaced.octets), bool)  # of a token that may stand right behind another one
    joined = _split_contractions(spaced.octets, is_start)
    if keeps_punctuation:
        is_mark = translate(spaced.octets, _IS_PUNCTUATION).view(bool)
        is_mark[joined] = False
        is_start |= is_mark
        is_start[1:] |= is_mark[:-1]
    else:
        spaced = spaced.translated(_DROP_PUNCTUATION)
        spaced.octets[joined] = _APOSTROPHE
    return _tokens(spaced, is_start)


def _split_contractions(octets: "NDArray[np.uint8]", is_start: "NDArray[np.bool_]") -> "NDArray[np.int64]":
    r"""Mark where the second halves of contractions start; returns the apostrophes that belong to them.

    These are the n of ``[a-z]n't\b`` and, once such are split, the apostrophe of
    ``[^ punctuation]'(s|m|d|re|ve|ll)\b``. The last byte is a space, so looking behind the first byte or past the last
    one finds a space as well.
    """
    is_word, is_joinable = np.frombuffer(_IS_WORD, bool), np.frombuffer(_IS_JOINABLE, bool)
    places = np.flatnonzero(octets == _APOSTROPHE)
    second_place, third_place = (np.minimum(places + step, len(octets) - 1) for step in (2, 3))
    first, second, third = octets[np.minimum(places + 1, len(octets) - 1)], octets[second_place], octets[third_place]
    is_negation = (octets[places - 1] == ord("n")) & (first == ord("t")) & ~is_word[second]
    is_negation &= is_letter(octets[places - 2])
    is_start[places[is_negation] - 1] = True
    is_one_letter = np.isin(first, _ONE_LETTER) & (~is_word[second] | is_start[second_place])
    is_two_letters = np.isin(first.astype(np.uint16) << 8 | second, _TWO_LETTERS)
    is_two_letters &= ~is_word[third] | is_start[third_place]
    is_clitic = is_joinable[octets[places - 1]] & (is_one_letter | is_two_letters)
    clitics = _without_overlaps(places[is_clitic], np.where(is_one_letter, 2, 3)[is_clitic])
    is_start[clitics] = True
    return np.concatenate([places[is_negation], clitics])


def _without_overlaps(places: "NDArray[np.int64]", lengths: "NDArray[np.int64]") -> "NDArray[np.int64]":
    """Of clitics that follow each other directly every other one: a match needs a character that no match has taken."""
    follows = np.zeros(len(places), bool)
    follows[1:] = places[1:] == places[:-1] + lengths[:-1]
    number = np.arange(len(places))
    first = np.maximum.accumulate(np.where(follows, 0, number))  # of each sequence
    return places[(number - first) % 2 == 0]


def _tokens(spaced: Octets, is_start: "NDArray[np.bool_]") -> pa.ListArray:
    """What stands between spaces, and from each start on."""
    is_token = spaced.octets != SPACE
    is_start[1:] |= ~is_token[:-1]
    is_start[:1] = True
    is_start &= is_token
    is_last = is_token.copy()  # of a token
    is_last[:-1] &= is_start[1:] | ~is_token[1:]
    starts = np.flatnonzero(is_start)
    token_bounds = np.zeros(len(starts) + 1, np.int32)
    np.cumsum(np.flatnonzero(is_last) - starts + 1, out=token_bounds[1:])
    tokens = strings_of(token_bounds, np.compress(is_token, spaced.octets))  # three times as fast as octets[is_token]
    tokens_before = np.zeros(len(spaced.ends) + 1, np.int32)
    tokens_before[1:] = np.searchsorted(starts, spaced.ends)
    return pa.ListArray.from_arrays(pa.array(tokens_before), tokens)
