"""Where Beam jobs run, and how far they are. Nothing in here changes an artifact, so none of it is in a cache key.

>>> BeamOptions(workers=2, mode="multi_threading").flags()
['--direct_num_workers=2', '--direct_running_mode=multi_threading']
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from schemas.errors import GlovebeamError
from schemas.params import Params

if TYPE_CHECKING:
    import apache_beam as beam

_OS_ERROR = re.compile(r"\[Errno (\d+)\]")


class BeamOptions(Params):
    """Runner and workers of a Beam job; the artifacts are byte-identical for any choice."""

    runner: str = "direct"  # "direct" is Beam's in-process runner; any other name goes to Beam as --runner
    workers: int = Field(default=1, ge=1)
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
        GlovebeamError: any other failure of the job, as the last line of the worker's report.
    """
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    # DirectRunner may pick Prism, a binary it tries to download, so the in-process runner is named by its class.
    runner = FnApiRunner() if options.runner == "direct" else None
    pipeline = beam.Pipeline(runner=runner, options=PipelineOptions(options.flags()))
    yield pipeline
    try:
        pipeline.run().wait_until_finish()
    except OSError:
        raise
    except Exception as error:
        raise _cause(error) from error


def _cause(error: Exception) -> Exception:
    """The worker's own error: Beam hands it over as the text of a traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    for line in reversed(lines):
        if found := _OS_ERROR.search(line):
            number = int(found.group(1))
            return OSError(number, os.strerror(number), line.partition(": '")[2].partition("'")[0] or None)
    last = next((line for line in reversed(lines) if "Error" in line), lines[-1] if lines else repr(error))
    return GlovebeamError(f"The Beam job failed: {last.partition(' [while running')[0]}")


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
