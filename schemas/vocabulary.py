"""Tokens and their ids: the reserved ids, the tokenizer's settings, and the two-way table between them.

In: tokens with their counts. Out: a ``Vocabulary`` whose line number in ``vocabulary.txt`` is the token id.

>>> vocabulary = Vocabulary.from_tokens(["the", "film"], Tokenizer())
>>> vocabulary.tokens
('[PAD]', '[START]', '[UNK]', '[UNUSED]', 'the', 'film')
>>> vocabulary.ids(["film", "zyzzyva"])
[5, 2]
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import model_validator

from schemas.errors import DataError
from schemas.params import Params

# The same reserved ids as keras.datasets.imdb (start_char=1, oov_char=2, index_from=3), so sequences line up with it.
PAD_ID, START_ID, UNK_ID, UNUSED_ID = range(4)
RESERVED_TOKENS = ("[PAD]", "[START]", "[UNK]", "[UNUSED]")
FIRST_TOKEN_ID = len(RESERVED_TOKENS)


class Tokenizer(Params):
    """How text becomes tokens; stored with the vocabulary so that training and serving cannot disagree.

    ``glove`` splits as GloVe's corpora were split; ``keras`` is the rule that ``keras.datasets.imdb`` was made with,
    which always drops punctuation.
    """

    name: Literal["glove", "keras"] = "glove"
    punctuation: Literal["keep", "drop"] = "drop"

    @model_validator(mode="after")
    def _keras_drops_punctuation(self) -> "Tokenizer":
        if self.name == "keras" and self.punctuation == "keep":
            raise ValueError("punctuation = 'keep' needs tokenizer = 'glove'; the keras tokenizer always drops it")
        return self


@dataclass(frozen=True)
class Vocabulary:
    """The token of each id; ids 0 to 3 are reserved, known tokens follow by (-count, token)."""

    tokens: tuple[str, ...]
    tokenizer: Tokenizer
    _id_of: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.tokens[:FIRST_TOKEN_ID] != RESERVED_TOKENS:
            raise ValueError(f"a vocabulary starts with {RESERVED_TOKENS}, got {self.tokens[:FIRST_TOKEN_ID]}")
        id_of = {token: token_id for token_id, token in enumerate(self.tokens)}
        if len(id_of) != len(self.tokens):
            raise ValueError(f"a vocabulary holds each token once; {len(self.tokens) - len(id_of)} are repeated")
        object.__setattr__(self, "_id_of", id_of)

    @classmethod
    def from_tokens(cls, tokens: Sequence[str], tokenizer: Tokenizer) -> "Vocabulary":
        """A vocabulary of the reserved tokens followed by ``tokens``, in the order given."""
        return cls((*RESERVED_TOKENS, *tokens), tokenizer)

    @property
    def known_tokens(self) -> tuple[str, ...]:
        """The tokens after the reserved ones; the first has id ``FIRST_TOKEN_ID``."""
        return self.tokens[FIRST_TOKEN_ID:]

    def __len__(self) -> int:
        return len(self.tokens)

    def ids(self, tokens: Iterable[str]) -> list[int]:
        """The id of each token, ``UNK_ID`` where it is not in the vocabulary."""
        return [self._id_of.get(token, UNK_ID) for token in tokens]

    def save(self, vocabulary_file: Path, tokenizer_file: Path) -> None:
        """Write one token a line, as UTF-8."""
        vocabulary_file.write_bytes("".join(f"{token}\n" for token in self.tokens).encode())
        tokenizer_file.write_text(self.tokenizer.model_dump_json(indent=1) + "\n")

    @classmethod
    def load(cls, vocabulary_file: Path, tokenizer_file: Path) -> "Vocabulary":
        """Read what ``save`` wrote; raises ``DataError`` naming the file when it is not a vocabulary."""
        tokens = tuple(vocabulary_file.read_bytes().decode().split("\n")[:-1])
        try:
            return cls(tokens, Tokenizer.model_validate_json(tokenizer_file.read_bytes()))
        except ValueError as error:
            raise DataError(f"{vocabulary_file}: not a glovebeam vocabulary: {error}") from error
