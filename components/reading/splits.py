"""Which split a text belongs to: a hash of the normalised text, so that copies of a review stay together.

In: an Arrow string array [n]. Out: the name of a split for each text. The choice depends on the text alone: new rows
move no old one, and copies that differ in case, markup, punctuation or spaces are one text.

>>> import pyarrow as pa
>>> normalise(pa.array(["Great <br />FILM!", "great film", "?!"])).to_pylist()
['great film', 'great film', '?!']
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_HASH_BYTES = 8
_FURTHER_OTHERS = r"[^\pL\pN\x00-\x7f]"  # beyond ASCII, all but letters and digits


@dataclass(frozen=True)
class Fractions:
    """The share of the texts that goes to each held-out split; the rest is train."""

    validation: float
    test: float


def normalise(texts: "pa.StringArray") -> "pa.StringArray":
    """Tags removed, lower case, all but letters and digits as one space; the raw text where nothing is left."""
    import pyarrow.compute as pc

    from components.octets import SPACE, TO_LOWER_CASE, TO_WORDS, blank_tags, change_further, join

    plain = join(change_further(texts, [(_FURTHER_OTHERS, " ")])).translated(TO_LOWER_CASE)
    blank_tags(plain)
    plain = plain.translated(TO_WORDS)
    is_kept = plain.octets != SPACE
    is_kept[1:] |= is_kept[:-1].copy()  # one space behind each word
    words = pc.ascii_rtrim(plain.only(is_kept), characters=" ")
    return pc.if_else(pc.equal(words, ""), texts, words)


def text_hashes(texts: "pa.StringArray") -> "NDArray[np.uint64]":
    """A 64-bit hash of each normalised text: equal for copies, and for others with a chance of 1 in 2 ** 64."""
    import numpy as np
    import pyarrow as pa

    normalised = normalise(texts).cast(pa.binary()).to_pylist()
    digests = b"".join(blake2b(text, digest_size=_HASH_BYTES).digest() for text in normalised)
    return np.frombuffer(digests, ">u8").astype(np.uint64)


def assign_splits(texts: "pa.StringArray", fractions: Fractions) -> "NDArray[np.str_]":
    """The split of each text."""
    import numpy as np

    points = text_hashes(texts) / 256**_HASH_BYTES  # uniform in [0, 1)
    held_out = np.where(points < fractions.test, "test", "validation")
    return np.where(points < fractions.test + fractions.validation, held_out, "train")
