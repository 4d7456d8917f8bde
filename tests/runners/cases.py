"""The runners that must give the same artifacts, what each needs, and how a run is told to use it."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.runners.services import TASK_SLOTS, flink_cluster, worker_pool

REPOSITORY = Path(__file__).parents[2]
PRISM = REPOSITORY / "build/prism"
FLINK = REPOSITORY / "build/flink"
FLINK_VERSION = "1.20"


@dataclass(frozen=True)
class Case:
    """One way to run the Beam jobs."""

    name: str
    runner: str = "direct"
    workers: int = 1
    mode: str = "in_memory"
    has_pool: bool = False  # workers in processes of their own; else in the submitting process

    @property
    def missing(self) -> str | None:
        """Why it cannot run here."""
        if self.runner == "PrismRunner" and not PRISM.exists():
            return "build/prism is not there; `make runners` builds it with Go"
        if self.runner == "FlinkRunner":
            return _missing_for_flink()
        return None

    @contextmanager
    def settings(self, folder: Path) -> Iterator[list[str]]:
        """Yields what goes to ``--set``, while the services that the runner needs are up."""
        if self.runner == "direct":
            yield [f"beam.workers={self.workers}", f"beam.mode={self.mode}"]
            return
        with ExitStack() as services:
            options = [f"--prism_location={PRISM}"]
            if self.runner == "FlinkRunner":
                master = services.enter_context(flink_cluster(FLINK / "lib", folder))
                options = [
                    f"--flink_master={master}",
                    f"--flink_version={FLINK_VERSION}",
                    f"--flink_job_server_jar={FLINK / 'job-server.jar'}",
                    f"--parallelism={TASK_SLOTS}",
                ]
            if self.has_pool:
                address = services.enter_context(worker_pool(folder))
                options += ["--environment_type=EXTERNAL", f"--environment_config={address}"]
            else:
                options += ["--environment_type=LOOPBACK"]
            yield [f"beam.runner={self.runner}", f"beam.options={json.dumps(options)}"]


CASES = (
    Case("in-process, one worker"),
    Case("in-process, two threads", workers=2, mode="multi_threading"),
    Case("in-process, two processes", workers=2, mode="multi_processing"),
    Case("Prism, LOOPBACK", "PrismRunner"),
    Case("Prism, worker pool", "PrismRunner", has_pool=True),
    Case("Flink, LOOPBACK", "FlinkRunner"),
    Case("Flink, worker pool", "FlinkRunner", has_pool=True),
)


def _missing_for_flink() -> str | None:
    if shutil.which("java") is None:
        return "no java on the PATH; Debian has it in openjdk-17-jre-headless"
    if not (FLINK / "job-server.jar").exists():
        jar = f"org.apache.beam:beam-runners-flink-{FLINK_VERSION}-job-server:{version('apache-beam')}"
        refused = (FLINK / "job-server.refused").exists()
        return f"Maven did not bring {jar}" if refused else f"no {jar}; `make runners` asks Maven for it"
    if not list(FLINK.glob("lib/flink-dist-*.jar")):
        return "build/flink/lib is not there; `make runners` takes it from the package apache-flink-libraries"
    return None
