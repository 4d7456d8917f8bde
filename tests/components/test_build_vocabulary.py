"""Which tokens get an id, and in which order."""

import pyarrow.parquet as pq
import pytest

from components.beam_options import BeamOptions
from components.build_vocabulary import BuildVocabularyParams, build_vocabulary
from schemas.errors import DataError
from schemas.vocabulary import RESERVED_TOKENS, Tokenizer

BEAM = BeamOptions()


def build(examples, out, size=100, tokenizer=Tokenizer(), beam=BEAM):  # noqa: B008 - frozen
    return build_vocabulary(examples, tokenizer, BuildVocabularyParams(size=size), out, beam)


def test_tokens_of_the_train_split_by_falling_count_then_token(write_examples, folder):
    artifact = build(write_examples(), folder("vocabulary"))
    known = ["good", "bad", "a", "film", "'s", "cast", "it", "not"]
    assert artifact.load().tokens == (*RESERVED_TOKENS, *known)
    assert artifact.vocabulary_file.read_text().split("\n") == [*RESERVED_TOKENS, *known, ""]


def test_counts_hold_every_token_also_beyond_the_size(write_examples, folder):
    artifact = build(write_examples(), folder("vocabulary"), size=6)
    assert artifact.load().known_tokens == ("good", "bad")
    counts = {"good": 6, "bad": 4, "a": 3, "film": 2, "'s": 1, "cast": 1, "it": 1, "not": 1}
    assert dict(zip(*pq.read_table(artifact.counts_file).to_pydict().values(), strict=True)) == counts


def test_equal_counts_are_ordered_by_code_point(write_examples, folder):
    examples = write_examples({"train": [("é z a \U0001d504 ａ", 0)]})
    assert build(examples, folder("vocabulary")).load().known_tokens == ("a", "z", "é", "ａ", "\U0001d504")


def test_a_token_with_a_line_separator_has_no_id_but_a_count(write_examples, folder):
    examples = write_examples({"train": [("one\rtwo three", 0)]})
    artifact = build(examples, folder("vocabulary"), tokenizer=Tokenizer(name="keras"))
    assert artifact.load().known_tokens == ("three",)
    assert pq.read_table(artifact.counts_file)["token"].to_pylist() == ["one\rtwo", "three"]


def test_the_tokenizer_is_stored_with_the_vocabulary(write_examples, folder):
    tokenizer = Tokenizer(punctuation="keep")
    vocabulary = build(write_examples(), folder("vocabulary"), tokenizer=tokenizer).load()
    assert vocabulary.tokenizer == tokenizer
    assert vocabulary.ids([",", "nowhere"]) == [vocabulary.tokens.index(","), 2]


def test_texts_without_any_token_stop_the_step(write_examples, folder):
    with pytest.raises(DataError, match=r"no token in the train split.*text\.punctuation"):
        build(write_examples({"train": [("<br />", 0), ("...", 1)]}), folder("vocabulary"))


@pytest.mark.parametrize("size", [0, 4])
def test_a_vocabulary_needs_room_for_a_token(size):
    with pytest.raises(ValueError, match="greater than 4"):
        BuildVocabularyParams(size=size)


@pytest.mark.parametrize("mode", ["multi_threading", "multi_processing"])
def test_any_number_of_workers_writes_the_same_bytes(write_examples, folder, mode):
    examples = write_examples({"train": [(f"word{i % 7} word{i % 5} Word{i}", 0) for i in range(40)]})
    alone = build(examples, folder("alone"))
    together = build(examples, folder("together"), beam=BeamOptions(workers=4, mode=mode))
    for path in alone.path.iterdir():
        assert (together.path / path.name).read_bytes() == path.read_bytes()
