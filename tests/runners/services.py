"""What a runner needs beside the submitting process: a pool of worker processes, a Flink cluster."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

READY_SECONDS = 120
TASK_SLOTS = 2

# Flink's start scripts are not in its Python package; they pass these to Java 17 and compute the same figures.
_JAVA_FLAGS = [
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in (
        "java.io", "java.lang", "java.lang.reflect", "java.net", "java.nio", "java.time", "java.util",
        "java.util.concurrent",
    )
]  # fmt: skip
_FLINK_CONFIG = {
    "jobmanager.rpc.address": "localhost",
    "rest.address": "localhost",
    "taskmanager.host": "localhost",
    "taskmanager.bind-host": "localhost",
    "taskmanager.numberOfTaskSlots": TASK_SLOTS,
    "taskmanager.cpu.cores": TASK_SLOTS,
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.task.heap.size": "512m",
    "taskmanager.memory.task.off-heap.size": "0m",
    "taskmanager.memory.managed.size": "128m",
    "taskmanager.memory.network.min": "64m",
    "taskmanager.memory.network.max": "64m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.min": "192m",
    "taskmanager.memory.jvm-overhead.max": "192m",
}


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return int(listener.getsockname()[1])


@contextmanager
def worker_pool(folder: Path) -> Iterator[str]:
    """Yields the address of a service that starts a worker process for each job, apart from the submitting process."""
    port = free_port()
    command = [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main", f"--service_port={port}"]
    with _process(command, folder / "worker_pool.log") as pool:
        _wait(pool, lambda: _listens(port), "the worker pool")
        yield f"localhost:{port}"


@contextmanager
def flink_cluster(libraries: Path, folder: Path) -> Iterator[str]:
    """Yields the address of a session cluster: a job manager, and a task manager with two slots."""
    rest_port = free_port()
    config = {**_FLINK_CONFIG, "rest.port": rest_port, "jobmanager.rpc.port": free_port()}
    (folder / "config.yaml").write_text("".join(f"{key}: {value}\n" for key, value in config.items()))
    java = ["java", *_JAVA_FLAGS, "-Xmx640m", "-cp", f"{libraries}/*"]
    manager = [*java, "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"]
    tasks = [*java, "-XX:MaxDirectMemorySize=256m", "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"]
    with (
        _process([*manager, "--configDir", str(folder)], folder / "job_manager.log") as job_manager,
        _process([*tasks, "--configDir", str(folder)], folder / "task_manager.log") as task_manager,
    ):
        _wait(job_manager, lambda: _listens(rest_port), "Flink's job manager")
        _wait(task_manager, lambda: _slots(rest_port) == TASK_SLOTS, "Flink's task manager")
        yield f"localhost:{rest_port}"


@contextmanager
def _process(command: list[str], log: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """A process with its own children, all of them ended with the block."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # the worker pool starts "python"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, "PATH": path}, start_new_session=True
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(process: "subprocess.Popen[bytes]", is_ready: Callable[[], bool], name: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{name} did not start: {process.args}")
        time.sleep(0.2)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("localhost", port)) == 0


def _slots(rest_port: int) -> int:
    try:
        with urllib.request.urlopen(f"http://localhost:{rest_port}/overview", timeout=5) as answer:
            return int(json.load(answer)["slots-total"])
    except OSError:
        return 0
