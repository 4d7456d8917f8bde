import errno
import os
import signal
import subprocess
import sys

import pytest

from components.beam_failures import cause
from components.beam_options import BeamOptions, beam_job
from schemas.errors import DataError, GlovebeamError

FRAMES = 'Traceback (most recent call last):\n  File "sdk_worker.py", line 310, in _execute\n    response = task()\n'
# What the runners put around the report of a worker.
WRAPPINGS = {
    "in-process": "{message} [while running 'EncodeShard']",
    "processes": FRAMES + "{message}\n\nDuring handling of the above exception, another exception occurred:\n\n"
    + FRAMES + "{message} [while running 'EncodeShard']\n",
    "Prism": "Pipeline job-001 failed in state FAILED: bundle inst003 stage-003 failed:" + FRAMES
    + "{message} [while running 'EncodeShard']\n",
    "Flink": "Pipeline BeamApp-root-1123 failed in state FAILED: java.lang.RuntimeException: Error received from SDK "
    "harness for instruction 12: " + FRAMES + "{message} [while running 'EncodeShard-ptransform-24']\n\n"
    "\tat org.apache.beam.runners.fnexecution.control.FnApiControlClient$ResponseStreamObserver.onNext"
    "(FnApiControlClient.java:180)\n\tat java.base/java.lang.Thread.run(Thread.java:840)\n",
}  # fmt: skip
LOST = [
    "Worker subprocess exited with return code -9",
    "Pipeline job-001 failed in state FAILED: bundle inst003 stage-003 failed:SDK worker disconnected: worker[job-001]"
    ", 1 active instructions, error: context canceled",
    "Pipeline BeamApp failed in state FAILED: org.apache.beam.vendor.grpc.v1p69p0.io.grpc.StatusRuntimeException: "
    "CANCELLED: client cancelled",
]


@pytest.mark.parametrize("wrapping", WRAPPINGS.values(), ids=WRAPPINGS)
def test_a_workers_error_becomes_one_line_whatever_the_runner_says_around_it(wrapping):
    found = cause(RuntimeError(wrapping.format(message="ValueError: a text\nof two lines")))
    assert (type(found), str(found)) == (GlovebeamError, "The Beam job failed: ValueError: a text of two lines")


@pytest.mark.parametrize("wrapping", WRAPPINGS.values(), ids=WRAPPINGS)
def test_a_full_disk_in_a_worker_is_the_operating_systems_error_with_its_file(wrapping):
    found = cause(RuntimeError(wrapping.format(message="OSError: [Errno 28] No space left on device: '/data/a.part'")))
    assert isinstance(found, OSError)
    assert (found.errno, found.filename) == (errno.ENOSPC, "/data/a.part")


@pytest.mark.parametrize("wrapping", WRAPPINGS.values(), ids=WRAPPINGS)
def test_what_a_worker_says_of_the_data_reaches_the_user_as_it_is(wrapping):
    found = cause(RuntimeError(wrapping.format(message="schemas.errors.DataError: reviews.csv line 3: no label.")))
    assert (type(found), str(found)) == (DataError, "reviews.csv line 3: no label.")


@pytest.mark.parametrize("report", LOST)
def test_a_lost_worker_is_named_as_such(report):
    assert "a worker process ended in the middle of its work" in str(cause(RuntimeError(report)))


def die_at_two(number):
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)


def run_a_job_whose_worker_is_killed():
    import apache_beam as beam

    with beam_job(BeamOptions(workers=2, mode="multi_processing")) as pipeline:
        pipeline | beam.Create([1, 2, 3]) | beam.Reshuffle() | beam.Map(die_at_two)


def test_a_job_whose_worker_process_is_killed_fails_instead_of_waiting_for_ever():
    code = f"from {__name__} import *; run_a_job_whose_worker_is_killed()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "GlovebeamError: The Beam job failed: a worker process ended in the middle of its work" in done.stderr
