"""The requests that TensorFlow Serving sends a new version, read back by protobuf with the published definitions."""

import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, unknown_fields
from tensorflow.core.framework import tensor_pb2

from components.push import publish
from components.serving.warm_up import WARM_UP_FILE, predict_log, warm_up_requests
from tests.components.tiny_models import write_model

# The fields that matter here, of tensorflow_serving/apis/{prediction_log,predict,model}.proto: name, number, type.
MESSAGES = {
    "ModelSpec": [("name", 1, "string"), ("signature_name", 3, "string")],
    "InputsEntry": [("key", 1, "string"), ("value", 2, "tensorflow.TensorProto")],
    "PredictRequest": [("model_spec", 1, "ModelSpec"), ("inputs", 2, "InputsEntry"), ("output_filter", 3, "string")],
    "PredictLog": [("request", 1, "PredictRequest")],
    "PredictionLog": [("predict_log", 6, "PredictLog")],
}
FIELD = descriptor_pb2.FieldDescriptorProto


@pytest.fixture(scope="module")
def prediction_log():
    """The message class."""
    file = descriptor_pb2.FileDescriptorProto(name="serving.proto", package="serving", syntax="proto3")
    file.dependency.append(tensor_pb2.DESCRIPTOR.name)
    for message, fields in MESSAGES.items():
        declared = file.message_type.add(name=message)
        for name, number, kind in fields:
            field = declared.field.add(name=name, number=number, label=FIELD.LABEL_OPTIONAL, type=FIELD.TYPE_STRING)
            if kind != "string":
                field.type, field.type_name = FIELD.TYPE_MESSAGE, f".{kind if '.' in kind else f'serving.{kind}'}"
            if name in ("inputs", "output_filter"):
                field.label = FIELD.LABEL_REPEATED
    pool = descriptor_pool.Default()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("serving.PredictionLog"))


def requests(prediction_log, path):
    """Each request as (signature, {input: tensor})."""
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        log = prediction_log.FromString(record)
        assert not list(unknown_fields.UnknownFieldSet(log.predict_log.request))
        request = log.predict_log.request
        yield request.model_spec.signature_name, {one.key: tf.make_ndarray(one.value) for one in request.inputs}


def test_a_published_model_answers_its_own_warm_up_requests(prediction_log, tmp_path):
    model = write_model(tmp_path / "model", {"fine": 2.0})
    publish(model.saved_model, tmp_path / "serving")
    served = tf.saved_model.load(str(tmp_path / "serving" / "1"))
    asked = list(requests(prediction_log, tmp_path / "serving" / "1" / WARM_UP_FILE))
    for signature, inputs in asked:
        answers = served.signatures[signature](**{name: tf.constant(value) for name, value in inputs.items()})
        assert answers["label"].shape == inputs["text"].shape
    assert [len(inputs["text"]) for _, inputs in asked] == [1, 1, 1, 1, 1, 5]


def test_the_texts_differ_in_length_and_come_through_as_they_are(prediction_log, tmp_path):
    (tmp_path / "requests").write_bytes(warm_up_requests())
    *_, (_, inputs) = requests(prediction_log, tmp_path / "requests")
    texts = [text.decode() for text in inputs["text"]]
    assert sorted(len(text.split()) for text in texts)[:2] == [0, 1]
    assert max(len(text.split()) for text in texts) > 600
    assert any("“naïve”" in text and "<br />" in text for text in texts)


@pytest.mark.parametrize("texts", [["a" * 127], ["a" * 128], ["ä" * 20_000], ["x"] * 300])
def test_lengths_of_any_number_of_bytes_are_read_back(prediction_log, texts):
    request = prediction_log.FromString(predict_log(texts)).predict_log.request
    assert tf.make_ndarray(request.inputs[0].value).tolist() == [text.encode() for text in texts]


def test_the_bytes_are_the_same_every_time():
    assert warm_up_requests() == warm_up_requests()
