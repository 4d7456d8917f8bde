"""Requests that TensorFlow Serving sends a model before it serves it, so that no user waits for lazy initialisation.

Out: the content of ``assets.extra/tf_serving_warmup_requests``: TFRecords, each a PredictionLog. Its message classes
come with ``tensorflow-serving-api``, which would be needed for nothing else; the wire format is small and frozen:

    PredictionLog.predict_log = 6: PredictLog.request = 1: PredictRequest
    PredictRequest.model_spec = 1: ModelSpec.signature_name = 3
    PredictRequest.inputs = 2, a map: key = 1, value = 2: TensorProto
    TensorProto.dtype = 1 (DT_STRING is 7), .tensor_shape = 2, .string_val = 8
    TensorShapeProto.dim = 2: Dim.size = 1

from tensorflow_serving/apis/{prediction_log,predict,model}.proto and tensorflow/core/framework/{tensor,tensor_shape,
types}.proto. The texts are the same for every model: examples might hold what must not leave with a model.

>>> predict_log(["ok"]).hex()
'322b0a290a111a0f73657276696e675f64656661756c7412140a0474657874120c080712041202080142026f6b'
"""

from collections.abc import Sequence
from io import BytesIO

WARM_UP_FILE = "assets.extra/tf_serving_warmup_requests"

_SENTENCE = "The first hour is slow, but the last one, which I did not see coming, makes up for all of it."
_TEXTS = (
    "",
    "fine",
    _SENTENCE,
    f"It's a “naïve” film &amp; I don't mind.<br />{_SENTENCE}",
    " ".join([_SENTENCE] * 40),
)
_DT_STRING = 7


def warm_up_requests() -> bytes:
    """Each text by itself, then all in one batch: short and long, with markup, and without a single token."""
    import pyarrow as pa

    from schemas.tf_example import write_records

    file = BytesIO()
    write_records(
        file, pa.array([predict_log(texts) for texts in (*([text] for text in _TEXTS), _TEXTS)], pa.large_binary())
    )
    return file.getvalue()


def predict_log(texts: Sequence[str]) -> bytes:
    """A PredictionLog that asks ``serving_default`` for the answers to texts, string [b]."""
    shape = _message(2, _message(2, _varint_field(1, len(texts))))
    strings = b"".join(_message(8, text.encode()) for text in texts)
    tensor = _varint_field(1, _DT_STRING) + shape + strings
    inputs = _message(1, b"text") + _message(2, tensor)
    return _message(6, _message(1, _message(1, _message(3, b"serving_default")) + _message(2, inputs)))


def _message(number: int, payload: bytes) -> bytes:
    """A field with a length: a message, a string or bytes."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    groups = [value >> shift & 0x7F for shift in range(0, max(1, value.bit_length()), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])
