"""What a training does with the devices of a machine."""

import json
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.recurrent.cell_loop import CellLoopLSTM
from components.recurrent.fused import FusedLSTM
from components.training import devices
from components.training.fitting import build_trainer
from tests.components.train_helpers import FAST, TrainInputs, run_python

REPOSITORY = Path(__file__).parents[2]

TWO_DEVICES_SCRIPT = """
import json, sys
from pathlib import Path
import tensorflow as tf

two = [tf.config.LogicalDeviceConfiguration(), tf.config.LogicalDeviceConfiguration()]
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)

from components.train import TrainParams
from components.training import devices
from tests.components.train_helpers import TrainInputs

TrainInputs(Path(sys.argv[1])).train(TrainParams.model_validate_json(sys.argv[3]), Path(sys.argv[2]))
print(json.dumps([type(devices.strategy()).__name__, devices.strategy().num_replicas_in_sync]))
"""


def test_two_devices_train_as_one_does(tiny: TrainInputs, tmp_path: Path) -> None:
    params = FAST.model_copy(update={"dropout": 0.0, "epochs": 1, "ngrams": 1})
    arguments = (str(tiny.folder), str(tmp_path / "two"), params.model_dump_json())
    result = run_python("-c", TWO_DEVICES_SCRIPT, *arguments, PYTHONPATH=str(REPOSITORY))
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == ["MirroredStrategy", 2]
    assert devices.strategy().num_replicas_in_sync == 1
    one = tiny.train(params, tmp_path / "one")
    history = json.loads((tmp_path / "two" / "history.json").read_text())
    assert history["epochs"][0] == pytest.approx(one.history["epochs"][0], rel=1e-5)
    by_two, by_one = (keras.models.load_model(tmp_path / name / "model.keras") for name in ("two", "one"))
    for weight, expected in zip(by_two.weights, by_one.weights, strict=True):
        np.testing.assert_allclose(weight, expected, rtol=0, atol=1e-4)


def test_half_precision_trains_alike_and_is_saved_as_single_precision(
    tiny: TrainInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = FAST.model_copy(update={"epochs": 1, "dropout": 0.0, "pooling": "attention", "head_units": 3})
    single = tiny.first_epoch(params, tmp_path / "single")
    monkeypatch.setattr(devices, "precision", lambda: keras.DTypePolicy("mixed_float16"))
    half = tiny.train(params, tmp_path / "half")
    assert half.history["epochs"] == [pytest.approx(single, rel=0.02)]
    assert half.history["epochs"] != [single]
    assert keras.config.dtype_policy().name == "float32"
    assert {layer.dtype_policy.name for layer in keras.models.load_model(half.keras_file).layers} == {"float32"}


@pytest.mark.parametrize(
    ("implementation", "layer"),
    [("auto", FusedLSTM), ("fused", FusedLSTM), ("cell", CellLoopLSTM), ("layer", keras.layers.LSTM)],
)
def test_the_implementation_is_the_one_asked_for_and_fused_on_a_cpu(
    implementation: str, layer: type, tiny: TrainInputs
) -> None:
    params = FAST.model_copy(update={"implementation": implementation, "embedding": "random"})
    assert type(build_trainer(params, tiny.encoded.encoding, None).get_layer("lstm_1_1")) is layer


@pytest.mark.parametrize(
    ("capabilities", "implementation", "precision"),
    [
        ([], "fused", "float32"),
        ([(8, 6)], "layer", "mixed_float16"),
        ([(7, 0), (7, 5)], "layer", "mixed_float16"),
        ([(7, 0), (6, 1)], "layer", "float32"),
        ([None], "layer", "float32"),
    ],
)
def test_gpus_compute_in_half_precision_by_cudnn_where_all_of_them_are_made_for_it(
    capabilities: list[tuple[int, int] | None], implementation: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus = [SimpleNamespace(details={"compute_capability": found} if found else {}) for found in capabilities]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus if kind == "GPU" else [])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: gpu.details)
    assert devices.implementation("auto") == implementation
    assert devices.implementation("cell") == "cell"
    assert devices.precision().name == precision
