"""Runs the steps of a dag one by one, each only when it has to; or only tells what would run.

``run(step, *arguments)`` binds the arguments to the step's own signature, takes the artifact from the cache or runs the
step, and returns the artifact. With no executor nothing is written, and artifacts that would be made are empty paths.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from pipeline.execution.executor import Executor, Publishes
from pipeline.execution.planner import Planner
from pipeline.execution.served import Served
from pipeline.execution.step_call import Reads, StepCall
from pipeline.execution.training_data import TrainedOn
from pipeline.metadata import StoredArtifact
from pipeline.terminal.display import Display
from pipeline.terminal.json_log import JsonLog
from schemas.artifacts import Artifact, EncodedExamples, ValidationReport, VocabularyArtifact
from schemas.model_artifacts import Model

A = TypeVar("A", bound=Artifact)


class LastStepReached(Exception):  # noqa: N818 - no error: what was asked for is done
    """The step named by ``--to`` is done, or left out by the configuration."""


@dataclass(frozen=True)
class Runner:
    """What a dag calls."""

    planner: Planner
    display: Display | JsonLog
    executor: Executor | None  # None: a dry run
    parts_run: set[Path] = field(default_factory=set)  # artifacts of single spans that this run has made

    @property
    def serving(self) -> Path:
        """The folder of published versions."""
        return self.planner.root.serving

    def served_before(self, model: Model) -> Served:
        """The newest published version that holds another model."""
        served = self.planner.served_before(model)
        if served.version is not None and served.model is None:
            self.note(
                f"the training artifact of serving version {served.version} is gone or altered, so the candidate "
                "is not compared with it"
            )
        return served

    def warm_start(self, encoded: EncodedExamples) -> Model | None:
        """The published model that a training on these examples goes on from; None where there is none."""
        start = self.planner.warm_start(encoded)
        if start.model is None and start.problem is not None:
            self.note(f"cold start: {start.problem}")
        return start.model

    def trained_on_before(self, report: ValidationReport, vocabulary: VocabularyArtifact) -> TrainedOn:
        """The statistics of what the serving model was trained on, where those of this run are others."""
        trained = self.planner.trained_on_before(report, vocabulary)
        if trained.version is not None and trained.report is None:
            self.note(
                f"the statistics of what version {trained.version} was trained on are gone or altered, so the new "
                "examples are not compared with them"
            )
        return trained

    def note(self, text: str) -> None:
        """Something that a person should know, and that stops nothing."""
        self.display.note(text)
        if self.executor is not None:
            self.executor.record.notes.append(text)

    def is_settled_by_rollback(self, model: Model) -> bool:
        """Whether a person has decided about this very model by a rollback, so that a run leaves what serves alone."""
        reason = self.planner.settled_by_rollback(model)
        if reason is not None:
            self.note(f"nothing to publish: {reason}")
        return reason is not None

    def __call__(
        self,
        step: Callable[..., A],
        *arguments: object,
        reads: Reads | None = None,
        check: Callable[[A], None] | None = None,
        publishes: Callable[[A], Path] | None = None,
        spans: Callable[[], Mapping[str, Artifact]] | None = None,
        **also: Any,
    ) -> A:
        """The artifact of one step.

        Args:
            step: the function of a component.
            arguments: as in its signature, up to ``out``.
            reads: params -> files outside the root that the step reads.
            check: raises when the artifact must stop the run; called also for a cached one.
            publishes: the folder outside the artifact that belongs to it.
            spans: gives what is there of each span, which the step puts together; called only if the step has to run.
            also: further values that the output depends on.
        """
        call = StepCall.bind(step, arguments, also, reads)
        if self.planner.is_past_the_last(call.name):
            raise LastStepReached
        plan = self.planner.plan(call)
        stored: StoredArtifact | None
        if spans is not None and plan.stored is None and self.executor is not None:
            there = spans()
            read = frozenset(name for name, artifact in there.items() if artifact.path in self.parts_run)
            plan = replace(plan, call=replace(call, spans=there, spans_read=read))
        if self.executor is not None:
            stored = self.executor.carry_out(plan, self.planner, cast(Publishes | None, publishes))
        else:
            stored = plan.stored
            self.display.planned(call.name, plan.why, is_cached=stored is not None)
        artifact = cast(A, call.produces(self.planner.folder(plan)))
        self.planner.known[artifact.path] = stored
        if stored is not None and check is not None:
            check(artifact)
        if call.name == self.planner.selection.last:
            raise LastStepReached
        return artifact

    def part(
        self,
        step: Callable[..., A],
        *arguments: object,
        of: str,
        span: str,
        reads: Reads | None = None,
        check: Callable[[A], None] | None = None,
        **also: Any,
    ) -> A:
        """The artifact of one span, made for a step of the dag that has to run; nothing is told where it is cached."""
        if self.executor is None:
            raise ValueError("a dry run takes no steps apart")
        call = replace(StepCall.bind(step, arguments, {**also, "span": span}, reads), part_of=of)
        plan = self.planner.plan(call)
        artifact = cast(A, call.produces(self.planner.folder(plan)))
        stored = plan.stored
        if stored is None:
            stored = self.executor.carry_out(plan, self.planner, None)
            self.parts_run.add(artifact.path)
        self.planner.known[artifact.path] = stored
        if check is not None:
            check(artifact)
        return artifact
