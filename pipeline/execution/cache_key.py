"""What decides whether a step has to run, and in what words a change of it is told.

A key holds everything that shapes the step's output: code, arguments, content of inputs and of files read, versions of
libraries. It holds no paths, times, machines or Beam options.

>>> earlier = CacheKey("encode", {"components/encode.py": "1f"}, {"params": {"max_length": 80}}, {}, {}, {})
>>> key = CacheKey("encode", {"components/encode.py": "1f"}, {"params": {"max_length": 200}}, {}, {}, {})
>>> key.changes_since(earlier)
['params.max_length 80 -> 200']
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Self

ID_LENGTH = 12

# The libraries whose own behaviour ends up in the bytes of an artifact. Beam is not among them: it moves the work, and
# artifacts are the same for any of its runners.
LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "ingest": ("numpy", "pyarrow", "tensorflow-datasets"),
    "ingest_span": ("numpy", "pyarrow", "tensorflow-datasets"),
    "check_labels": ("keras", "numpy", "pyarrow", "tensorflow"),
    "measure_span": ("numpy", "pyarrow"),
    "count_span": ("numpy", "pyarrow"),
    "validate": ("numpy", "pyarrow", "tensorflow-metadata"),
    "build_vocabulary": ("numpy", "pyarrow"),
    "drift": ("numpy", "pyarrow", "tensorflow-metadata"),
    "embed": ("numpy", "pyarrow"),
    "encode": ("numpy", "pyarrow", "tensorflow-datasets"),
    "linear_floor": ("numpy", "pyarrow", "scikit-learn", "scipy", "tensorflow"),
    "train": ("keras", "numpy", "pyarrow", "scikit-learn", "scipy", "tensorflow"),
    "evaluate": ("keras", "numpy", "pyarrow", "scikit-learn", "scipy", "tensorflow"),
    "push": ("numpy", "pyarrow", "tensorflow"),
}


def library_versions(step: str) -> dict[str, str]:
    """Installed versions of the libraries that shape the step's output."""
    return {name: _version(name) for name in LIBRARIES.get(step, ())}


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


@dataclass(frozen=True)
class CacheKey:
    """All that shapes the output of one step; every mapping goes from a name people know to a value or a digest."""

    step: str
    code: Mapping[str, str]  # file -> digest of its syntax tree
    arguments: Mapping[str, Any]  # params, tokenizer, ... as JSON values
    inputs: Mapping[str, str | None]  # argument -> digest of the artifact's content; None where it is left out
    sources: Mapping[str, str]  # file outside the root -> digest of its content
    libraries: Mapping[str, str]  # distribution -> version

    @property
    def digest(self) -> str:
        """SHA-256 in hex."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Canonical JSON; equal keys are equal text."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what ``to_json`` wrote."""
        return cls(**json.loads(text))

    def changes_since(self, earlier: "CacheKey") -> list[str]:
        """Each difference in words: what a person changed themselves comes first."""
        arguments, code = _differences(earlier.arguments, self.arguments), _differences(earlier.code, self.code)
        sources, inputs = _differences(earlier.sources, self.sources), _differences(earlier.inputs, self.inputs)
        libraries = _differences(earlier.libraries, self.libraries)
        return [
            *(f"{name} {_shown(old)} -> {_shown(new)}" for name, old, new in arguments),
            *(f"code changed: {name}" for name, _, _ in code),
            *(f"source {name} {_change(old, new)}" for name, old, new in sources),
            *(f"input {name} {_change(old, new)}" for name, old, new in inputs),
            *(f"{name} {_shown(old)} -> {_shown(new)}" for name, old, new in libraries),
        ]


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(dotted name, old value, new value) wherever two nested mappings differ; None stands for a missing value."""
    for name in dict.fromkeys([*old, *new]):
        was, now = old.get(name), new.get(name)
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            yield from _differences(was, now, f"{prefix}{name}.")
        elif was != now:
            yield f"{prefix}{name}", was, now


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _change(old: str | None, new: str | None) -> str:
    return "added" if old is None else "left out" if new is None else "changed"
