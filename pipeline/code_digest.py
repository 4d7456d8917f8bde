"""Digests of source code that change when the code changes, and not when its comments, docstrings or layout do.

In: the name of a module. Out: the digest of its syntax tree and of the tree of every project module it imports,
directly or through others, at the top or inside a function. Imports under ``if TYPE_CHECKING`` never run and do not
count. Imports by computed name and data files are not seen; steps hand the latter to the runner as ``reads``.
"""

import ast
import hashlib
import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PROJECT_PACKAGES = frozenset({"components", "schemas"})


def code_digests(module: str) -> dict[str, str]:
    """The file of each module that the given one is made of, as ``components/encode.py``, and its digest."""
    project = PROJECT_PACKAGES | {module.partition(".")[0]}
    found: dict[str, str] = {}
    seen: set[str] = set()
    to_visit = [module]
    while to_visit:
        name = to_visit.pop()
        path = None if name in seen or name.partition(".")[0] not in project else _source_file(name)
        seen.add(name)
        if path is None:
            continue
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        digest, imported = _parsed(path.read_bytes(), package)
        found[_shown(name, path)] = digest
        to_visit += [*imported, *_parents(name)]
    return dict(sorted(found.items()))


@cache
def _parsed(source: bytes, package: str) -> tuple[str, tuple[str, ...]]:
    """The digest of one file's code, and the names of modules it may import."""
    tree = ast.parse(source)
    return hashlib.sha256(_shape(tree).encode()).hexdigest()[:16], tuple(sorted(set(_imports(tree, package))))


def _shape(node: object) -> str:
    """The syntax tree as text, without positions, docstrings and empty fields (which differ between Pythons)."""
    if isinstance(node, ast.AST):
        fields = (f"{name}={_shape(value)}" for name, value in ast.iter_fields(node) if value not in (None, []))
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return f"[{','.join(_shape(item) for item in node if not _is_bare_string(item))}]"
    return repr(node)


def _is_bare_string(node: object) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imports(node: ast.AST, package: str) -> Iterator[str]:
    """Names of all modules that the tree may import; ``from a import b`` gives a and a.b, since b may be a module."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.If) and _is_type_checking(node.test):
        for statement in node.orelse:
            yield from _imports(statement, package)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _imports(child, package)


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


@cache
def _top_level(name: str) -> tuple[Path | None, Path | None]:
    """The folder of a top-level package, or the file of a top-level module; found without importing anything."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        return None, None
    folders = list(spec.submodule_search_locations or [])
    return (Path(folders[0]), None) if folders else (None, Path(spec.origin) if spec.origin else None)


def _source_file(module: str) -> Path | None:
    """The module's file; None where the name is not a module (a class or function of ``from a import b``)."""
    top, *rest = module.split(".")
    folder, file = _top_level(top)
    if folder is None:
        return file if not rest else None
    stem = folder.joinpath(*rest)
    candidates = [stem / "__init__.py", *([stem.with_name(f"{stem.name}.py")] if rest else [])]
    return next((path for path in candidates if path.is_file()), None)


def _shown(module: str, path: Path) -> str:
    parts = module.replace(".", "/")
    return f"{parts}/__init__.py" if path.name == "__init__.py" else f"{parts}.py"
