"""Which steps have to run, and why. Reads the root and the sources; only ``recover`` writes."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipeline.execution.cache_key import ID_LENGTH, CacheKey, library_versions
from pipeline.execution.code_digest import SourceCode
from pipeline.execution.contents import FileDigests, combined_digest, damage
from pipeline.execution.folders import partial_folder, put_in_place
from pipeline.execution.publications import publications, settled_by_rollback
from pipeline.execution.recording import forget_pending
from pipeline.execution.root import Root
from pipeline.execution.served import Served, Serving, WarmStart
from pipeline.execution.step_call import StepCall
from pipeline.execution.training_data import TrainedOn, training_data
from pipeline.metadata import Metadata, StoredArtifact
from pipeline.terminal.lines import age
from schemas.artifacts import Artifact, Examples
from schemas.errors import UsageError
from schemas.model_artifacts import Model, PushedModel

_SOURCES_BY_NAME = 50  # beyond this many, a key holds one digest of all of them
_CHANGES_SHOWN = 3
FORCED = "forced"


@dataclass(frozen=True)
class Selection:
    """Which part of the pipeline a run is about."""

    first: str | None = None  # earlier steps are taken as they are
    last: str | None = None  # later steps are left out
    force: Sequence[str] = ()


def select(steps: Sequence[str], first: str | None, last: str | None, force: Sequence[str]) -> Selection:
    """A selection whose steps exist and come in order; raises ``UsageError`` otherwise."""
    options = [("--from", first), ("--to", last), *(("--force", step) for step in force)]
    for option, step in options:
        if step is not None and step not in steps:
            near = difflib.get_close_matches(step, steps, n=1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise UsageError(f"{option} {step}: there is no such step.{meant} Steps: {', '.join(steps)}.")
    earliest, latest = steps.index(first or steps[0]), steps.index(last or steps[-1])
    for option, step in options:
        if step is not None and not earliest <= steps.index(step) <= latest:
            raise UsageError(
                f"{option} {step} lies outside what is to run, {steps[earliest]} to {steps[latest]}. "
                f"The order is: {', '.join(steps)}."
            )
    return Selection(first, last, force)


@dataclass(frozen=True)
class Plan:
    """What is to be done about one step."""

    call: StepCall
    action: Literal["run", "cached"]
    why: str
    key: CacheKey | None  # None where an input is not there yet
    stored: StoredArtifact | None = None  # what is cached


@dataclass
class Planner:
    """Plans one step after the other; ``known`` holds the artifacts that earlier steps gave, None where yet to come."""

    root: Root
    metadata: Metadata
    digests: FileDigests
    selection: Selection
    steps: Sequence[str]
    code: SourceCode = field(default_factory=SourceCode)
    known: dict[Path, StoredArtifact | None] = field(default_factory=dict)

    def plan(self, call: StepCall) -> Plan:
        """Decide on one step.

        Raises:
            UsageError: the step comes before ``selection.first`` and has no artifact that could be taken.
        """
        if self._is_skipped(call.part_of or call.name):
            return self._taken(call)
        coming = [name for name, artifact in call.inputs.items() if artifact and self.known[artifact.path] is None]
        if coming:
            return Plan(call, "run", f"input {', '.join(coming)} would change", None)
        key = self.key(call)
        if (call.part_of or call.name) in self.selection.force:
            return Plan(call, "run", FORCED, key)
        problem = None
        for stored in self.candidates(key):
            problem = self.damage(stored)
            if problem is None:
                return Plan(call, "cached", f"{stored.uri.rpartition('/')[2][:4]}, {age(stored)}", key, stored)
        return Plan(call, "run", f"artifact {problem}" if problem else self._changes(key), key)

    def key(self, call: StepCall, code: SourceCode | None = None) -> CacheKey:
        """All that the step's output depends on; the code as it was when the run began, unless given."""
        sources = {name: self.digests.sha256(path) for name, path in call.source_files().items()}
        if len(sources) > _SOURCES_BY_NAME:
            sources = {f"{len(sources):,} files": combined_digest(sources)}
        return CacheKey(
            step=call.name,
            code=(code or self.code).digests(call.step.__module__),
            arguments=call.arguments,
            inputs=self._input_digests(call),
            sources=sources,
            libraries=library_versions(call.name),
        )

    def candidates(self, key: CacheKey) -> list[StoredArtifact]:
        """Artifacts that may serve as the step's output, if their files are in order."""
        return self.metadata.artifacts("a.cache_key = ? AND a.state <> 'DELETED'", key.digest)

    def damage(self, stored: StoredArtifact) -> str | None:
        """What is wrong with the files of an artifact; None where they are as they were made."""
        folders = [stored.uri, *stored.properties.get("published", [])]
        return damage(self.root.path, folders, self.metadata.files(stored), self.digests)

    def recover(self) -> None:
        """Settle what a killed run left between finishing an artifact and entering it; needs the root's lock."""
        for stored in self.metadata.artifacts("a.state = 'PENDING'"):
            folder = self.root.path / stored.uri
            partial = partial_folder(folder, str(stored.cache_key))
            if self.damage(stored) and partial.exists():
                put_in_place(partial, folder)
            if self.damage(stored):
                forget_pending(self.metadata, stored)

    def folder(self, plan: Plan) -> Path:
        """Where the artifact of a plan lies or is going to lie."""
        name = plan.key.digest[:ID_LENGTH] if plan.key else "pending"
        return self.root.artifacts / plan.call.name / name

    def served_before(self, model: Artifact) -> Served:
        """The newest published version whose model is another one, and that model if it is still there."""
        candidate = self.known[model.path]
        for publication in publications(self.root, self.metadata):
            served = publication.model
            if candidate is None or served.digest != candidate.digest:
                if self.damage(served):
                    return Served(publication.version)
                self.known[self.root.path / served.uri] = served
                return Served(publication.version, Model(self.root.path / served.uri))
        return Served()

    def warm_start(self, encoded: Artifact) -> WarmStart:
        """The model that a training on these examples goes on from.

        It is the one that serves, unless that one was trained on these very examples: then it is what that one went on
        from. So nothing is learnt twice, and where nothing is new the model that serves is found in the cache.
        """
        published = publications(self.root, self.metadata)
        if not published:
            return WarmStart(problem="no model serves yet")
        version, served = published[0].version, published[0].model
        inputs = self.metadata.inputs(served)
        examples = self.known[encoded.path]
        if examples is not None and inputs["encoded"].digest == examples.digest:
            if "initial" not in inputs:
                return WarmStart()
            served = inputs["initial"]  # what a cached training needs of it is the digest
        elif problem := self.damage(served):
            return WarmStart(problem=f"the training artifact of serving version {version} is {problem}")
        self.known[self.root.path / served.uri] = served
        return WarmStart(Model(self.root.path / served.uri))

    def trained_on_before(self, report: Artifact, vocabulary: Artifact) -> TrainedOn:
        """The newest published version whose training data had other statistics, and those if they are still there.

        A version that was trained on the very examples of this run is passed over: so a run that is repeated compares
        with what it compared with before.
        """
        new = {artifact.digest for path in (report.path, vocabulary.path) if (artifact := self.known[path])}
        for publication in publications(self.root, self.metadata):
            found = training_data(self.root, self.metadata, self.digests, publication)
            if found is None:
                return TrainedOn(publication.version)
            if {found.report.digest, found.vocabulary.digest} != new:
                self.known |= {self.root.path / stored.uri: stored for stored in (found.report, found.vocabulary)}
                return found.of_version(publication.version, self.root)
        return TrainedOn()

    def is_past_the_last(self, step: str) -> bool:
        """Whether the step comes after the last one asked for, which the configuration may leave out."""
        last = self.selection.last
        return last is not None and self.steps.index(step) > self.steps.index(last)

    def serving(self) -> Serving | None:
        """What serves now; None where nothing does, or its files are gone or altered."""
        for publication in publications(self.root, self.metadata)[:1]:
            stored = (publication.model, publication.pushed)
            if any(self.damage(artifact) for artifact in stored):
                return None
            self.known |= {self.root.path / artifact.uri: artifact for artifact in stored}
            model, pushed = (self.root.path / artifact.uri for artifact in stored)
            behind = self.metadata.ancestors([publication.model.id])
            learned_from = frozenset(artifact.digest for artifact in behind if artifact.type == Examples.__name__)
            return Serving(publication.version, Model(model), PushedModel(pushed), learned_from)
        return None

    def settled_by_rollback(self, model: Artifact) -> str | None:
        """Why the candidate is not to be published, where a rollback has settled that."""
        candidate = self.known[model.path]
        if candidate is None:
            return None
        return settled_by_rollback(publications(self.root, self.metadata), candidate.digest)

    def _is_skipped(self, step: str) -> bool:
        first = self.selection.first
        return first is not None and self.steps.index(step) < self.steps.index(first)

    def _input_digests(self, call: StepCall) -> dict[str, str | None]:
        stored = {name: artifact and self.known[artifact.path] for name, artifact in call.inputs.items()}
        return {name: artifact.digest if artifact else None for name, artifact in stored.items()}

    def _changes(self, key: CacheKey) -> str:
        span = key.arguments.get("span")
        earlier = self.metadata.last_key(key.step, span)
        if earlier is None:
            return "new span" if span else "first run"
        changes = key.changes_since(earlier)
        more = [f"and {len(changes) - _CHANGES_SHOWN} more"] if len(changes) > _CHANGES_SHOWN else []
        return ", ".join([*changes[:_CHANGES_SHOWN], *more]) or "its artifact was removed"

    def _taken(self, call: StepCall) -> Plan:
        """The latest artifact made with the same arguments from the same inputs, whatever has become of the code."""
        earlier = list(self.metadata.keys(call.name))
        inputs = self._input_digests(call)
        for key in earlier:
            if key.arguments == call.arguments and key.inputs == inputs:
                for stored in self.candidates(key):
                    if self.damage(stored) is None:
                        why = f"{stored.uri.rpartition('/')[2][:4]}, {age(stored)}, taken as it is"
                        return Plan(call, "cached", why, key, stored)
        found = "it has never run" if not earlier else "what is there was made with other parameters or is damaged"
        raise UsageError(
            f"--from {self.selection.first} takes {call.name} as it is, but {self.root.path} has no {call.name} for "
            f"this config: {found}. Leave out --from, or run with --to {call.name} first."
        )
