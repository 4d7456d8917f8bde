"""A program of its own: ``python -I answer_texts.py SAVED_MODEL TEXTS ANSWERS``. It needs TensorFlow alone.

In: a SavedModel and one JSON string a line. Out: one JSON object a line, {"label": ..., "probability": [...]}.
Push runs it to see what a server would see: a process that knows nothing of this project.
"""

import json
import sys
from itertools import islice

_TEXTS_AT_ONCE = 256


def main(saved_model: str, texts_file: str, answers_file: str) -> None:
    """Answer every text in order."""
    import tensorflow as tf

    classify = tf.saved_model.load(saved_model).signatures["serving_default"]
    with open(texts_file) as texts, open(answers_file, "w") as answers:  # noqa: PTH123, builtins only
        while lines := list(islice(texts, _TEXTS_AT_ONCE)):
            answer = classify(text=tf.constant([json.loads(line) for line in lines]))
            for label, probability in zip(answer["label"].numpy(), answer["probability"].numpy(), strict=True):
                answers.write(json.dumps({"label": label.decode(), "probability": probability.tolist()}) + "\n")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:  # one line for whoever started this, instead of a traceback
        first_line = str(error).strip().partition("\n")[0]
        sys.exit(f"{type(error).__name__}: {first_line}")
