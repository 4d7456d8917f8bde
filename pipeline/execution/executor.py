"""Running one step so that its artifact is there as a whole or not at all."""

import contextlib
import errno
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from components.beam_options import BeamOptions
from pipeline.execution.cache_key import CacheKey
from pipeline.execution.code_digest import SourceCode
from pipeline.execution.contents import FileDigests, combined_digest, content_files
from pipeline.execution.folders import (
    CHECKPOINT,
    open_partial,
    partial_folder,
    put_in_place,
    remove_partials,
)
from pipeline.execution.planner import FORCED, Plan, Planner
from pipeline.execution.recording import add_pending, record_execution
from pipeline.execution.root import Root
from pipeline.execution.run_record import RunRecord, StepRecord
from pipeline.metadata import Metadata, StoredArtifact, now_ms
from pipeline.terminal.display import Display
from pipeline.terminal.json_log import JsonLog
from pipeline.terminal.rows import remark, rows, rows_in, span_remark
from schemas.artifacts import Artifact
from schemas.disk import remove_unfinished, sync_folder
from schemas.errors import DataError, GlovebeamError

Publishes = Callable[[Artifact], Path]


@dataclass(frozen=True)
class Executor:
    """Carries plans out for one run, which holds the root's lock."""

    root: Root
    metadata: Metadata
    digests: FileDigests
    display: Display | JsonLog
    record: RunRecord
    beam: BeamOptions

    @property
    def run_folder(self) -> Path:
        """Where this run's record lies."""
        return self.root.run_folder(self.record.run_id)

    def carry_out(self, plan: Plan, planner: Planner, publishes: Publishes | None) -> StoredArtifact:
        """Run the step, or enter that its artifact was there; either way it is in the records afterwards."""
        folder = planner.folder(plan)
        began_ms, began = now_ms(), time.monotonic()
        step = StepRecord(plan.call.name, "running", plan.why)
        self.record.steps.append(step)
        if plan.stored is not None:
            stored = plan.stored
            remove_partials(folder.parent)
        else:
            self.record.save(self.run_folder)
            stored = self._execute(plan, planner, folder, publishes)
            step.seconds = round(time.monotonic() - began, 3)
        inputs = {name: planner.known[artifact.path] for name, artifact in plan.call.inputs.items() if artifact}
        inputs |= {f"span {name}": planner.known[artifact.path] for name, artifact in plan.call.spans.items()}
        record_execution(
            self.metadata,
            self.record.run_id,
            _key(plan),
            "COMPLETE" if stored.state == "PENDING" else "CACHED",
            plan.why,
            began_ms,
            {name: artifact for name, artifact in inputs.items() if artifact},
            stored,
        )
        self.digests.memorize()
        self._enter(step, plan, stored)
        return stored

    def _enter(self, step: StepRecord, plan: Plan, stored: StoredArtifact) -> None:
        artifact = plan.call.produces(self.root.path / stored.uri)
        step.state = "cached" if plan.stored else "executed"
        step.rows_in, step.rows_out = rows_in(plan.call.inputs.values(), artifact), rows(artifact)
        step.remark = "; ".join(told for told in (span_remark(plan.call, artifact), remark(artifact)) if told) or None
        step.artifact = stored.uri
        self.record.note_results(artifact)
        self.record.save(self.run_folder)
        self.display.step_ended(self.record, self.root.path)

    def _execute(self, plan: Plan, planner: Planner, folder: Path, publishes: Publishes | None) -> StoredArtifact:
        key = _key(plan)
        for module in key.code:  # now, so that what is edited from here on is not what runs
            import_module(module.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        self._stop_if_changed(plan, planner, SourceCode())
        partial = partial_folder(folder, key.digest)
        open_partial(partial, keep_checkpoint=plan.why != FORCED)  # forced: from the beginning, whatever is there
        remove_partials(folder.parent, keep=partial)
        progress_file = (self.run_folder / ".progress").absolute()
        progress_file.unlink(missing_ok=True)
        beam = self.beam.model_copy(update={"progress_file": progress_file})
        with self.display.step(plan.call.name, plan.why, progress_file):
            try:
                artifact = plan.call.run({"out": partial.absolute(), "beam": beam, "on_epoch": self.display.on_epoch})
            except DataError as error:
                raise self._with_rejected(error, partial) from error
            except Exception:
                with contextlib.suppress(OSError):  # room for the run's record, where the disk is full
                    open_partial(partial, keep_checkpoint=True)
                raise
        progress_file.unlink(missing_ok=True)
        self._stop_if_changed(plan, planner, None if _works_in_this_process(self.beam) else SourceCode())
        return self._commit(plan, artifact, folder, publishes(artifact) if publishes else None)

    def _stop_if_changed(self, plan: Plan, planner: Planner, code: SourceCode | None) -> None:
        """An artifact must be of what its key says: source files, and code where it may have been loaded since."""
        if changes := planner.key(plan.call, code).changes_since(_key(plan)):
            raise GlovebeamError(
                f"{plan.call.name}: something it depends on was changed since the run began ({', '.join(changes)}). "
                "Finished steps are kept; run the same command again."
            )

    def _with_rejected(self, error: DataError, partial: Path) -> DataError:
        """The error with the rows that ingest refused kept beside the run's record."""
        rejected = partial / "rejected.jsonl"
        if not rejected.exists() or not rejected.stat().st_size:
            return error
        kept = self.run_folder / rejected.name
        shutil.copyfile(rejected, kept)
        return DataError(f"{error} The rejected rows are in {kept}.")

    def _commit(self, plan: Plan, artifact: Artifact, folder: Path, published: Path | None) -> StoredArtifact:
        partial = artifact.path
        shutil.rmtree(partial / CHECKPOINT, ignore_errors=True)
        remove_unfinished(partial)
        sync_folder(partial)
        if not content_files(partial):
            raise OSError(errno.ENOENT, "the step left an empty folder", str(partial))
        uri = self.root.relative(folder)
        names = {path.relative_to(partial).as_posix(): path for path in content_files(partial)}
        digests = {name: self.digests.sha256(path, known_as=folder / name) for name, path in names.items()}
        files = {f"{uri}/{name}": sha256 for name, sha256 in digests.items()}
        properties: dict[str, object] = {}
        if published is not None:
            sync_folder(published)
            files |= {self.root.relative(path): self.digests.sha256(path) for path in content_files(published)}
            properties = {"version": int(published.name), "published": [self.root.relative(published)]}
        kind = type(artifact).__name__
        stored = add_pending(self.metadata, kind, uri, combined_digest(digests), _key(plan), properties, files)
        put_in_place(partial, folder)
        return stored


def _works_in_this_process(beam: BeamOptions) -> bool:
    return beam.runner == "direct" and beam.mode != "multi_processing"


def _key(plan: Plan) -> CacheKey:
    if plan.key is None:
        raise ValueError(f"{plan.call.name}: an input of this step is not there yet")
    return plan.key
