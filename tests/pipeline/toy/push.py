import os
import shutil
import signal
from pathlib import Path

from components.serving.publication import published_versions
from schemas.artifacts import write_json
from schemas.model_artifacts import Model, PushedModel
from schemas.params import Params


class PushParams(Params):
    pass


def push(model: Model, serving: Path, params: PushParams, out: Path) -> PushedModel:
    serving.mkdir(exist_ok=True)
    versions = published_versions(serving)
    newest = serving / str(versions[-1]) if versions else None
    if newest is None or (newest / "model").read_bytes() != model.keras_file.read_bytes():
        newest = serving / str(versions[-1] + 1 if versions else 1)
        newest.mkdir()
        shutil.copyfile(model.keras_file, newest / "model")
    if os.environ.get("DIE_AFTER_PUBLISHING"):
        os.kill(os.getpid(), signal.SIGKILL)
    write_json(out / "pushed.json", {"version": int(newest.name)})
    return PushedModel(out)
