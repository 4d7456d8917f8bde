"""Text to tokens, twice the same: NumPy and Arrow for the Beam jobs, and the rules that the serving graph repeats.

In: an Arrow string array [n]. Out: an Arrow list<string> array [n].
Both tokenizers are a chain of RE2 replacements on lower-cased text, followed by a split on single spaces;
``replacements`` describes them, and the serving graph runs it as it stands. ``tokenize`` gives the same tokens five
times as fast: RE2 is left with the few texts that are not ASCII, and with their other characters alone; what the rules
say of ASCII is done on the bytes of all texts at once. Tests hold the two against each other on every code point.
Lower case is Arrow's: TensorFlow disagrees on some code points and stops at a NUL, so the serving graph maps code
points through ``lower_case_table``, which is Arrow's own mapping, written out.

>>> import pyarrow as pa
>>> tokenize(pa.array(["It's <b>GOOD</b>, don't miss it!<br />"]), Tokenizer(punctuation="keep")).to_pylist()
[['it', "'s", 'good', ',', 'do', "n't", 'miss', 'it', '!']]
>>> tokenize(pa.array(["It's <b>GOOD</b>, don't miss it!<br />"]), Tokenizer(name="keras")).to_pylist()
[["it's", 'b', 'good', 'b', "don't", 'miss', 'it', 'br']]
"""

from typing import TYPE_CHECKING

from schemas.errors import DataError
from schemas.vocabulary import Tokenizer

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

# The filters of keras.preprocessing.text.Tokenizer, which made keras.datasets.imdb; the apostrophe is not among them.
_KERAS_FILTERS = r"""[!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~\t\n]"""

# GloVe 6B was tokenized by Stanford's tokenizer (Penn Treebank style): clitics are tokens of their own. U+0001 stands
# for an apostrophe that belongs to its token while the punctuation around it is taken away. The classes are written out
# because Arrow and TensorFlow bring different Unicode versions, so that \pL is not the same letters in both.
_FURTHER_SPACES = (
    r"\x{80}-\x{a0}\x{1680}\x{2000}-\x{200b}\x{200e}\x{200f}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}"
)
_FURTHER_PUNCTUATION = (
    r"\x{a1}-\x{a9}\x{ab}-\x{b1}\x{b4}\x{b6}-\x{b8}\x{bb}\x{bf}\x{d7}\x{f7}"  # Latin-1, without ª ² ³ µ ¹ º ¼ ½ ¾
    r"\x{2010}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{206f}\x{20a0}-\x{20cf}\x{2190}-\x{2bff}"
    r"\x{3001}-\x{3004}\x{3008}-\x{3020}\x{fe30}-\x{fe6f}\x{ff01}-\x{ff0f}\x{ff1a}-\x{ff20}\x{ff3b}-\x{ff40}"
    r"\x{ff5b}-\x{ff65}\x{fff9}-\x{ffff}\x{1f000}-\x{1faff}"  # up to symbols and emoji
)
_SPACES = r"\x00-\x20\x7f" + _FURTHER_SPACES
_PUNCTUATION = r"!-/:-@\[-`{-~" + _FURTHER_PUNCTUATION
_CURLY_QUOTES = ("[\u2018\u2019]", "'")
_GLOVE_WORDS = (
    (f"[{_SPACES}]+", " "),
    (r"</?[a-z][^<>]*>", " "),
    _CURLY_QUOTES,
    (r"([a-z])n't\b", "\\1 n\x01t"),
    (rf"([^ {_PUNCTUATION}])'(s|m|d|re|ve|ll)\b", "\\1 \x01\\2"),
)
_GLOVE_PUNCTUATION = {
    "keep": (f"([{_PUNCTUATION}])", " \\1 "),
    "drop": (f"[{_PUNCTUATION}]+", " "),
}

CODE_POINTS = 0x110000


def replacements(tokenizer: Tokenizer) -> tuple[tuple[str, str], ...]:
    """The (RE2 pattern, rewrite) pairs to apply in order to lower-cased text before splitting it on single spaces."""
    if tokenizer.name == "keras":
        return ((_KERAS_FILTERS, " "),)
    return (*_GLOVE_WORDS, _GLOVE_PUNCTUATION[tokenizer.punctuation], ("\x01", "'"))


def tokenize(texts: "pa.StringArray", tokenizer: Tokenizer) -> "pa.ListArray":
    """The tokens of each text.

    Args:
        texts: string [n], without nulls.
        tokenizer: which rule.

    Returns:
        list<string> [n]; an empty list where a text holds no token.

    Raises:
        DataError: a text is not UTF-8, which ingest lets nobody write: the file was altered or its disk is broken.
    """
    import pyarrow as pa

    try:
        return _tokenize(texts, tokenizer)
    except pa.ArrowInvalid as error:
        raise DataError(_refusal(texts.cast(pa.binary()).to_pylist(), str(error))) from error


def _refusal(texts: list[bytes], reason: str) -> str:
    for text in texts:
        try:
            text.decode()
        except UnicodeDecodeError as error:
            start = text[:60].decode(errors="backslashreplace")
            return (
                f"a text cannot be tokenized: expected UTF-8, got byte {text[error.start]:#04x} at place {error.start} "
                f"of the text that starts '{start}'. Was the file altered? Remove it, and the next run makes it again."
            )
    return f"{len(texts)} texts cannot be tokenized: {reason}."


def _tokenize(texts: "pa.StringArray", tokenizer: Tokenizer) -> "pa.ListArray":
    from components import token_octets
    from components.octets import change_further

    if tokenizer.name == "keras":
        return token_octets.split_keras(change_further(texts, ()))
    keeps_punctuation = tokenizer.punctuation == "keep"
    further = (
        (f"[{_FURTHER_SPACES}]", " "),
        _CURLY_QUOTES,
        (f"([{_FURTHER_PUNCTUATION}])", " \\1 " if keeps_punctuation else " "),
    )
    return token_octets.split_glove(change_further(texts, further), keeps_punctuation)


def lower_case_table() -> "NDArray[np.int32]":
    """int32 [1,114,112]: the lower-case code point of each code point, as Arrow maps them; surrogates stay.

    Arrow's mapping (utf8proc) turns one code point into one, whatever stands beside it.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    table = np.arange(CODE_POINTS, dtype=np.int32)
    scalar_values = np.concatenate([table[:0xD800], table[0xE000:]])
    characters = pa.array(list(scalar_values.astype("<u4").tobytes().decode("utf-32-le")))
    lowered = "".join(pc.utf8_lower(characters).to_pylist())
    table[scalar_values] = np.frombuffer(lowered.encode("utf-32-le"), dtype="<u4")
    return table
