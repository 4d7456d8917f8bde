"""What a run learns about the model that serves."""

from dataclasses import dataclass

from schemas.model_artifacts import Model, PushedModel


@dataclass(frozen=True)
class Served:
    """The newest published version that holds another model than the candidate."""

    version: int | None = None
    model: Model | None = None


@dataclass(frozen=True)
class WarmStart:
    """The model that a training goes on from, or why there is none; neither where the same data gave a cold start."""

    model: Model | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Serving:
    """The published version that serves."""

    version: int
    model: Model
    pushed: PushedModel
    learned_from: frozenset[str]  # digests of all examples behind the model, also of single spans
