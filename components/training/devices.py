"""What this machine trains on, and how best."""

import keras
import tensorflow as tf


def strategy() -> tf.distribute.Strategy:
    """A copy of the model on each GPU and a part of each batch for it, where there are several; else the default one.

    Without a GPU the same holds for logical CPU devices, of which TensorFlow makes one unless it is told otherwise.
    """
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    names = [device.name for device in devices]
    return tf.distribute.MirroredStrategy(names) if len(names) > 1 else tf.distribute.get_strategy()


def implementation(wanted: str) -> str:
    """How recurrent layers are computed; "auto" is Keras' own on a GPU, where that is cuDNN's, and fused elsewhere."""
    if wanted != "auto":
        return wanted
    return "layer" if _gpus() else "fused"


def precision() -> keras.DTypePolicy:
    """Float16 with float32 weights on GPUs with tensor cores (compute capability 7 and more), float32 elsewhere."""
    details = [tf.config.experimental.get_device_details(gpu) for gpu in _gpus()]
    is_quick = bool(details) and all(detail.get("compute_capability", (0,)) >= (7,) for detail in details)
    return keras.DTypePolicy("mixed_float16" if is_quick else "float32")


def _gpus() -> list[tf.config.PhysicalDevice]:
    return tf.config.list_physical_devices("GPU")
