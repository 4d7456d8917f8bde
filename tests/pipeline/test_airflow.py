"""The DAG file under the real Airflow, in its own environment, on a small data set; `make test-airflow` installs it."""

import ast
import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.dag import STEPS
from tests.pipeline.command_line import CONFIG, WORDS, tiny_reviews, write_reviews
from tests.pipeline.test_schedules import parse

PROJECT = Path(__file__).parents[2]
DAG_FILE = PROJECT / "pipeline" / "schedules" / "glovebeam_dag.py"
AIRFLOW = PROJECT / "build" / "venv-airflow" / "bin"
NEEDS_AIRFLOW = pytest.mark.skipif(
    not (AIRFLOW / "airflow").exists(), reason="Airflow is not installed; `make test-airflow` does that"
)
TASKS = ["validate", "drift", "encode", "train", "evaluate", "push"]
GREEN = dict.fromkeys([*TASKS, "clean"], "success")

PROBE = """
import json, sys
import glovebeam_dag as file
from airflow.sdk.exceptions import AirflowException

dag = file.dag
told = {
    "commands": {name: [*file.COMMAND, *dag.get_task(name).arguments] for name in dag.task_ids},
    "max_active_runs": dag.max_active_runs,
    "catchup": dag.catchup,
    "retries": [task.retries for task in dag.tasks],
    "raised": {},
}
for code in json.loads(sys.argv[1]):
    file.COMMAND = ["sh", "-c", f"echo working; echo glovebeam: a reason >&2; exit {code}"]
    try:
        dag.get_task("evaluate").execute({})
        told["raised"][code] = None
    except AirflowException as error:
        told["raised"][code] = [type(error).__name__, str(error)]
print("TOLD", json.dumps(told))
"""


class Airflow:
    """Airflow with a database of its own, and a folder for glovebeam to work in."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {
            **os.environ,
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAG_FILE.parent),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "GLOVEBEAM_COMMAND": str(Path(sys.executable).with_name("glovebeam")),
            "GLOVEBEAM_CONFIG": str(folder / "glovebeam.toml"),
            "GLOVEBEAM_FOLDER": str(folder),
            "GLOVEBEAM_ROOT": str(folder / "root"),
        }

    def call(self, *command, **environment):
        return subprocess.run(
            [str(AIRFLOW / command[0]), *command[1:]], cwd=self.folder, env={**self.environment, **environment},
            capture_output=True, text=True,
        )  # fmt: skip

    def test_dag(self, **environment):
        """One run of the DAG, with what Airflow printed as ``out``."""
        done = self.call("airflow", "dags", "test", "glovebeam", **environment)
        done.out = done.stdout + done.stderr
        return done

    def states(self):
        """Task -> state, of the latest run; and the number of tries of the task that failed."""
        with sqlite3.connect(self.folder / "airflow" / "airflow.db") as db:
            rows = db.execute(
                "SELECT task_id, state, try_number FROM task_instance WHERE run_id = "
                "(SELECT run_id FROM dag_run ORDER BY id DESC LIMIT 1)"
            ).fetchall()
        return {task: state for task, state, _ in rows}, {
            task: tries for task, state, tries in rows if state == "failed"
        }

    def versions(self):
        return sorted(path.name for path in (self.folder / "root" / "serving").iterdir())


@pytest.fixture(scope="module")
def airflow(tmp_path_factory):
    folder = tmp_path_factory.mktemp("airflow")
    write_reviews(folder / "reviews.csv", tiny_reviews())
    vectors = [f"{word} {sign} 0.1 0 0.5" for label, sign in (("good", 1), ("bad", -1)) for word in WORDS[label]]
    (folder / "glove.txt").write_text("\n".join([*vectors, "film 0 0 1 0"]) + "\n")
    (folder / "glovebeam.toml").write_text(CONFIG)
    airflow = Airflow(folder)
    done = airflow.call("airflow", "db", "migrate")
    assert done.returncode == 0, done.stderr
    return airflow


def test_the_dag_file_imports_nothing_of_glovebeam():
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(DAG_FILE.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert imported <= {"airflow", *sys.stdlib_module_names}


def test_every_task_ends_with_a_step_that_there_is_and_the_last_one_with_the_last():
    (tasks,) = re.findall(r"^TASKS = (\(.*\))$", DAG_FILE.read_text(), re.MULTILINE)
    assert list(ast.literal_eval(tasks)) == TASKS == [step for step in STEPS if step in TASKS]
    assert TASKS[-1] == STEPS[-1]


@NEEDS_AIRFLOW
def test_airflow_reads_commands_that_there_are_never_runs_twice_at_once_and_knows_what_to_retry(airflow):
    codes = json.dumps([0, 1, 2, 3, 4, 5, 143])
    done = airflow.call("python", "-c", PROBE, codes, GLOVEBEAM_REFUSED="skipped", PYTHONPATH=str(DAG_FILE.parent))
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("TOLD ")]
    told = json.loads(line.removeprefix("TOLD "))

    assert (told["max_active_runs"], told["catchup"], set(told["retries"])) == (1, False, {2})
    assert list(told["commands"]) == [*TASKS, "clean"]
    for program, *arguments in told["commands"].values():
        parse(" ".join([program, *arguments]))
    reason = "glovebeam: a reason"
    assert told["raised"] == {
        "0": None,
        "1": ["AirflowException", f"exit code 1: {reason}"],  # retried
        "2": ["AirflowFailException", reason],  # fails at once
        "3": ["AirflowFailException", reason],
        "4": ["AirflowSkipException", reason],
        "5": ["AirflowException", f"exit code 5: {reason}"],
        "143": ["AirflowException", f"exit code 143: {reason}"],
    }


@NEEDS_AIRFLOW
def test_a_word_that_is_neither_skipped_nor_success_breaks_the_dag(airflow):
    done = airflow.test_dag(GLOVEBEAM_REFUSED="ignored")
    assert done.returncode != 0
    assert "GLOVEBEAM_REFUSED is 'ignored', expected skipped or success" in done.out


@NEEDS_AIRFLOW
def test_the_dag_is_green_on_new_data_on_no_data_and_tells_a_refused_candidate_and_rejected_data(airflow):
    new = airflow.test_dag()
    assert (new.returncode, airflow.states()[0]) == (0, GREEN), new.out[-4000:]
    assert airflow.versions() == ["1"]
    assert "train: run (first run)" in new.out

    nothing = airflow.test_dag()
    assert (nothing.returncode, airflow.states()[0]) == (0, GREEN), nothing.out[-4000:]
    assert ": run (" not in nothing.out
    assert nothing.out.count("nothing new") == len(TASKS)

    config = airflow.folder / "glovebeam.toml"
    config.write_text(f"{CONFIG}\n[evaluate]\nmin_accuracy = 1.0\n")
    refused = airflow.test_dag(GLOVEBEAM_REFUSED="skipped")
    assert (refused.returncode, airflow.states()[0]) == (0, {**GREEN, "evaluate": "skipped", "push": "skipped"})
    assert "glovebeam: evaluate: the model is not blessed, so nothing was pushed" in refused.out
    refused = airflow.test_dag(GLOVEBEAM_REFUSED="success")
    assert (refused.returncode, airflow.states()[0]) == (0, GREEN)
    assert airflow.versions() == ["1"]

    write_reviews(airflow.folder / "reviews.csv", [*tiny_reviews(), ("", "good")])
    rejected = airflow.test_dag()
    states, tries = airflow.states()
    assert rejected.returncode != 0
    assert states == {"validate": "failed", **dict.fromkeys([*TASKS[1:], "clean"], "upstream_failed")}
    assert tries == {"validate": 1}
    assert re.search(
        r"AirflowFailException: glovebeam: 1 of 121 rows were rejected.*reviews\.csv row 121", rejected.out
    )
    assert airflow.versions() == ["1"]
