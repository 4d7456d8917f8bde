"""The toy pipeline, and a command line for it: ``python -m toy.dag ROOT [table.key=value ...]``.

DIE_BEFORE and DIE_AFTER name a function of the executor module around which the process kills itself, DIE_AT_CALL which
call of it. JSON_LOG asks for JSON lines.
"""

import os
import signal
import sys
from functools import partial
from pathlib import Path

from toy.encode import EncodeParams, encode
from toy.ingest import IngestParams, ingest, source_files
from toy.push import PushParams, push
from toy.train import TrainParams, train

import pipeline.execution.executor
from components.beam_options import BeamOptions
from pipeline.execution.launch import launch
from pipeline.execution.planner import Selection
from pipeline.execution.root import Root
from pipeline.terminal.json_log import JsonLog, errors_in
from schemas.errors import DataError, GlovebeamError
from schemas.params import Params
from schemas.vocabulary import Tokenizer

STEPS = ("ingest", "encode", "train", "push")


class Config(Params):
    ingest: IngestParams = IngestParams()
    tokenizer: Tokenizer = Tokenizer()
    encode: EncodeParams = EncodeParams()
    train: TrainParams = TrainParams()
    push: PushParams = PushParams()
    beam: BeamOptions = BeamOptions()

    def tables(self):
        return self.model_dump(mode="json")


def toy_pipeline(run, config):
    examples = run(ingest, config.ingest, reads=source_files)
    encoded = run(encode, examples, config.tokenizer, config.encode, check=stop_on_anomaly)
    initial = run.warm_start(encoded) if config.train.warm_start else None
    model = run(train, encoded, None, initial, config.train)
    if run.is_settled_by_rollback(model):
        return
    served = run.served_before(model)
    run(
        push, model, run.serving, config.push, replaces_version=served.version,
        publishes=lambda pushed: run.serving / str(pushed.version),
    )  # fmt: skip


def stop_on_anomaly(encoded):
    if "anomaly" in (encoded.path / "train" / "part-0").read_text():
        raise DataError("encode: an anomaly")


def config_of(settings):
    values = {}
    for name, value in settings.items():
        table, _, key = name.partition(".")
        values.setdefault(table, {})[key] = value
    return Config(**values)


def die_around(name, call_number, dies_before):
    calls, function = [], getattr(pipeline.execution.executor, name)

    def wrapped(*args, **kwargs):
        calls.append(name)
        if dies_before and len(calls) == call_number:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*args, **kwargs)
        if not dies_before and len(calls) == call_number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(pipeline.execution.executor, name, wrapped)


def main():
    for variable in ("DIE_BEFORE", "DIE_AFTER"):
        if variable in os.environ:
            die_around(os.environ[variable], int(os.environ["DIE_AT_CALL"]), variable == "DIE_BEFORE")
    root, *settings = sys.argv[1:]
    config = config_of(dict(setting.split("=") for setting in settings))
    dag = partial(toy_pipeline, config=config)
    log = JsonLog(sys.stdout) if "JSON_LOG" in os.environ else None
    try:
        with errors_in(log):
            launch(dag, STEPS, Root(Path(root)), Selection(), config, "toy", False, log)
    except GlovebeamError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
