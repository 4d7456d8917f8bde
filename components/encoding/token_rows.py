"""Texts to stretches of token ids, and these to padded rows; letters: m ids of a batch, n stretches, l max_length.

In: an Arrow string array and its vocabulary. Out: NumPy arrays; no loop runs over texts or rows.

>>> import pyarrow as pa
>>> from schemas.vocabulary import Tokenizer
>>> texts = look_up(pa.array(["a a a a good film", "film"]), Vocabulary.from_tokens(["good", "film"], Tokenizer()))
>>> padded(kept(texts, 3, "pre"), 3, "pre").tolist()
[[2, 4, 5], [0, 0, 5]]
>>> padded(windows(texts, 3, "pre"), 3, "pre").tolist()
[[2, 2, 2]]
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.text import tokenize
from schemas.vocabulary import FIRST_TOKEN_ID, PAD_ID, UNK_ID, Vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray

Side = Literal["pre", "post"]


@dataclass(frozen=True)
class Stretches:
    """Stretches of the token ids of a batch, in the order in which they are written; each lies within one text."""

    ids: "NDArray[np.int64]"  # [m], the texts one after the other
    text: "NDArray[np.int64]"  # [n], the text's place in the batch
    starts: "NDArray[np.int64]"  # [n], into ids
    ends: "NDArray[np.int64]"  # [n], likewise

    @property
    def lengths(self) -> "NDArray[np.int64]":
        """How many ids each has, [n]."""
        return self.ends - self.starts

    def pieces(self, rows: int) -> "Iterator[Stretches]":
        """The same stretches, at most ``rows`` at a time, so that long texts do not become one large matrix."""
        for start in range(0, len(self.text), rows):
            piece = slice(start, start + rows)
            yield Stretches(self.ids, self.text[piece], self.starts[piece], self.ends[piece])


def look_up(texts: "pa.StringArray", vocabulary: Vocabulary) -> Stretches:
    """String [n] => each text whole. A text without any token is one UNK, so that no row is all padding."""
    tokens = tokenize(texts, vocabulary.tokenizer)  # [n] => list<string> [n, (t)]
    found = pc.index_in(tokens.values, value_set=pa.array(vocabulary.known_tokens, pa.string()))
    ids = pc.fill_null(pc.add(found, FIRST_TOKEN_ID), UNK_ID).to_numpy().astype(np.int64)
    ids = np.append(ids, UNK_ID)  # an empty text points here
    offsets = tokens.offsets.to_numpy().astype(np.int64)
    starts, ends = offsets[:-1], offsets[1:]
    is_empty = starts == ends
    starts, ends = np.where(is_empty, len(ids) - 1, starts), np.where(is_empty, len(ids), ends)
    return Stretches(ids, np.arange(len(starts)), starts, ends)


def kept(texts: Stretches, max_length: int, truncating: Side) -> Stretches:
    """Of each text what ``max_length`` keeps: its end where "pre" is cut off, else its beginning."""
    lengths = np.minimum(texts.lengths, max_length)
    if truncating == "pre":
        return Stretches(texts.ids, texts.text, texts.ends - lengths, texts.ends)
    return Stretches(texts.ids, texts.text, texts.starts, texts.starts + lengths)


def windows(texts: Stretches, max_length: int, truncating: Side) -> Stretches:
    """The rest of each text in windows of ``max_length`` ids, text by text, the one beside the kept ids first.

    The last window of a text has what is left over; less than half of ``max_length`` is too little to carry the label
    and is left out.
    """
    rest = np.maximum(texts.lengths - max_length, 0)
    whole, left_over = np.divmod(rest, max_length)
    counts = whole + ((left_over > 0) & (2 * left_over >= max_length))
    of = np.repeat(np.arange(len(counts)), counts)  # [n texts] => [n windows]
    number = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts) + 1  # from 1 in each text
    if truncating == "pre":
        ends = texts.ends[of] - number * max_length
        starts = np.maximum(ends - max_length, texts.starts[of])
    else:
        starts = texts.starts[of] + number * max_length
        ends = np.minimum(starts + max_length, texts.ends[of])
    return Stretches(texts.ids, texts.text[of], starts, ends)


def padded(stretches: Stretches, max_length: int, padding: Side) -> "NDArray[np.int64]":
    """Stretches of at most l ids => token ids [n, l], filled up with PAD on the side of ``padding``."""
    lengths = stretches.lengths[:, None]
    # [n, l], negative or past the length where padded
    columns = np.arange(max_length) - (max_length - lengths if padding == "pre" else 0)
    is_token = (columns >= 0) & (columns < lengths)
    token_ids = stretches.ids[np.where(is_token, stretches.starts[:, None] + columns, 0)]  # [m] => [n, l]
    return np.where(is_token, token_ids, PAD_ID)
