"""The bytes of tf.Example records, against TensorFlow's own writer and against a golden file.

``tests/golden/examples.tfrecord`` was made by TensorFlow itself, with: python -m tests.schemas.test_tf_example
"""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from schemas.examples import encoded_example, feature_spec
from schemas.tf_example import pack_varints, serialize_examples, write_records

GOLDEN = Path(__file__).parents[1] / "golden" / "examples.tfrecord"
COLUMNS = {
    "example_id": pa.array(["reviews.csv:1", "añejo", ""]),
    "label": np.array([[0], [1], [2**62]]),
    "length": np.array([[3], [1], [3]]),
    "token_ids": np.array([[4, 127, 128], [0, 0, 2], [16_383, 16_384, 2**62]]),
    "vectors": np.array([[0.5, -1.0], [np.pi, 0.0], [1e-38, 3e38]], np.float32),
}


def written_by_tensorflow(row):
    feature = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[column[row].as_py().encode()]))
        if isinstance(column, pa.Array)
        else tf.train.Feature(int64_list=tf.train.Int64List(value=column[row]))
        if column.dtype == np.int64
        else tf.train.Feature(float_list=tf.train.FloatList(value=column[row]))
        for name, column in COLUMNS.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString(deterministic=True)


def test_every_record_has_the_bytes_that_tensorflow_writes():
    assert serialize_examples(COLUMNS).to_pylist() == [written_by_tensorflow(row) for row in range(3)]


def test_the_file_has_the_bytes_of_the_golden_file():
    file = io.BytesIO()
    write_records(file, serialize_examples(COLUMNS))
    assert file.getvalue() == GOLDEN.read_bytes()


def test_every_varint_width_survives():
    values = np.array([[2**bits - 1, 2**bits] for bits in range(62)])
    for row, packed in zip(values, pack_varints(values).to_pylist(), strict=True):
        message = tf.train.Int64List(value=row).SerializeToString()
        assert message.endswith(packed)


@pytest.mark.parametrize("position", [0, 9, 14, -1])
def test_a_changed_byte_is_noticed_by_a_reader(tmp_path, position):
    content = bytearray(GOLDEN.read_bytes())
    content[position] ^= 1
    (tmp_path / "broken.tfrecord").write_bytes(content)
    with pytest.raises(tf.errors.DataLossError):
        list(tf.data.TFRecordDataset(str(tmp_path / "broken.tfrecord")))


def test_a_negative_id_is_refused():
    with pytest.raises(ValueError, match="non-negative ids and labels, got -1"):
        serialize_examples({"label": np.array([[-1]])})


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"differ in length: \{'label': 2, 'length': 1\}"):
        serialize_examples({"label": np.array([[1], [2]]), "length": np.array([[1]])})


def test_a_column_of_another_dtype_is_refused():
    with pytest.raises(TypeError, match="got float64"):
        serialize_examples({"label": np.array([[0.5]])})


def test_no_rows_make_no_records():
    assert serialize_examples({"label": np.empty((0, 1), np.int64)}).to_pylist() == []


def test_the_feature_spec_reads_what_was_written():
    columns = {name: column for name, column in COLUMNS.items() if name != "vectors"}
    spec = feature_spec(encoded_example(max_length=3))
    row = tf.io.parse_single_example(serialize_examples(columns)[1].as_py(), spec)
    assert row["example_id"].numpy().decode() == "añejo"
    assert row["token_ids"].numpy().tolist() == [0, 0, 2]
    assert row["label"].shape == ()


if __name__ == "__main__":
    with tf.io.TFRecordWriter(str(GOLDEN)) as writer:
        for row in range(3):
            writer.write(written_by_tensorflow(row))
