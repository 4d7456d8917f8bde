"""Where Beam jobs run, and how far they are. Nothing in here changes an artifact, so none of it is in a cache key.

>>> BeamOptions(workers=2, mode="multi_threading").flags()
['--direct_num_workers=2', '--direct_running_mode=multi_threading']
"""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from components.beam_failures import cause
from components.beam_workers import run_watched
from schemas.params import Params

if TYPE_CHECKING:
    import apache_beam as beam


class BeamOptions(Params):
    """Runner and workers of a Beam job; the artifacts are byte-identical for any choice."""

    runner: str = "direct"  # "direct" is Beam's in-process runner; any other name goes to Beam as --runner
    workers: int = Field(default=0, ge=0)  # of the direct runner; 0 is one for each core
    mode: Literal["in_memory", "multi_threading", "multi_processing"] = "in_memory"
    options: tuple[str, ...] = ()  # further Beam options, such as "--flink_master=host:8081"
    progress_file: Path | None = Field(default=None, exclude=True, repr=False)  # set by the pipeline's runner

    def flags(self) -> list[str]:
        """The options as Beam takes them."""
        if self.runner != "direct":
            return [f"--runner={self.runner}", *self.options]
        return [f"--direct_num_workers={self.workers}", f"--direct_running_mode={self.mode}", *self.options]


@contextmanager
def beam_job(options: BeamOptions) -> "Iterator[beam.Pipeline]":
    """A Beam pipeline that has finished when the block ends.

    Raises:
        OSError: what the operating system refused in a worker (disk full, no permission), with its errno.
        GlovebeamError: any other failure of the job, in one line; a DataError or UsageError of a worker as it is.
    """
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    # DirectRunner may pick Prism, a binary it tries to download, so the in-process runner is named by its class.
    runner = FnApiRunner() if options.runner == "direct" else None
    pipeline = beam.Pipeline(runner=runner, options=PipelineOptions(options.flags()))
    yield pipeline
    # Beam warns of several workers in memory. These are threads, and do work side by side: the kernels of Arrow and
    # NumPy let go of the interpreter's lock; no other mode costs as little to start.
    logging.getLogger("apache_beam.runners.portability.fn_api_runner.fn_runner").setLevel(logging.ERROR)
    # Beam warns when it stops a job server that it started itself, after the run's last line.
    logging.getLogger("apache_beam.utils.subprocess_server").setLevel(logging.ERROR)
    try:
        if options.runner == "direct" and options.mode == "multi_processing":
            run_watched(lambda: pipeline.run().wait_until_finish())
        else:
            pipeline.run().wait_until_finish()
    except Exception as error:
        raise cause(error) from error


def count_rows(progress_file: Path | None, rows: int) -> None:
    """Tell the launching process that ``rows`` more rows are done; one short append is atomic between processes."""
    if progress_file is None:
        return
    try:
        with progress_file.open("a") as file:
            file.write(f"{rows}\n")
    except OSError as error:  # a worker on another machine may not see the folder; progress is a courtesy
        if error.errno == errno.ENOSPC:
            raise
