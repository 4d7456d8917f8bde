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
    import pyarrow as pa

_HASH_BYTES = 8
_TAGS_AND_OTHERS = r"(?:</?[a-z][^<>]*>|[^\pL\pN])+"  # of lower-cased text; RE2 takes a tag where one starts


@dataclass(frozen=True)
class Fractions:
    """The share of the texts that goes to each held-out split; the rest is train."""

    validation: float
    test: float


def normalise(texts: "pa.StringArray") -> "pa.StringArray":
    """Tags removed, lower case, all but letters and digits as one space; the raw text where nothing is left."""
    import pyarrow.compute as pc

    plain = pc.replace_substring_regex(pc.utf8_lower(texts), pattern=_TAGS_AND_OTHERS, replacement=" ")
    plain = pc.ascii_trim(plain, characters=" ")
    return pc.if_else(pc.equal(plain, ""), texts, plain)


def assign_splits(texts: "pa.StringArray", fractions: Fractions) -> list[str]:
    """The split of each text."""
    import pyarrow as pa

    return [_split(text, fractions) for text in normalise(texts).cast(pa.binary()).to_pylist()]


def _split(normalised: bytes, fractions: Fractions) -> str:
    digest = blake2b(normalised, digest_size=_HASH_BYTES).digest()
    point = int.from_bytes(digest, "big") / 256**_HASH_BYTES  # uniform in [0, 1)
    if point < fractions.test:
        return "test"
    return "validation" if point < fractions.test + fractions.validation else "train"
