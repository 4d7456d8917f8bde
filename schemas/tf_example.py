"""tf.Example messages and TFRecord framing, written column by column with NumPy.

In: one array per feature, a row per record. Out: bytes that TensorFlow, tfds and every TFRecord reader take.
Importing TensorFlow in a worker for its Example class alone costs seconds; the wire format is small and frozen, and a
test holds the bytes against ``tf.train.Example.SerializeToString(deterministic=True)``.

Formats: https://protobuf.dev/programming-guides/encoding and
https://www.tensorflow.org/tutorials/load_data/tfrecord (length, masked CRC-32C of length, data, masked CRC of data).

>>> serialize_examples({"label": np.array([[1]])})[0].hex(" ")
'0a 10 0a 0e 0a 05 6c 61 62 65 6c 12 05 1a 03 0a 01 01'
"""

import itertools
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import google_crc32c
import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.int64] | NDArray[np.float32] | Sequence[bytes]

# Field numbers and wire types of example.proto and feature.proto: every field below is length-delimited (wire type 2).
_FIELD_1, _FIELD_2 = b"\x0a", b"\x12"
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = b"\x0a", b"\x12", b"\x1a"
_CRC_MASK_DELTA = 0xA282EAD8


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_SMALL_VARINTS = tuple(_varint(value) for value in range(1 << 12))  # nearly every length prefix of a record


def _delimited(tag: bytes, payload: bytes) -> bytes:
    size = len(payload)
    return tag + (_SMALL_VARINTS[size] if size < len(_SMALL_VARINTS) else _varint(size)) + payload


def pack_varints(values: NDArray[Any]) -> list[bytes]:
    """Each row of a non-negative [n, k] matrix as packed varints, all rows at once.

    >>> [row.hex() for row in pack_varints(np.array([[0, 1], [127, 128]]))]
    ['0001', '7f8001']
    """
    if values.size and values.min() < 0:
        raise ValueError(f"packed varints are for non-negative ids and labels, got {values.min()}")
    widest = max(1, -(-int(values.max(initial=0)).bit_length() // 7))
    shifts = np.arange(widest) * 7
    groups = values[:, :, None] >> shifts  # [n, k] => [n, k, widest]
    is_kept = groups > 0
    is_kept[:, :, 0] = True
    has_more = np.zeros_like(is_kept)
    has_more[:, :, :-1] = is_kept[:, :, 1:]
    octets = ((groups & 0x7F) | (has_more * 0x80)).astype(np.uint8)
    ends = is_kept.sum(axis=(1, 2)).cumsum().tolist()  # [n], where each row ends in the flat bytes
    flat = octets[is_kept].tobytes()
    return [flat[start:end] for start, end in itertools.pairwise([0, *ends])]


def _feature_values(column: Column) -> list[bytes]:
    """The Feature message of each row of a column."""
    if not isinstance(column, np.ndarray):
        return [_delimited(_BYTES_LIST, _delimited(_FIELD_1, value)) for value in column]
    if column.dtype == np.int64:
        return [_delimited(_INT64_LIST, _delimited(_FIELD_1, packed)) for packed in pack_varints(column)]
    if column.dtype == np.float32:
        rows = column.astype("<f4", copy=False)
        return [_delimited(_FLOAT_LIST, _delimited(_FIELD_1, row.tobytes())) for row in rows]
    raise TypeError(f"a feature column is int64, float32 or bytes, got {column.dtype}")


def serialize_examples(columns: Mapping[str, Column]) -> list[bytes]:
    """One serialized tf.Example a row, features in name order.

    Args:
        columns: feature name -> int64 [n, k], float32 [n, k], or n byte strings.

    Raises:
        ValueError: on a negative int64, or columns of different lengths.
        TypeError: on any other dtype.
    """
    entries = [
        [_delimited(_FIELD_1, key + _delimited(_FIELD_2, value)) for value in _feature_values(columns[name])]
        for name in sorted(columns)
        for key in (_delimited(_FIELD_1, name.encode()),)
    ]
    return [_delimited(_FIELD_1, b"".join(row)) for row in zip(*entries, strict=True)]


def _masked_crc(data: bytes) -> int:
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + _CRC_MASK_DELTA) & 0xFFFFFFFF


def frame_records(payloads: Iterable[bytes]) -> Iterator[bytes]:
    """Each payload as a TFRecord: length, masked CRC of the length, payload, masked CRC of the payload."""
    for payload in payloads:
        length = struct.pack("<Q", len(payload))
        yield struct.pack("<QI", len(payload), _masked_crc(length))
        yield payload
        yield struct.pack("<I", _masked_crc(payload))


def write_records(file: BinaryIO, payloads: Iterable[bytes]) -> None:
    """Append payloads to an open TFRecord file."""
    file.write(b"".join(frame_records(payloads)))
