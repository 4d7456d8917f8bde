"""Encoded examples as NumPy batches, each once and in the order of the records."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from schemas.artifacts import EncodedExamples
from schemas.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BATCH_SIZE = 512


def record_batches(
    encoded: EncodedExamples, split: str
) -> "Iterator[tuple[NDArray[np.int64], NDArray[np.int64], list[str]]]":
    """Batches of token ids int64 [b, t], labels int64 [b] and example ids.

    Raises:
        DataError: when records are missing or damaged.
    """
    import tensorflow as tf

    from components.dataset import evaluation_dataset

    try:
        for token_ids, labels, example_ids in evaluation_dataset(encoded, split, _BATCH_SIZE):
            yield token_ids.numpy(), labels.numpy(), [name.decode() for name in example_ids.numpy()]
    except (tf.errors.DataLossError, tf.errors.FailedPreconditionError) as error:
        raise DataError(f"{encoded.path / split}: cannot be read: {error.message} Run encode again.") from error
