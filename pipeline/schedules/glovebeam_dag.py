"""Every night in Apache Airflow 3: train on what is new, publish a better model.

Airflow lives in an environment of its own and calls the command; nothing of glovebeam is imported here. Each task
is `glovebeam run --to STEP`: what earlier tasks made is taken from the cache, and a retry goes on where the last try
was. The environment of Airflow's workers says where things are; README.md beside this file lists the variables.
"""

import os
import shlex
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

COMMAND = shlex.split(os.environ.get("GLOVEBEAM_COMMAND", "/opt/glovebeam/.venv/bin/glovebeam"))
CONFIG = os.environ.get("GLOVEBEAM_CONFIG", "/etc/glovebeam.toml")
FOLDER = os.environ.get("GLOVEBEAM_FOLDER", "/var/lib/glovebeam")  # relative paths in the config start here
ROOT = os.environ.get("GLOVEBEAM_ROOT", "/var/lib/glovebeam/root")
REFUSED = os.environ.get("GLOVEBEAM_REFUSED", "skipped")  # or "success": the task after a refused candidate

# Each task ends with this step and holds the steps before it that no other task holds.
TASKS = ("validate", "drift", "encode", "train", "evaluate", "push")

USAGE, DATA_REJECTED, NOT_BLESSED = 2, 3, 4  # of glovebeam's exit codes, those that no retry changes


class GlovebeamOperator(BaseOperator):
    """Runs the command and gives its exit code the meaning that it has.

    Args:
        arguments: of the command, without its name.
        refused: what the task is to be after exit code 4: "skipped" or "success".
    """

    def __init__(self, *, arguments: list[str], refused: str = REFUSED, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if refused not in ("skipped", "success"):
            raise ValueError(f"GLOVEBEAM_REFUSED is {refused!r}, expected skipped or success")
        self.arguments, self.refused = arguments, refused
        self.hook = SubprocessHook()

    def execute(self, context: Any) -> None:
        """Log each line of the command; its last one says what is wrong, where something is."""
        done = self.hook.run_command([*COMMAND, *self.arguments], cwd=FOLDER)
        if done.exit_code == NOT_BLESSED:
            if self.refused == "skipped":
                raise AirflowSkipException(done.output)
        elif done.exit_code in (USAGE, DATA_REJECTED):
            raise AirflowFailException(done.output)
        elif done.exit_code:  # 1: disk, memory; 5: another run holds the root; a signal: all may pass
            raise AirflowException(f"exit code {done.exit_code}: {done.output}")

    def on_kill(self) -> None:
        """Stop the command with the task; finished steps are kept."""
        self.hook.send_sigterm()


with DAG(
    "glovebeam",
    description="Train on what is new, publish a better model",
    schedule="15 2 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,  # a night that was missed is not made up for: the next one reads all that is there
    max_active_runs=1,  # never twice at once; where another scheduler runs it too, the root's lock says 5
    max_active_tasks=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10), "execution_timeout": timedelta(hours=12)},
    doc_md=__doc__,
) as dag:
    run = ["run", "-c", CONFIG, "--root", ROOT]
    tasks = [GlovebeamOperator(task_id=step, arguments=[*run, "--to", step]) for step in TASKS]
    for earlier, later in pairwise(tasks):
        earlier >> later
    clean = GlovebeamOperator(
        task_id="clean",
        arguments=["clean", "--root", ROOT, "--keep-runs", str(30 * len(TASKS)), "--keep-versions", "3"],
        trigger_rule="none_failed",  # also after a refused candidate
    )
    tasks[-1] >> clean
