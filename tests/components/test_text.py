"""Both tokenizers against their rules, and the serving graph against the Arrow kernels, code point by code point."""

import random

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import tensorflow as tf

from components.encode import EncodeParams
from components.encoding.token_rows import kept, look_up, padded
from components.serving.text_encoder import TextEncoder
from components.text import lower_case_table, replacements, tokenize
from schemas.artifacts import Encoding
from schemas.vocabulary import Tokenizer, Vocabulary

TOKENIZERS = [
    Tokenizer(name="glove", punctuation="drop"),
    Tokenizer(name="glove", punctuation="keep"),
    Tokenizer(name="keras"),
]
SCALAR_VALUES = [chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]


def tokens_of(text, **settings):
    return tokenize(pa.array([text]), Tokenizer(**settings)).to_pylist()[0]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("<br /><br />", []),
        ("Don't. It's won't, can't!", ["do", "n't", "it", "'s", "wo", "n't", "ca", "n't"]),
        ("we'll they've I'd I'm you're", ["we", "'ll", "they", "'ve", "i", "'d", "i", "'m", "you", "'re"]),
        ("It\u2019s", ["it", "'s"]),
        ("'quoted' dogs' ", ["quoted", "dogs"]),
        ("a <b>bold</b> <A HREF='x'>link</A>", ["a", "bold", "link"]),
        ("1 < 2 and 3 > 2", ["1", "2", "and", "3", "2"]),
        ("naïve cafe\u0301 Ελλάδα 映画", ["naïve", "cafe\u0301", "ελλάδα", "映画"]),
        ("no\u00a0break\tspace\x01", ["no", "break", "space"]),
        ("one\u2014two\u2026 \u201cthree\u201d \u20ac5 four\U0001f600", ["one", "two", "three", "5", "four"]),
    ],
)
def test_glove_tokenizer_splits_as_glove_was_split(text, tokens):
    assert tokens_of(text) == tokens


def test_glove_tokenizer_keeps_each_mark_of_punctuation_as_a_token():
    tokens = ["he", "said", ":", '"', "wow", "!", "!", '"', "(", "it", "'s", "10", "/", "10", ")", "."]
    assert tokens_of('He said: "wow!!" (it\'s 10/10).', punctuation="keep") == tokens


def keras_rule(text):
    """The rule of keras.preprocessing.text.text_to_word_sequence, for text that lower() maps one to one."""
    for mark in '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n':
        text = text.lower().replace(mark, " ")
    return [token for token in text.split(" ") if token]


@pytest.mark.parametrize(
    "text",
    ["It's <br /> a-b_c\tDON'T\n...", "", "   ", "carriage\rreturn \x0bstays\u2028", "a'b 'c' \\ ^ ` { | } ~ [x]"],
)
def test_keras_tokenizer_follows_the_keras_rule(text):
    assert tokens_of(text, name="keras") == keras_rule(text)


def test_keras_tokenizer_refuses_to_keep_punctuation():
    with pytest.raises(ValueError, match="always drops it"):
        Tokenizer(name="keras", punctuation="keep")


def test_tokenizing_a_slice_gives_the_rows_of_the_slice():
    texts = pa.array(["one two", "three", "", "four five six"])
    assert tokenize(texts.slice(1), Tokenizer()).to_pylist() == [["three"], [], ["four", "five", "six"]]


def test_the_lower_case_table_is_arrows_mapping():
    table = lower_case_table()
    for upper, lower in [("A", "a"), ("É", "é"), ("\u0130", "i"), ("Σ", "σ"), ("ß", "ß"), ("\U00010400", "\U00010428")]:
        assert chr(table[ord(upper)]) == lower


# No skew: the serving graph against the Arrow kernels.


ENCODE_PARAMS = EncodeParams()


def serving_encoder(folder, vocabulary, params=ENCODE_PARAMS):
    vocabulary.save(folder / "vocabulary.txt", folder / "tokenizer.json")
    encoding = Encoding(
        params.max_length, params.padding, params.truncating, len(vocabulary), None, ("negative", "positive"), {}
    )
    return TextEncoder(vocabulary, str(folder / "vocabulary.txt"), encoding)


def assert_same_tokens(folder, tokenizer, texts):
    encoder = serving_encoder(folder, Vocabulary.from_tokens(["a"], tokenizer))
    served = tf.function(encoder.tokenize)(tf.constant(texts))
    expected = tokenize(pa.array(texts), tokenizer)
    np.testing.assert_array_equal(served.row_splits.numpy(), expected.offsets.to_numpy())
    assert pa.array(served.flat_values.numpy(), pa.binary()).equals(expected.values.cast(pa.binary()))


@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=str)
def test_serving_and_arrow_agree_on_every_unicode_scalar_value(tmp_path, tokenizer):
    blocks = [SCALAR_VALUES[start : start + 256] for start in range(0, len(SCALAR_VALUES), 256)]
    alone = [" ".join(block) for block in blocks]
    within_words = [" ".join(f"A{char}b {char}'s n{char}n't <{char}>" for char in block) for block in blocks]
    runs = ["".join(block) for block in blocks]
    assert_same_tokens(tmp_path, tokenizer, alone + within_words + runs)


def random_texts(number, seed):
    """Strings of ordinary words, markup, contractions, marks and arbitrary characters."""
    rng = random.Random(seed)
    pieces = [
        " ",
        "  ",
        "\n",
        "\t",
        "\r",
        "\0",
        "<br />",
        "<",
        ">",
        "'",
        "n't",
        "'s",
        "\u2019ve",
        "don't",
        "GOOD",
        "film",
    ]
    pieces += [
        ".",
        ",",
        "!",
        "-",
        "_",
        "Σ",
        "ΟΔΟΣ",
        "\u0130",
        "ß",
        "\u00a0",
        "\u2028",
        "\ufffe",
        "e\u0301",
        "10/10",
        "7.5",
    ]
    return [
        "".join(
            rng.choice(pieces) if rng.random() < 0.8 else rng.choice(SCALAR_VALUES) for _ in range(rng.randrange(30))
        )
        for _ in range(number)
    ]


@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=str)
@pytest.mark.parametrize(("padding", "truncating"), [("pre", "pre"), ("post", "post"), ("pre", "post")])
def test_serving_and_encode_give_the_same_ids(tmp_path, tokenizer, padding, truncating):
    texts = ["", " ", "<br />", *random_texts(50_000 if padding == truncating == "pre" else 2_000, seed=0)]
    counts = tokenize(pa.array(texts), tokenizer).values.value_counts()
    tokens = sorted(token for token in counts.field("values").to_pylist() if token.splitlines() == [token])[::2]
    vocabulary = Vocabulary.from_tokens(tokens, tokenizer)
    params = EncodeParams(max_length=7, padding=padding, truncating=truncating)
    expected = padded(kept(look_up(pa.array(texts), vocabulary), 7, truncating), 7, padding)
    served = tf.function(serving_encoder(tmp_path, vocabulary, params))(tf.constant(texts))
    np.testing.assert_array_equal(served.numpy(), expected)
    assert len(np.unique(expected)) > 1000  # the ids really tell tokens apart


@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=str)
def test_serving_and_encode_agree_on_a_text_of_a_megabyte(tmp_path, tokenizer):
    text = "".join(random_texts(25_000, seed=1))
    assert len(text.encode()) > 1_000_000
    assert_same_tokens(tmp_path, tokenizer, [text, "", text[::-1], "a" * 1_000_000])


@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=str)
def test_tokens_are_those_of_the_rules_also_in_chains_of_contractions_and_broken_tags(tokenizer):
    rng = random.Random(2)
    pieces = ["'", "n't", "'s", "'d", "'re", "'ll", *"stn<>/ _7.", "</", "<b>", "é", "\u2019", "\u2014", "K", "\u0130"]
    texts = ["".join(rng.choices(pieces, k=rng.randrange(12))) for _ in range(30_000)]
    replaced = pc.utf8_lower(pa.array(texts))
    for pattern, rewrite in replacements(tokenizer):
        replaced = pc.replace_substring_regex(replaced, pattern=pattern, replacement=rewrite)
    expected = [[token for token in text.split(" ") if token] for text in replaced.to_pylist()]
    assert tokenize(pa.array(texts), tokenizer).to_pylist() == expected


def test_serving_takes_an_empty_batch(tmp_path):
    encoder = serving_encoder(tmp_path, Vocabulary.from_tokens(["a"], Tokenizer()))
    assert encoder(tf.constant([], tf.string)).shape == (0, 80)


def test_serving_reads_invalid_utf8_as_the_replacement_character(tmp_path):
    encoder = serving_encoder(tmp_path, Vocabulary.from_tokens(["good"], Tokenizer()))
    assert encoder(tf.constant([b"good \xff\xfe good"]))[0, -2:].numpy().tolist() == [4, 4]
