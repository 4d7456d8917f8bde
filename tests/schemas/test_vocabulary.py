"""The two-way table between tokens and ids."""

import pytest

from schemas.errors import DataError
from schemas.vocabulary import PAD_ID, START_ID, UNK_ID, UNUSED_ID, Tokenizer, Vocabulary

TOKENS = ["the", "\u00a0", "n't", "a\x00b", "映画"]


def test_reserved_ids_are_those_of_keras_imdb():
    assert (PAD_ID, START_ID, UNK_ID, UNUSED_ID) == (0, 1, 2, 3)
    assert Vocabulary.from_tokens(["the"], Tokenizer()).ids(["the"]) == [4]


def test_a_saved_vocabulary_loads_equal(tmp_path):
    vocabulary = Vocabulary.from_tokens(TOKENS, Tokenizer(punctuation="keep"))
    vocabulary.save(tmp_path / "vocabulary.txt", tmp_path / "tokenizer.json")
    assert Vocabulary.load(tmp_path / "vocabulary.txt", tmp_path / "tokenizer.json") == vocabulary


def test_line_number_is_token_id(tmp_path):
    vocabulary = Vocabulary.from_tokens(TOKENS, Tokenizer())
    vocabulary.save(tmp_path / "vocabulary.txt", tmp_path / "tokenizer.json")
    lines = (tmp_path / "vocabulary.txt").read_text().split("\n")
    assert [lines.index(token) for token in TOKENS] == vocabulary.ids(TOKENS)


@pytest.mark.parametrize(
    ("text", "message"),
    [("the\nof\n", "starts with"), ("[PAD]\n[START]\n[UNK]\n[UNUSED]\nthe\nthe\n", "each token once; 1 are repeated")],
)
def test_a_file_that_is_no_vocabulary_is_named(tmp_path, text, message):
    (tmp_path / "vocabulary.txt").write_text(text)
    (tmp_path / "tokenizer.json").write_text(Tokenizer().model_dump_json())
    with pytest.raises(DataError, match=rf"vocabulary\.txt: not a glovebeam vocabulary: .*{message}"):
        Vocabulary.load(tmp_path / "vocabulary.txt", tmp_path / "tokenizer.json")
