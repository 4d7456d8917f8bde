"""tf.Example messages and TFRecord framing, written column by column with NumPy.

In: one array per feature, a row per record. Out: bytes that TensorFlow, tfds and every TFRecord reader take.
Importing TensorFlow in a worker for its Example class alone costs seconds; the wire format is small and frozen, and a
test holds the bytes against ``tf.train.Example.SerializeToString(deterministic=True)``. No Python object is made for a
record: Arrow joins tags, lengths and payloads of all records at once.

Formats: https://protobuf.dev/programming-guides/encoding and
https://www.tensorflow.org/tutorials/load_data/tfrecord (length, masked CRC-32C of length, data, masked CRC of data).

>>> serialize_examples({"label": np.array([[1]])})[0].as_py().hex(" ")
'0a 10 0a 0e 0a 05 6c 61 62 65 6c 12 05 1a 03 0a 01 01'
"""

import itertools
from collections.abc import Mapping
from typing import Any, BinaryIO, TypeAlias

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Column: TypeAlias = "NDArray[np.int64] | NDArray[np.float32] | pa.Array"

# Field numbers and wire types of example.proto and feature.proto: every field below is length-delimited (wire type 2).
_FIELD_1, _FIELD_2 = b"\x0a", b"\x12"
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = b"\x0a", b"\x12", b"\x1a"
_CRC_MASK_DELTA = 0xA282EAD8


def _joined(*pieces: bytes | pa.Array) -> pa.LargeBinaryArray:
    """Row by row, all pieces one behind the other; bytes are the same in each row."""
    binary = [pa.scalar(piece, pa.large_binary()) if isinstance(piece, bytes) else piece for piece in (*pieces, b"")]
    return pc.binary_join_element_wise(*binary)


def _delimited(tag: bytes, payload: pa.LargeBinaryArray) -> pa.LargeBinaryArray:
    return _joined(tag, pack_varints(pc.binary_length(payload).to_numpy()[:, None]), payload)


def _rows(bounds: NDArray[np.int64], octets: NDArray[np.uint8]) -> pa.LargeBinaryArray:
    """Rows [n] from where each starts in the bytes of all, and where the last one ends, [n + 1]."""
    return pa.Array.from_buffers(pa.large_binary(), len(bounds) - 1, [None, pa.py_buffer(bounds), pa.py_buffer(octets)])


def _rows_of(values: NDArray[Any]) -> pa.LargeBinaryArray:
    """The bytes of each row of a matrix [n, k], as they lie in memory."""
    size = values.shape[1] * values.itemsize
    return _rows(np.arange(len(values) + 1) * size, np.ascontiguousarray(values).reshape(-1).view(np.uint8))


def pack_varints(values: NDArray[Any]) -> pa.LargeBinaryArray:
    """Each row of a non-negative [n, k] matrix as packed varints, all rows at once.

    >>> [row.hex() for row in pack_varints(np.array([[0, 1], [127, 128]])).to_pylist()]
    ['0001', '7f8001']
    """
    if values.size and values.min() < 0:
        raise ValueError(f"packed varints are for non-negative ids and labels, got {values.min()}")
    widest = max(1, -(-int(values.max(initial=0)).bit_length() // 7))
    groups = values[:, :, None] >> (np.arange(widest) * 7)  # [n, k] => [n, k, widest]
    is_kept = groups > 0
    is_kept[:, :, 0] = True
    octets = groups.astype(np.uint8) & 0x7F
    octets[:, :, :-1] |= is_kept[:, :, 1:].view(np.uint8) << 7
    bounds = np.zeros(len(values) + 1, np.int64)
    np.cumsum(np.count_nonzero(is_kept, axis=(1, 2)), out=bounds[1:])
    return _rows(bounds, np.compress(is_kept.reshape(-1), octets.reshape(-1)))


def _feature_values(column: Column) -> pa.LargeBinaryArray:
    """The Feature message of each row of a column."""
    if isinstance(column, pa.Array):
        return _delimited(_BYTES_LIST, _delimited(_FIELD_1, column.cast(pa.large_binary())))
    if column.dtype == np.int64:
        return _delimited(_INT64_LIST, _delimited(_FIELD_1, pack_varints(column)))
    if column.dtype == np.float32:
        return _delimited(_FLOAT_LIST, _delimited(_FIELD_1, _rows_of(column.astype("<f4", copy=False))))
    raise TypeError(f"a feature column is int64, float32 or an Arrow array of strings, got {column.dtype}")


def serialize_examples(columns: Mapping[str, Column]) -> pa.LargeBinaryArray:
    """One serialized tf.Example a row, features in name order.

    Args:
        columns: feature name -> int64 [n, k], float32 [n, k], or an Arrow array of n strings.

    Raises:
        ValueError: on a negative int64, or columns of different lengths.
        TypeError: on any other dtype.
    """
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"the columns of a record differ in length: {lengths}")
    entries = []
    for name in sorted(columns):
        value = _delimited(_FIELD_2, _feature_values(columns[name]))
        key = name.encode()
        entries.append(_delimited(_FIELD_1, _joined(_FIELD_1 + bytes([len(key)]) + key, value)))
    return _delimited(_FIELD_1, _joined(*entries))


def _masked_crcs(octets: bytes, bounds: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Masked CRC-32C of each stretch between two bounds [n + 1] => [n]."""
    stretches = itertools.pairwise(bounds.tolist())
    crcs = np.array([google_crc32c.value(octets[start:end]) for start, end in stretches], np.uint32)
    return np.add(crcs >> 15 | crcs << 17, _CRC_MASK_DELTA, dtype=np.uint32)


def frame_records(payloads: pa.LargeBinaryArray) -> pa.LargeBinaryArray:
    """Each payload as a TFRecord: length, masked CRC of the length, payload, masked CRC of the payload."""
    bounds = np.frombuffer(payloads.buffers()[1], np.int64)[payloads.offset :][: len(payloads) + 1]
    lengths, length_of_row = np.unique(np.diff(bounds).astype("<u8"), return_inverse=True)  # most rows are alike
    length_crcs = _masked_crcs(lengths.tobytes(), np.arange(len(lengths) + 1) * lengths.itemsize)
    header = np.rec.fromarrays([lengths, length_crcs.astype("<u4")])[length_of_row]
    octets = bytes(payloads.buffers()[2] or b"")
    return _joined(_rows_of(header[:, None]), payloads, _rows_of(_masked_crcs(octets, bounds)[:, None].astype("<u4")))


def write_records(file: BinaryIO, payloads: pa.LargeBinaryArray) -> None:
    """Append payloads to an open TFRecord file."""
    if len(payloads):
        records = frame_records(payloads)
        bounds = np.frombuffer(records.buffers()[1], np.int64)
        file.write(memoryview(records.buffers()[2])[bounds[records.offset] : bounds[records.offset + len(records)]])
