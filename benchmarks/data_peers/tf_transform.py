"""tf.Transform on Beam's in-process runner, batches of Arrow all the way, as its documentation advises for speed."""

import tempfile
from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa
import pyarrow.json
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from task import FILTERS_PATTERN, MAX_LENGTH, PAD_ID, RESERVED, UNK_ID, VOCABULARY_SIZE, Task
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.public import tfxio

BATCH = 1000
UNKNOWN = -1
COLUMNS = ("id", "text", "label")


def read_batches(file: str) -> Iterator[pa.RecordBatch]:
    """The rows of a file, each value as a list of one, which is how TFXIO has them."""
    for batch in pyarrow.json.read_json(file).to_batches(BATCH):
        offsets = pa.array(range(len(batch) + 1), pa.int32())
        columns = [pa.ListArray.from_arrays(offsets, batch[name]) for name in COLUMNS]
        yield pa.RecordBatch.from_arrays(columns, COLUMNS)


def preprocess(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Texts, string [b], to padded ids."""
    texts = tf.strings.regex_replace(tf.strings.lower(inputs["text"], encoding="utf-8"), FILTERS_PATTERN, " ")
    tokens = tf.strings.split(texts)  # ragged string [b, (t)]
    top = VOCABULARY_SIZE - len(RESERVED)
    ids = tft.compute_and_apply_vocabulary(tokens, default_value=UNKNOWN, top_k=top, vocab_filename="tokens")
    last = ids[:, -MAX_LENGTH:]
    kept = tf.where(last == UNKNOWN, tf.cast(UNK_ID, tf.int64), last + len(RESERVED))
    backwards = tf.reverse(kept, [1]).to_tensor(PAD_ID, shape=[None, MAX_LENGTH])
    return {
        "token_ids": tf.reverse(backwards, [1]),
        "length": kept.row_lengths(),
        "label": inputs["label"],
        "example_id": inputs["id"],
    }


def input_config() -> tfxio.TensorAdapterConfig:
    """What tf.Transform has to know of the batches: each column is a tensor [b]."""
    types = {"id": pa.string(), "text": pa.string(), "label": pa.int64()}
    schema = pa.schema([(name, pa.list_(value)) for name, value in types.items()])
    dense = schema_pb2.TensorRepresentation.DenseTensor
    scalars = {
        name: schema_pb2.TensorRepresentation(dense_tensor=dense(column_name=name, shape=schema_pb2.FixedShape()))
        for name in COLUMNS
    }
    return tfxio.TensorAdapterConfig(schema, scalars)


def run_job(task: Task, temporary: str) -> None:
    """The Beam job: analyze, transform, write."""
    flags = ["--direct_num_workers=1", "--direct_running_mode=in_memory"]
    with beam.Pipeline(FnApiRunner(), PipelineOptions(flags)) as pipeline, tft_beam.Context(temporary):
        batches = pipeline | beam.Create(task.files) | beam.Reshuffle() | beam.FlatMap(read_batches)
        transformed, transform_fn = (batches, input_config()) | tft_beam.AnalyzeAndTransformDataset(
            preprocess, output_record_batches=True
        )
        _ = (
            transformed
            | tft_beam.EncodeTransformedDataset()
            | beam.io.WriteToTFRecord(str(task.out / "examples"), file_name_suffix=".tfrecord")
        )
        _ = transform_fn | tft_beam.WriteTransformFn(str(task.out / "transform"))


def main() -> None:
    """Run and report."""
    task = Task()
    with tempfile.TemporaryDirectory() as temporary:
        run_job(task, temporary)
    tokens = tft.TFTransformOutput(str(task.out / "transform")).vocabulary_by_name("tokens")
    task.write_vocabulary(token.decode() for token in tokens)
    task.report(f"tf.Transform {tft.__version__}, Beam {beam.__version__}, TensorFlow {tf.__version__}")


if __name__ == "__main__":
    main()
