"""The root folder: one place that knows where everything lies under it.

>>> Root(Path("models")).run_folder("20261123-130501-9f3a").as_posix()
'models/runs/20261123-130501-9f3a'
"""

from dataclasses import dataclass
from pathlib import Path

from schemas.errors import UsageError

_OBJECT_STORES = frozenset({"gs:", "s3:", "az:", "abfs:", "hdfs:"})  # as pathlib leaves them of gs://bucket/folder
DEFAULT_ROOT = "glovebeam-root"


@dataclass(frozen=True)
class Root:
    """Everything that runs leave behind.

    ```
    metadata.sqlite            artifacts, executions and what links them
    .lock                      held by the run under way
    artifacts/<step>/<id>/     finished artifacts; .<key>.partial/ beside them is one being made
    serving/<version>/         published models, in TensorFlow Serving's layout
    runs/<run_id>/             run.json, log.txt
    metrics.prom               how the last run went, for Prometheus
    ```
    """

    path: Path

    @property
    def metadata_file(self) -> Path:
        """The SQLite database."""
        return self.path / "metadata.sqlite"

    @property
    def lock_file(self) -> Path:
        """Locked while a run is under way."""
        return self.path / ".lock"

    @property
    def artifacts(self) -> Path:
        """A folder a step, a folder an artifact."""
        return self.path / "artifacts"

    @property
    def serving(self) -> Path:
        """Published versions."""
        return self.path / "serving"

    @property
    def metrics_file(self) -> Path:
        """In Prometheus' text format."""
        return self.path / "metrics.prom"

    @property
    def runs(self) -> Path:
        """A folder a run."""
        return self.path / "runs"

    def run_folder(self, run_id: str) -> Path:
        """Where one run writes its record and its log."""
        return self.runs / run_id

    def relative(self, path: Path) -> str:
        """A path under the root as records hold it: relative and with forward slashes."""
        return path.relative_to(self.path).as_posix()

    def check(self) -> None:
        """Raise ``UsageError`` where the path is taken by something that is not a folder, or names an object store."""
        if self.path.parts and self.path.parts[0] in _OBJECT_STORES:
            raise UsageError(
                f"--root {self.path}: a root lies in a file system, since a finished folder is renamed into place and "
                "an object store cannot rename. Give a folder that all workers share, such as one on NFS."
            )
        for path in (self.path, *self.path.absolute().parents):
            if path.exists() and not path.is_dir():
                raise UsageError(
                    f"--root {self.path}: {path} is a file, expected a folder or a path where one can be made. "
                    "Give another --root, or set GLOVEBEAM_ROOT."
                )
