"""The base of every parameter record: frozen, typed, and closed to unknown keys."""

from pydantic import BaseModel, ConfigDict


class Params(BaseModel):
    """Parameters of one step; construction raises ``pydantic.ValidationError`` on a bad value or an unknown key.

    >>> class JoinParams(Params):
    ...     seed: int = 0
    >>> JoinParams(seed=3).model_dump()
    {'seed': 3}
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, validate_default=True)
