"""The rows of a split as the linear models take them: of the train split a bounded sample, of the test split all.

In: Examples and EncodedExamples. Out: token rows, some at a time. Letters: n rows of a split, v tokens known by id.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from components.evaluation.records import record_batches
from components.linear.ngrams import TokenRows
from components.text import tokenize
from schemas.artifacts import EncodedExamples, Examples
from schemas.examples import LABELLED_TEXT, arrow_schema
from schemas.vocabulary import PAD_ID, Tokenizer

if TYPE_CHECKING:
    import pyarrow as pa

MOST_TEXT_BYTES = 100_000_000  # keeps the matrix of a fit below a gigabyte, however long the texts are
_ROWS_PER_BATCH = 1000
_TOKENIZER = Tokenizer()  # of full texts, whatever the model's own is: the floor shall not move with it


def sampled(examples: Examples, split: str, max_examples: int) -> NDArray[np.bool_]:
    """Which rows of the split are taken, bool [n]: all, or a seeded draw of as many as the bounds allow."""
    import pyarrow.parquet as pq

    shards = [pq.read_metadata(shard) for shard in examples.shards(split)]
    rows = sum(shard.num_rows for shard in shards)
    text_bytes = sum(_text_bytes(shard) for shard in shards)
    most = min(rows, max_examples, rows * MOST_TEXT_BYTES // max(text_bytes, 1))
    is_taken = np.zeros(rows, bool)
    is_taken[np.random.default_rng(0).choice(rows, most, replace=False, shuffle=False)] = True
    return is_taken


def _text_bytes(shard: "pa.parquet.FileMetaData") -> int:
    column = shard.schema.names.index("text")
    return sum(shard.row_group(group).column(column).total_uncompressed_size for group in range(shard.num_row_groups))


def read_column(examples: Examples, split: str, name: str) -> "pa.ChunkedArray":
    """One column of a split, [n]."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    shards = [pq.read_table(shard, columns=[name])[name] for shard in examples.shards(split)]
    dtype = arrow_schema(LABELLED_TEXT).field(name).type  # Arrow cannot tell it where there are no shards
    return pa.chunked_array([chunk for shard in shards for chunk in shard.chunks], dtype)


@dataclass(frozen=True)
class SplitRows:
    """What a model is fitted on and what it is asked."""

    train: TokenRows
    ids_in_use: int  # every id is below it
    test: Iterator[TokenRows]


def encoded_rows(encoded: EncodedExamples, is_taken: NDArray[np.bool_]) -> SplitRows:
    """What the network sees: the token ids of the records, padding left out.

    Raises:
        DataError: when records are missing or damaged; of the test split once they are asked for.
    """

    def batches(split: str) -> Iterator[TokenRows]:
        for token_ids, _, _ in record_batches(encoded, split):
            is_token = token_ids != PAD_ID  # [b, t]
            yield TokenRows(token_ids[is_token].astype(np.int32), is_token.sum(axis=1))

    train, start = [], 0
    for rows in batches("train"):
        train.append(rows.take(is_taken[start : start + len(rows.lengths)]))
        start += len(rows.lengths)
    return SplitRows(TokenRows.join(train), encoded.encoding.vocabulary_size, batches("test"))


def text_rows(examples: Examples, is_taken: NDArray[np.bool_]) -> SplitRows:
    """All tokens of the texts; their ids count the tokens of the train rows, and the last id is of all others."""
    import pyarrow as pa
    import pyarrow.compute as pc

    tokens, lengths, start = [], [], 0
    for texts in _texts(examples, "train"):
        lists = tokenize(texts.filter(pa.array(is_taken[start : start + len(texts)])), _TOKENIZER)
        tokens.append(lists.values.dictionary_encode())
        lengths.append(pc.list_value_length(lists).to_numpy())
        start += len(texts)
    chunks = pa.chunked_array(tokens, pa.dictionary(pa.int32(), pa.string())).unify_dictionaries().chunks
    known = chunks[0].dictionary if chunks else pa.array([], pa.string())  # string [v]
    train = TokenRows.join(
        [TokenRows(chunk.indices.to_numpy(), length) for chunk, length in zip(chunks, lengths, strict=True)]
    )

    def test() -> Iterator[TokenRows]:
        for texts in _texts(examples, "test"):
            lists = tokenize(texts, _TOKENIZER)
            ids = pc.fill_null(pc.index_in(lists.values, value_set=known), len(known))
            yield TokenRows(ids.to_numpy(), pc.list_value_length(lists).to_numpy())

    return SplitRows(train, len(known) + 1, test())


def _texts(examples: Examples, split: str) -> "Iterator[pa.StringArray]":
    import pyarrow.parquet as pq

    for shard in examples.shards(split):
        for batch in pq.ParquetFile(shard).iter_batches(_ROWS_PER_BATCH, columns=["text"]):
            yield batch["text"]
