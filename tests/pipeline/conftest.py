"""A toy pipeline whose code tests may edit; runs in this process, or in one of its own where it has to die."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from pipeline.execution import launch as launching
from pipeline.execution.planner import Selection, select
from pipeline.execution.root import Root

TOY = Path(__file__).parent / "toy"


class Toy:
    """The toy pipeline in a folder of its own."""

    def __init__(self, folder, capfd):
        self.folder, self.capfd = folder, capfd
        self.root = Root(folder / "root")
        (folder / "reviews.txt").write_text("Good\nBad film\n")

    def run(self, first=None, last=None, force=(), dry=False, verbose=False, log=None, **settings):
        """Run in this process, as ``train__epochs=3``; returns the lines that name a step, without places."""
        from toy import dag

        config = dag.config_of({name.replace("__", "."): value for name, value in settings.items()})
        selection = select(dag.STEPS, first, last, force) if first or last or force else Selection()
        toy_dag = partial(dag.toy_pipeline, config=config)
        self.capfd.readouterr()
        try:
            if dry:
                launching.dry_run(toy_dag, dag.STEPS, self.root, selection, log)
            else:
                launching.launch(toy_dag, dag.STEPS, self.root, selection, config, "toy", verbose, log)
        finally:
            self.out = self.capfd.readouterr().out
        return self.plan(self.out)

    @staticmethod
    def plan(out):
        """Step -> what was done and why; how old a cached artifact is, is left out."""
        told = re.findall(r"^(\w+): ((?:run|would run|cached) \(.*?\))(?:, .*)?$", out, re.MULTILINE)
        return {step: "cached" if text.startswith("cached") else text for step, text in told}

    def command(self, *settings, **environment):
        """Run in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "toy.dag", "root", *settings],
            cwd=self.folder, env=self.environment(**environment), capture_output=True, text=True,
        )  # fmt: skip

    def environment(self, **more):
        return {**os.environ, "PYTHONPATH": str(self.folder), **more}

    def edit(self, module, old, new):
        """Change the code of a step; what is imported already stays."""
        path = self.folder / "toy" / f"{module}.py"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def artifact(self, step):
        """The folder of the only artifact of a step."""
        (folder,) = [path for path in (self.root.artifacts / step).iterdir() if not path.name.startswith(".")]
        return folder

    def records(self):
        """run.json of all runs, oldest first."""
        records = [json.loads(path.read_text()) for path in self.root.runs.glob("*/run.json")]
        return sorted(records, key=lambda record: record["started"])


def killed_around(function, when, action):
    """Do something in a child process that kills itself before or after a function, given as (module, name)."""
    module, name = function
    pid = os.fork()
    if pid == 0:
        original = getattr(module, name)

        def dying(*args, **kwargs):
            if when == "after":
                original(*args, **kwargs)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(module, name, dying)
        try:
            action()
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def toy_in(folder, capfd=None):
    """A copy of the toy pipeline with a source to read."""
    shutil.copytree(TOY, folder / "toy", ignore=shutil.ignore_patterns("__pycache__"))
    return Toy(folder, capfd)


@pytest.fixture
def toy(tmp_path, monkeypatch, capfd):
    toy = toy_in(tmp_path, capfd)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield toy
    for name in [name for name in sys.modules if name == "toy" or name.startswith("toy.")]:
        del sys.modules[name]
