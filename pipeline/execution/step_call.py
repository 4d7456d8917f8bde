"""A call of a step, taken apart by the step's own signature.

Artifacts among the arguments are its inputs, params and the like are what it is asked, a plain path is a place and
means nothing to its output; ``out``, ``beam`` and ``on_epoch`` are handed over when the step runs.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, get_type_hints

from pipeline.execution.contents import named_by_parent
from schemas.artifacts import Artifact
from schemas.params import Params

_PLACES = frozenset({"source", "schema_file"})  # parameters that may say where a file lies
Reads = Callable[[Any], Iterable[Path]]


@dataclass(frozen=True)
class StepCall:
    """One step with its arguments by name.

    Args:
        step: the function of a component.
        given: its arguments, without those that come when it runs.
        also: further values that its output depends on, such as the version that is served now.
        reads: params -> the files outside the root whose content the step reads.
        spans: what is there of each span of the source. It only spares work, and so is in no key.
        spans_read: those that were made in this run.
        part_of: the step of the dag that this call works for, on one span.
    """

    step: Callable[..., Artifact]
    given: Mapping[str, Any]
    also: Mapping[str, Any]
    reads: Reads | None
    spans: Mapping[str, Artifact] = field(default_factory=dict)
    spans_read: frozenset[str] = frozenset()
    part_of: str | None = None

    @classmethod
    def bind(
        cls, step: Callable[..., Artifact], given: Iterable[object], also: Mapping[str, Any], reads: Reads | None
    ) -> Self:
        """Name the positional arguments as the step's signature does."""
        return cls(step, inspect.signature(step).bind_partial(*given).arguments, also, reads)

    @property
    def name(self) -> str:
        """The step."""
        return self.step.__name__

    @property
    def takes_spans(self) -> bool:
        """Whether the step can put together what is there of each span."""
        return "spans" in inspect.signature(self.step).parameters

    @property
    def produces(self) -> type[Artifact]:
        """The type of artifact that the step is annotated with."""
        artifact_type: type[Artifact] = get_type_hints(self.step)["return"]
        return artifact_type

    @property
    def inputs(self) -> dict[str, Artifact | None]:
        """Artifacts by argument; None where an optional one is left out."""
        return {name: value for name, value in self.given.items() if value is None or isinstance(value, Artifact)}

    @property
    def arguments(self) -> dict[str, Any]:
        """Everything else that is in the cache key, as JSON values."""
        params = {name: self._params(value) for name, value in self.given.items() if isinstance(value, Params)}
        return {**params, **self.also}

    def _params(self, params: Params) -> dict[str, Any]:
        """The values without places: what a file holds is in the key, where it lies is not."""
        values = params.model_dump(mode="json")
        if self.reads is None:
            return values
        values = {name: value for name, value in values.items() if not isinstance(getattr(params, name), Path)}
        return {name: _without_folder(value) if name in _PLACES else value for name, value in values.items()}

    def source_files(self) -> dict[str, Path]:
        """The files outside the root that the step reads, by their path below the folder that they share."""
        return {} if self.reads is None else named_by_parent(self.reads(self.given["params"]))

    def run(self, supplied: Mapping[str, Any]) -> Artifact:
        """Call the step, with those of the supplied arguments that it takes."""
        wanted = inspect.signature(self.step).parameters.keys() - self.given.keys()
        given = {name: _absolute(value) for name, value in self.given.items()}
        spans = {name: _absolute(artifact) for name, artifact in self.spans.items()}
        supplied = {**supplied, "spans": spans or None}
        return self.step(**given, **{name: value for name, value in supplied.items() if name in wanted})


def _absolute(value: Any) -> Any:
    """An artifact by its absolute path, since workers may have another current folder."""
    return type(value)(value.path.absolute()) if isinstance(value, Artifact) else value


def _without_folder(place: str) -> str:
    """A place without the folder it is in; a pattern or the member of an archive keeps its own slashes."""
    path = folder = Path(place).expanduser()
    while not folder.parent.is_dir():
        folder = folder.parent
    return path.relative_to(folder.parent).as_posix() if "/" in place else place
