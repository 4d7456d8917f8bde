"""A SavedModel that answers raw text, as train exports it and ``serving/<version>`` holds it.

In: texts. Out: the label of each and the probability of each class. Letters: b texts, c classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import GlovebeamError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TEXTS_AT_ONCE = 256


@dataclass(frozen=True)
class Servable:
    """A loaded model.

    >>> servable = Servable.load(Path("serving/3"))  # doctest: +SKIP
    >>> servable.classify([b"A wonderful film"])  # doctest: +SKIP
    (['positive'], array([[0.04, 0.96]], dtype=float32))
    """

    class_names: tuple[str, ...]
    _classify: Any
    _loaded: Any  # owns the weights, which the signature alone would not keep alive

    @classmethod
    def load(cls, path: Path) -> "Servable":
        """Load a SavedModel.

        Raises:
            GlovebeamError: when there is none, it cannot be read, or it was not made by train.
        """
        import tensorflow as tf

        try:
            loaded = tf.saved_model.load(str(path))
            class_names = loaded.signatures["class_names"]()["class_names"].numpy().tolist()
            return cls(tuple(name.decode() for name in class_names), loaded.signatures["serving_default"], loaded)
        except Exception as error:  # TensorFlow raises OSError, ValueError, its own errors and protobuf's
            cause = str(error).strip().partition("\n")[0] or type(error).__name__
            raise GlovebeamError(
                f"{path}: cannot be loaded as a SavedModel with the signatures of train: {cause}. Was the folder "
                "copied as a whole? Push a model again, or choose another version."
            ) from error

    def classify(self, texts: Sequence[bytes]) -> "tuple[list[str], NDArray[np.float32]]":
        """UTF-8 texts [b] => labels [b] and probabilities float32 [b, c]."""
        import numpy as np
        import tensorflow as tf

        labels: list[str] = []
        probabilities = [np.empty((0, len(self.class_names)), np.float32)]
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            answer = self._classify(text=tf.constant(texts[start : start + _TEXTS_AT_ONCE], tf.string))
            labels += [label.decode() for label in answer["label"].numpy()]
            probabilities.append(answer["probability"].numpy())
        return labels, np.concatenate(probabilities)
